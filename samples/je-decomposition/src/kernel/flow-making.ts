import { array, f32, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';
import { sortByKey } from './sorting.js';

/** Whether the units at places `[start, end)` of the amount order have one account; the suspense line has its own. */
const sameAccount = helper(
  'sameAccount',
  { args: { accountOfLine: array(u32), line: array(u32), byAmount: array(u32), start: u32, end: u32 }, returns: u32 },
  (_k, { accountOfLine, line, byAmount, start, end }) => {
    const first = line[byAmount[start]!]!;
    if (first >= accountOfLine.length) return 0;
    for (let i = start + 1; i < end; i++) {
      const other = line[byAmount[i]!]!;
      if (other >= accountOfLine.length || accountOfLine[other]! !== accountOfLine[first]!) return 0;
    }
    return 1;
  },
);

/** Method B (RULES.md §5): the partner of each unit `[0, count)`, and the confidence of their flow. */
export const pairBuckets = helper(
  'pairBuckets',
  {
    args: {
      accountOfLine: array(u32),
      line: array(u32),
      amount: array(i64),
      byAmount: array(u32),
      count: u32,
      partner: mutableArray(u32),
      confidence: mutableArray(f32),
    },
    uses: { sameAccount },
  },
  (k, { accountOfLine, line, amount, byAmount, count, partner, confidence }) => {
    let i = k.u32(0);
    while (i < count) {
      const value = amount[byAmount[i]!]!;
      let end = i + 1;
      while (end < count && amount[byAmount[end]!]! === value) end++;
      let sure = k.f32(1);
      if (end - i > 1) {
        let same = k.uses.sameAccount({ accountOfLine, line, byAmount, start: i, end });
        if (same === 0)
          same = k.uses.sameAccount({ accountOfLine, line, byAmount, start: count + i, end: count + end });
        if (same === 0) sure = k.f32(1) / k.f32(end - i);
      }
      while (i < end) {
        const unit = byAmount[i]!;
        partner[unit] = byAmount[count + i]!;
        confidence[unit] = sure;
        i++;
      }
    }
  },
);

/**
 * The two cursors of RULES.md §7 over the units `[0, n)` and `[n, n + m)` in the given order, cell after cell: cells
 * balance, so one pass serves all of them. `flowOrder` lists the flows by (from, to).
 *
 * @returns the number of flows.
 */
export const runCursors = helper(
  'runCursors',
  {
    args: {
      amount: array(i64),
      order: array(u32),
      n: u32,
      m: u32,
      flowFrom: mutableArray(u32),
      flowTo: mutableArray(u32),
      flowAmount: mutableArray(i64),
      flowOrder: mutableArray(u32),
      spare: mutableArray(u32),
      sortKey: mutableArray(i64),
    },
    returns: u32,
    uses: { sortByKey },
  },
  (k, { amount, order, n, m, flowFrom, flowTo, flowAmount, flowOrder, spare, sortKey }) => {
    const toEnd = n + m;
    let steps = k.u32(0);
    let f = k.u32(0);
    let t = n;
    let fromUnit = order[f]!;
    let toUnit = order[t]!;
    let fromRest = amount[fromUnit]!;
    let toRest = amount[toUnit]!;
    while (f < n && t < toEnd) {
      const value = k.min(fromRest, toRest);
      flowFrom[steps] = fromUnit;
      flowTo[steps] = toUnit;
      flowAmount[steps] = value;
      flowOrder[steps] = steps;
      // Descending by the complement is ascending.
      sortKey[steps] = ~((k.i64(fromUnit) << 32n) | k.i64(toUnit));
      steps++;
      fromRest -= value;
      toRest -= value;
      if (fromRest === 0n) {
        f++;
        if (f < n) {
          fromUnit = order[f]!;
          fromRest = amount[fromUnit]!;
        }
      }
      if (toRest === 0n) {
        t++;
        if (t < toEnd) {
          toUnit = order[t]!;
          toRest = amount[toUnit]!;
        }
      }
    }
    k.uses.sortByKey({ key: sortKey, order: flowOrder, spare, at: 0, count: steps });
    return steps;
  },
);
