import { constant, f32, i64, input, mapKernel, output, ragged, struct, u32, uniform } from '@gpu-bridge/kernels';
import { METHOD, NODE_BUDGET } from '../rules/method.js';
import { pairBuckets, runCursors } from './flow-making.js';
import { groupUnits, orderByCell } from './grouping.js';
import { sortByKey, sortUnits } from './sorting.js';
import { matchUnits } from './unit-match.js';
import { WORKING_SPACE } from './working-space.js';

/**
 * The rules of RULES.md for one sub-entry per item.
 *
 * `direction`: 0 for flows from credit to debit lines, 1 for the other way. The lines are in canonical order, their
 * Σ|amount| is below 2^63. Flows come by (fromLine, toLine); their line numbers count within the sub-entry, whose line
 * count stands for the suspense line. `summary.residue` is Σ amount, what the suspense line makes up for; `method` is 0
 * where there are no flows.
 *
 * Inside, the sides are called by where flows start. Lines with an amount, and the suspense line, are the units: those of
 * the from side are numbered from 0, those of the to side follow. A side's order stands at the same places.
 */
export const jeDecomposition = mapKernel(
  'je-decomposition',
  {
    params: {
      lines: input(ragged(struct({ amount: i64, account: u32, accountClass: u32 }))),
      direction: uniform(u32),
      flows: output(
        ragged(struct({ fromLine: u32, toLine: u32, amount: i64, method: u32, confidence: f32 }), { max: [1, 1] }),
      ),
      summary: output(struct({ method: u32, residue: i64 })),
      ...WORKING_SPACE,
    },
    constants: {
      A: constant(u32, METHOD.A),
      B: constant(u32, METHOD.B),
      C: constant(u32, METHOD.C),
      D: constant(u32, METHOD.D),
      E: constant(u32, METHOD.E),
      SURE_C: constant(f32, 0.85),
      SURE_D: constant(f32, 0.7),
      LINE_BUDGET: constant(u32, NODE_BUDGET.lines),
      ACCOUNT_BUDGET: constant(u32, NODE_BUDGET.accounts),
      CLASS_BUDGET: constant(u32, NODE_BUDGET.classes),
    },
    uses: { sortUnits, sortByKey, matchUnits, groupUnits, orderByCell, pairBuckets, runCursors },
  },
  (k, p) => {
    const { lines, flows, summary, line, amount, byAmount, cell, spare, target, sortKey } = p;
    const { A, B, C, D, E, SURE_C, SURE_D } = k.constants;
    const length = lines.length;
    // Complement and one more turn the sign of amounts when flows start at credits: x -> (x ^ -1) - -1.
    const turn = k.select(p.direction === 0, k.i64(-1n), k.i64(0n));
    let n = k.u32(0);
    let m = k.u32(0);
    let balance = k.i64(0n);
    let oneFrom = k.u32(0);
    let oneTo = k.u32(0);
    for (let i = k.u32(0); i < length; i++) {
      const value = (lines.amount[i]! ^ turn) - turn;
      balance += value;
      n += k.u32(value > 0n);
      m += k.u32(value < 0n);
      oneFrom = k.select(value > 0n, i, oneFrom);
      oneTo = k.select(value < 0n, i, oneTo);
    }
    summary.residue = (balance ^ turn) - turn;

    // Where one side has one line and nothing is missing, its flows need no more than the input.
    if (balance === 0n) {
      if (n === 1 && m === 1) {
        flows.push({
          fromLine: oneFrom,
          toLine: oneTo,
          amount: k.abs(lines.amount[oneFrom]!),
          method: A,
          confidence: 1,
        });
        summary.method = A;
        return;
      }
      if (n === 1) {
        for (let i = k.u32(0); i < length; i++) {
          const value = lines.amount[i]!;
          if (value !== 0n && i !== oneFrom)
            flows.push({ fromLine: oneFrom, toLine: i, amount: k.abs(value), method: C, confidence: SURE_C });
        }
        summary.method = C;
        return;
      }
      if (m === 1) {
        for (let i = k.u32(0); i < length; i++) {
          const value = lines.amount[i]!;
          if (value !== 0n && i !== oneTo)
            flows.push({ fromLine: i, toLine: oneTo, amount: k.abs(value), method: C, confidence: SURE_C });
        }
        summary.method = C;
        return;
      }
      if (n === 0) {
        summary.method = 0;
        return;
      }
    }

    // Units, with the suspense line where the sides do not balance.
    n += k.u32(balance < 0n);
    let from = k.u32(0);
    let to = n;
    for (let i = k.u32(0); i < length; i++) {
      const value = (lines.amount[i]! ^ turn) - turn;
      if (value > 0n) {
        line[from] = i;
        amount[from] = value;
        from++;
      } else if (value < 0n) {
        line[to] = i;
        amount[to] = 0n - value;
        to++;
      }
    }
    if (balance < 0n) {
      line[from] = length;
      amount[from] = 0n - balance;
    } else if (balance > 0n) {
      m++;
      line[to] = length;
      amount[to] = balance;
    }

    if (n === 1 && m === 1) {
      // One line against the suspense line.
      flows.push({ fromLine: line[0]!, toLine: line[1]!, amount: amount[0]!, method: A, confidence: 0 });
      summary.method = A;
      return;
    }
    if (n !== 1 && m !== 1) {
      k.uses.sortUnits({ amount, order: byAmount, spare, at: 0, count: n });
      k.uses.sortUnits({ amount, order: byAmount, spare, at: n, count: m });
    }
    const matched = k.uses.matchUnits({
      amount,
      byAmount,
      cell,
      aCount: n,
      b: n,
      bCount: m,
      budget: k.constants.LINE_BUDGET,
      target,
      pool: p.pool,
      poolByAmount: p.poolByAmount,
      poolAmount: p.poolAmount,
      freeAt: p.freeAt,
      takenAt: p.takenAt,
      available: p.available,
      availableIndex: p.availableIndex,
      availableAmount: p.availableAmount,
      nextEqual: p.nextEqual,
      top: p.top,
      pick: p.pick,
      mayHold: p.mayHold,
    });
    if (matched) {
      if (n === m) {
        k.uses.pairBuckets({
          accountOfLine: lines.account,
          line,
          amount,
          byAmount,
          count: n,
          partner: cell,
          confidence: p.sureness,
        });
        for (let unit = k.u32(0); unit < n; unit++) {
          const fromLine = line[unit]!;
          const toLine = line[cell[unit]!]!;
          const sure = k.select(fromLine === length || toLine === length, k.f32(0), p.sureness[unit]!);
          flows.push({ fromLine, toLine, amount: amount[unit]!, method: B, confidence: sure });
        }
        summary.method = B;
        return;
      }
      // The units of the larger side go whole, by the line of their target where that is where flows start.
      let first = k.u32(0);
      let end = n;
      if (n < m) {
        first = n;
        end = n + m;
        for (let unit = first; unit < end; unit++) {
          byAmount[unit] = unit;
          sortKey[unit] = 0n - k.i64(cell[unit]!);
        }
        k.uses.sortByKey({ key: sortKey, order: byAmount, spare, at: first, count: m });
      }
      for (let i = first; i < end; i++) {
        let unit = i;
        if (n < m) unit = byAmount[i]!;
        const own = line[unit]!;
        const other = line[cell[unit]!]!;
        const sure = k.select(own === length || other === length, k.f32(0), SURE_C);
        flows.push({
          fromLine: k.select(n < m, other, own),
          toLine: k.select(n < m, own, other),
          amount: amount[unit]!,
          method: C,
          confidence: sure,
        });
      }
      summary.method = C;
      return;
    }

    // Steps 4 and 5 of RULES.md §3: groups by account, then by class, as long as there are fewer.
    const { group, groupAmount, groupByAmount, groupCell, flowFrom, flowTo, flowAmount, flowOrder } = p;
    let units = n + m;
    let grouped = false;
    for (let step = k.u32(0); step < 2 && !grouped; step++) {
      const byAccount = step === 0;
      for (let unit = k.u32(0); unit < n + m; unit++) {
        const own = line[unit]!;
        let key = k.u32(0);
        if (own < length) {
          if (byAccount) key = lines.account[own]!;
          else key = lines.accountClass[own]!;
        }
        flowTo[unit] = key;
      }
      const groupsFrom = k.uses.groupUnits({
        key: flowTo,
        amount,
        at: 0,
        count: n,
        lastApart: balance < 0n,
        group,
        groupAmount,
        first: flowFrom,
        order: flowOrder,
        spare,
        sortKey,
      });
      const groupsTo = k.uses.groupUnits({
        key: flowTo,
        amount,
        at: n,
        count: m,
        lastApart: balance > 0n,
        group,
        groupAmount,
        first: flowFrom,
        order: flowOrder,
        spare,
        sortKey,
      });
      if (groupsFrom + groupsTo < units) {
        units = groupsFrom + groupsTo;
        if ((groupsFrom !== 1 && groupsTo !== 1) || groupsFrom === groupsTo) {
          k.uses.sortUnits({ amount: groupAmount, order: groupByAmount, spare, at: 0, count: groupsFrom });
          k.uses.sortUnits({ amount: groupAmount, order: groupByAmount, spare, at: n, count: groupsTo });
        }
        grouped = k.uses.matchUnits({
          amount: groupAmount,
          byAmount: groupByAmount,
          cell: groupCell,
          aCount: groupsFrom,
          b: n,
          bCount: groupsTo,
          budget: k.select(byAccount, k.constants.ACCOUNT_BUDGET, k.constants.CLASS_BUDGET),
          target,
          pool: p.pool,
          poolByAmount: p.poolByAmount,
          poolAmount: p.poolAmount,
          freeAt: p.freeAt,
          takenAt: p.takenAt,
          available: p.available,
          availableIndex: p.availableIndex,
          availableAmount: p.availableAmount,
          nextEqual: p.nextEqual,
          top: p.top,
          pick: p.pick,
          mayHold: p.mayHold,
        });
      }
    }
    if (grouped) {
      k.uses.orderByCell({ group, groupCell, at: 0, count: n, order: byAmount, spare, sortKey });
      k.uses.orderByCell({ group, groupCell, at: n, count: m, order: byAmount, spare, sortKey });
    }
    const steps = k.uses.runCursors({
      amount,
      order: byAmount,
      n,
      m,
      flowFrom,
      flowTo,
      flowAmount,
      flowOrder,
      spare,
      sortKey,
    });
    const method = k.select(grouped, D, E);
    const base = k.select(grouped, SURE_D, k.f32(1) / k.f32(steps));
    for (let i = k.u32(0); i < steps; i++) {
      const flow = flowOrder[i]!;
      const fromLine = line[flowFrom[flow]!]!;
      const toLine = line[flowTo[flow]!]!;
      const sure = k.select(fromLine === length || toLine === length, k.f32(0), base);
      flows.push({ fromLine, toLine, amount: flowAmount[flow]!, method, confidence: sure });
    }
    summary.method = method;
  },
);
