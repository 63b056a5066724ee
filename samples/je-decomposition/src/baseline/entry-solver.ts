import type { FlowColumns } from '../rules/flow-columns.js';
import { BASE_CONFIDENCE, METHOD, NODE_BUDGET, type MethodCode } from '../rules/method.js';
import { UnitMatcher, allocateUnitSide, type UnitSide } from './unit-matcher.js';

/** The lines of one side, as units of a match and with what the grouping needs. Positions are in line order. */
interface LineSide extends UnitSide {
  readonly line: Uint32Array;
  readonly account: Uint32Array;
  readonly accountClass: Uint32Array;
  /** Group of each line while groups are matched. */
  readonly group: Uint32Array;
  /** Positions by (cell, amount descending, line): the order of the cursors. */
  readonly cursor: Uint32Array;
}

const SORT_BY_INSERTION = 24;

/** The rules for one sub-entry at a time, on buffers allocated once. */
export class EntrySolver {
  private readonly matcher: UnitMatcher;
  private readonly from: LineSide;
  private readonly to: LineSide;
  private readonly fromGroups: UnitSide;
  private readonly toGroups: UnitSide;
  /** Group of an account or class on the side being grouped; it counts where the stamp is the present one. */
  private readonly groupOf: Uint32Array;
  private readonly stampOf: Float64Array;
  private stamp = 0;
  private readonly next: Uint32Array;
  /** Flows before they are put in order, as positions on their sides. */
  private readonly flowFrom: Uint32Array;
  private readonly flowTo: Uint32Array;
  private readonly flowAmount: Float64Array;
  private readonly flowConfidence: Float32Array;
  private readonly orderA: Uint32Array;
  private readonly orderB: Uint32Array;
  /** Line count of the sub-entry at hand, hence the number of its suspense line. */
  private suspenseLine = 0;

  /** @param capacity - lines of the longest sub-entry, and one more for the suspense line. */
  constructor(
    capacity: number,
    private readonly accountCount: number,
    private readonly classCount: number,
  ) {
    this.matcher = new UnitMatcher(capacity);
    this.from = allocateLineSide(capacity);
    this.to = allocateLineSide(capacity);
    this.fromGroups = allocateUnitSide(capacity);
    this.toGroups = allocateUnitSide(capacity);
    this.groupOf = new Uint32Array(Math.max(accountCount, classCount) + 1);
    this.stampOf = new Float64Array(Math.max(accountCount, classCount) + 1);
    this.next = new Uint32Array(capacity + 1);
    this.flowFrom = new Uint32Array(capacity);
    this.flowTo = new Uint32Array(capacity);
    this.flowAmount = new Float64Array(capacity);
    this.flowConfidence = new Float32Array(capacity);
    this.orderA = new Uint32Array(capacity);
    this.orderB = new Uint32Array(capacity);
  }

  /**
   * Appends the flows of the sub-entry `[begin, end)` to the columns, from place `next` on.
   *
   * @param fromSign - 1 when flows start at debit lines, -1 when at credit lines.
   * @returns the next free place.
   */
  solve(
    amounts: Float64Array,
    account: Uint32Array,
    accountClass: Uint32Array,
    begin: number,
    end: number,
    fromSign: number,
    flows: FlowColumns<Float64Array>,
    next: number,
  ): number {
    const { from, to, matcher } = this;
    this.collectSides(amounts, account, accountClass, begin, end, fromSign);
    if (from.count === 0) return next;
    if (from.count === 1 && to.count === 1) {
      this.write(flows, next, from.line[0]!, to.line[0]!, from.amount[0]!, METHOD.A, BASE_CONFIDENCE[METHOD.A]);
      return next + 1;
    }
    if (from.count !== 1 && to.count !== 1) {
      matcher.sort(from);
      matcher.sort(to);
    }
    if (matcher.match(from, to, NODE_BUDGET.lines)) {
      if (from.count === to.count) return this.emitBuckets(flows, next);
      return this.emitParts(flows, next);
    }
    if (this.matchGroups()) return this.emitCursors(METHOD.D, flows, next);
    from.cursor.set(from.byAmount.subarray(0, from.count));
    to.cursor.set(to.byAmount.subarray(0, to.count));
    return this.emitCursors(METHOD.E, flows, next);
  }

  private collectSides(
    amounts: Float64Array,
    account: Uint32Array,
    accountClass: Uint32Array,
    begin: number,
    end: number,
    fromSign: number,
  ): void {
    const { from, to } = this;
    let residue = 0;
    let fromCount = 0;
    let toCount = 0;
    for (let i = begin; i < end; i++) {
      const value = amounts[i]! * fromSign;
      if (value > 0) {
        residue += value;
        from.line[fromCount] = i - begin;
        from.amount[fromCount] = value;
        from.account[fromCount] = account[i]!;
        from.accountClass[fromCount++] = accountClass[i]!;
      } else if (value < 0) {
        residue += value;
        to.line[toCount] = i - begin;
        to.amount[toCount] = -value;
        to.account[toCount] = account[i]!;
        to.accountClass[toCount++] = accountClass[i]!;
      }
    }
    from.count = fromCount;
    to.count = toCount;
    this.suspenseLine = end - begin;
    if (residue > 0) this.addSuspense(to, residue);
    else if (residue < 0) this.addSuspense(from, -residue);
  }

  private addSuspense(side: LineSide, amount: number): void {
    const i = side.count++;
    side.line[i] = this.suspenseLine;
    side.amount[i] = amount;
    side.account[i] = this.accountCount;
    side.accountClass[i] = this.classCount;
  }

  /** Method B: cells pair the positions of both amount orders. */
  private emitBuckets(flows: FlowColumns<Float64Array>, next: number): number {
    const { from, to, flowTo, flowConfidence } = this;
    const { count } = from;
    for (let i = 0; i < count;) {
      const amount = from.amount[from.byAmount[i]!]!;
      let end = i + 1;
      while (end < count && from.amount[from.byAmount[end]!]! === amount) end++;
      const sure = end === i + 1 || sameAccount(from, i, end) || sameAccount(to, i, end);
      const confidence = sure ? 1 : 1 / (end - i);
      for (; i < end; i++) {
        flowTo[from.byAmount[i]!] = to.byAmount[i]!;
        flowConfidence[from.byAmount[i]!] = confidence;
      }
    }
    for (let f = 0; f < count; f++) {
      const partner = to.line[flowTo[f]!]!;
      this.write(flows, next++, from.line[f]!, partner, from.amount[f]!, METHOD.B, flowConfidence[f]!);
    }
    return next;
  }

  /** Method C: every unit of the larger side goes whole to its target, whose position is its cell. */
  private emitParts(flows: FlowColumns<Float64Array>, next: number): number {
    const { from, to } = this;
    const confidence = BASE_CONFIDENCE[METHOD.C];
    if (from.count > to.count) {
      for (let f = 0; f < from.count; f++) {
        const target = to.line[from.cell[f]!]!;
        this.write(flows, next++, from.line[f]!, target, from.amount[f]!, METHOD.C, confidence);
      }
      return next;
    }
    const places = this.orderA;
    this.countingSort(to.cell, null, to.count, from.count, places);
    for (let i = 0; i < to.count; i++) {
      const t = places[i]!;
      this.write(flows, next++, from.line[to.cell[t]!]!, to.line[t]!, to.amount[t]!, METHOD.C, confidence);
    }
    return next;
  }

  /** Steps 4 and 5 of RULES.md §3. On success the lines have cells and stand in cursor order. */
  private matchGroups(): boolean {
    const { from, to, fromGroups, toGroups } = this;
    this.group(from, from.account, fromGroups);
    this.group(to, to.account, toGroups);
    const byAccount = fromGroups.count + toGroups.count;
    let matched = byAccount < from.count + to.count && this.matchPrepared(NODE_BUDGET.accounts);
    if (!matched) {
      this.group(from, from.accountClass, fromGroups);
      this.group(to, to.accountClass, toGroups);
      matched = fromGroups.count + toGroups.count < byAccount && this.matchPrepared(NODE_BUDGET.classes);
    }
    if (!matched) return false;
    const cells = Math.min(fromGroups.count, toGroups.count);
    this.orderByCell(from, fromGroups, cells);
    this.orderByCell(to, toGroups, cells);
    return true;
  }

  private matchPrepared(budget: number): boolean {
    const { fromGroups, toGroups, matcher } = this;
    if (fromGroups.count !== 1 && toGroups.count !== 1) {
      matcher.sort(fromGroups);
      matcher.sort(toGroups);
    } else if (fromGroups.count === toGroups.count) {
      fromGroups.byAmount[0] = 0;
      toGroups.byAmount[0] = 0;
    }
    return matcher.match(fromGroups, toGroups, budget);
  }

  private group(side: LineSide, key: Uint32Array, groups: UnitSide): void {
    const { groupOf, stampOf } = this;
    const stamp = ++this.stamp;
    let count = 0;
    for (let i = 0; i < side.count; i++) {
      const k = key[i]!;
      if (stampOf[k] !== stamp) {
        stampOf[k] = stamp;
        groupOf[k] = count;
        groups.amount[count++] = 0;
      }
      const group = groupOf[k]!;
      side.group[i] = group;
      groups.amount[group]! += side.amount[i]!;
    }
    groups.count = count;
  }

  private orderByCell(side: LineSide, groups: UnitSide, cells: number): void {
    for (let i = 0; i < side.count; i++) side.cell[i] = groups.cell[side.group[i]!]!;
    this.countingSort(side.cell, side.byAmount, side.count, cells, side.cursor);
  }

  /** RULES.md §7 over the cursor orders; cells balance, so one pass serves all of them. */
  private emitCursors(method: MethodCode, flows: FlowColumns<Float64Array>, place: number): number {
    const { from, to, flowFrom, flowTo, flowAmount } = this;
    let steps = 0;
    let f = 0;
    let t = 0;
    let fromUnit = from.cursor[0]!;
    let toUnit = to.cursor[0]!;
    let fromRest = from.amount[fromUnit]!;
    let toRest = to.amount[toUnit]!;
    while (f < from.count && t < to.count) {
      const amount = fromRest < toRest ? fromRest : toRest;
      flowFrom[steps] = fromUnit;
      flowTo[steps] = toUnit;
      flowAmount[steps++] = amount;
      fromRest -= amount;
      toRest -= amount;
      if (fromRest === 0 && ++f < from.count) {
        fromUnit = from.cursor[f]!;
        fromRest = from.amount[fromUnit]!;
      }
      if (toRest === 0 && ++t < to.count) {
        toUnit = to.cursor[t]!;
        toRest = to.amount[toUnit]!;
      }
    }
    const confidence = method === METHOD.E ? 1 / steps : BASE_CONFIDENCE[method];
    const order = this.orderFlows(steps);
    for (let i = 0; i < steps; i++) {
      const flow = order[i]!;
      const fromLine = from.line[flowFrom[flow]!]!;
      const toLine = to.line[flowTo[flow]!]!;
      this.write(flows, place + i, fromLine, toLine, flowAmount[flow]!, method, confidence);
    }
    return place + steps;
  }

  /** @returns the flows' numbers by (from, to). */
  private orderFlows(steps: number): Uint32Array {
    const { flowFrom, flowTo, orderA, orderB, from, to } = this;
    if (steps > SORT_BY_INSERTION) {
      this.countingSort(flowTo, null, steps, to.count, orderA);
      this.countingSort(flowFrom, orderA, steps, from.count, orderB);
      return orderB;
    }
    for (let i = 0; i < steps; i++) {
      const fromUnit = flowFrom[i]!;
      const toUnit = flowTo[i]!;
      let j = i - 1;
      while (j >= 0) {
        const other = orderA[j]!;
        const otherFrom = flowFrom[other]!;
        if (otherFrom < fromUnit || (otherFrom === fromUnit && flowTo[other]! < toUnit)) break;
        orderA[j + 1] = other;
        j--;
      }
      orderA[j + 1] = i;
    }
    return orderA;
  }

  /** Stable: fills `result` with the items of `order` (or 0, 1, … when null) by `key[item]`, which is below `keys`. */
  private countingSort(
    key: Uint32Array,
    order: Uint32Array | null,
    count: number,
    keys: number,
    result: Uint32Array,
  ): void {
    const { next } = this;
    next.fill(0, 0, keys + 1);
    for (let i = 0; i < count; i++) next[key[i]! + 1]!++;
    for (let k = 0; k < keys; k++) next[k + 1]! += next[k]!;
    for (let i = 0; i < count; i++) {
      const item = order === null ? i : order[i]!;
      result[next[key[item]!]!++] = item;
    }
  }

  private write(
    flows: FlowColumns<Float64Array>,
    place: number,
    fromLine: number,
    toLine: number,
    amount: number,
    method: MethodCode,
    confidence: number,
  ): void {
    const { suspenseLine } = this;
    flows.fromLine[place] = fromLine;
    flows.toLine[place] = toLine;
    flows.amount[place] = amount;
    flows.method[place] = method;
    flows.confidence[place] = fromLine === suspenseLine || toLine === suspenseLine ? 0 : confidence;
  }
}

function allocateLineSide(capacity: number): LineSide {
  return {
    ...allocateUnitSide(capacity),
    line: new Uint32Array(capacity),
    account: new Uint32Array(capacity),
    accountClass: new Uint32Array(capacity),
    group: new Uint32Array(capacity),
    cursor: new Uint32Array(capacity),
  };
}

/** Whether the lines at positions `[start, end)` of the amount order share one account. */
function sameAccount(side: LineSide, start: number, end: number): boolean {
  const account = side.account[side.byAmount[start]!]!;
  for (let i = start + 1; i < end; i++) if (side.account[side.byAmount[i]!] !== account) return false;
  return true;
}
