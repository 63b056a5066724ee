import { MAX_SEARCH_POOL } from '../rules/method.js';

/**
 * One side of a MATCH: units in their order, and their positions by (amount descending, order). The arrays are longer than
 * `count` and used again for the next sub-entry.
 */
export interface UnitSide {
  count: number;
  readonly amount: Float64Array;
  readonly byAmount: Uint32Array;
  /** Result of a match: the cell of each unit. */
  readonly cell: Uint32Array;
}

export function allocateUnitSide(capacity: number): UnitSide {
  return {
    count: 0,
    amount: new Float64Array(capacity),
    byAmount: new Uint32Array(capacity),
    cell: new Uint32Array(capacity),
  };
}

const INSERTION_LIMIT = 48;
const NONE = 0xffff_ffff;
const FILTER_MASK = 1023;

/** MATCH of RULES.md §4 over flat arrays of safe integers, without recursion or allocation. */
export class UnitMatcher {
  private readonly mergeSpace: Uint32Array;
  /** Targets and pool after the strike-off: positions in their sides, targets in amount order, the pool in order. */
  private readonly target: Uint32Array;
  private readonly pool: Uint32Array;
  private readonly struckPool: Uint8Array;
  /** Pool indices by amount order. */
  private readonly poolByAmount = new Uint32Array(MAX_SEARCH_POOL);
  private readonly poolAmount = new Float64Array(MAX_SEARCH_POOL);
  private readonly poolIndexOfUnit: Uint32Array;
  /** Level (target) that took a pool unit; what stands there counts only up to the level being searched. */
  private readonly takenBy = new Uint32Array(MAX_SEARCH_POOL);
  /** The units available to one target. */
  private readonly available = new Uint32Array(MAX_SEARCH_POOL);
  private readonly availableIndex = new Uint32Array(MAX_SEARCH_POOL);
  private readonly availableAmount = new Float64Array(MAX_SEARCH_POOL);
  private readonly equalBefore = new Int32Array(MAX_SEARCH_POOL);
  private readonly top = new Float64Array(MAX_SEARCH_POOL + 1);
  private readonly pick = new Uint32Array(MAX_SEARCH_POOL);
  private readonly isPicked = new Uint8Array(MAX_SEARCH_POOL);

  /** Whether an available unit has these low bits in its amount. */
  private readonly mayHold = new Uint8Array(FILTER_MASK + 1);

  constructor(capacity: number) {
    this.mergeSpace = new Uint32Array(capacity);
    this.target = new Uint32Array(capacity);
    this.pool = new Uint32Array(capacity);
    this.struckPool = new Uint8Array(capacity);
    this.poolIndexOfUnit = new Uint32Array(capacity);
  }

  /** Fills `byAmount` from `amount`. */
  sort(side: UnitSide): void {
    const { count, amount, byAmount } = side;
    if (count > INSERTION_LIMIT) {
      this.mergeSort(side);
      return;
    }
    for (let i = 0; i < count; i++) {
      const value = amount[i]!;
      let j = i - 1;
      while (j >= 0 && amount[byAmount[j]!]! < value) {
        byAmount[j + 1] = byAmount[j]!;
        j--;
      }
      byAmount[j + 1] = i;
    }
  }

  /**
   * @param a - one side, sorted; `b` the other. Their sums are equal and both have units.
   * @returns whether every unit has a cell; cells are numbered from 0 up to the smaller count, with no gaps.
   */
  match(a: UnitSide, b: UnitSide, budget: number): boolean {
    if (a.count === b.count) return matchEqualCounts(a, b);
    return a.count < b.count ? this.matchSubsets(a, b, budget) : this.matchSubsets(b, a, budget);
  }

  private matchSubsets(targets: UnitSide, pool: UnitSide, budget: number): boolean {
    for (let t = 0; t < targets.count; t++) targets.cell[t] = t;
    if (targets.count === 1) {
      pool.cell.fill(0, 0, pool.count);
      return true;
    }
    const left = this.strikeOff(targets, pool);
    const poolLeft = pool.count - (targets.count - left);
    if (left === 1) {
      const cell = this.target[0]!;
      for (let p = 0; p < pool.count; p++) if (this.struckPool[p] === 0) pool.cell[p] = cell;
      return true;
    }
    if (poolLeft > MAX_SEARCH_POOL) return false;
    this.collectPool(pool, poolLeft);
    const largest = this.poolAmount[this.poolByAmount[0]!]!;
    if (largest > targets.amount[this.target[0]!]!) return false;
    const smallest = this.poolAmount[this.poolByAmount[poolLeft - 1]!]!;
    if (targets.amount[this.target[left - 1]!]! < smallest) return false;
    if (!this.search(targets, left, poolLeft, budget)) return false;
    for (let i = 0; i < poolLeft; i++) pool.cell[this.pool[i]!] = this.target[this.takenBy[i]!]!;
    return true;
  }

  /** Pairs the amounts that stand exactly once on both sides. @returns the number of targets left, ≥ 1. */
  private strikeOff(targets: UnitSide, pool: UnitSide): number {
    const { struckPool } = this;
    struckPool.fill(0, 0, pool.count);
    const tCount = targets.count;
    const pCount = pool.count;
    let left = 0;
    let p = 0;
    for (let t = 0; t < tCount;) {
      const unit = targets.byAmount[t]!;
      const amount = targets.amount[unit]!;
      let tNext = t + 1;
      while (tNext < tCount && targets.amount[targets.byAmount[tNext]!]! === amount) tNext++;
      while (p < pCount && pool.amount[pool.byAmount[p]!]! > amount) p++;
      const unique =
        tNext === t + 1 &&
        p < pCount &&
        pool.amount[pool.byAmount[p]!]! === amount &&
        !(p + 1 < pCount && pool.amount[pool.byAmount[p + 1]!]! === amount);
      if (unique) {
        const struck = pool.byAmount[p]!;
        struckPool[struck] = 1;
        pool.cell[struck] = unit;
      } else {
        for (; t < tNext; t++) this.target[left++] = targets.byAmount[t]!;
      }
      t = tNext;
    }
    return left;
  }

  private collectPool(pool: UnitSide, poolLeft: number): void {
    let count = 0;
    for (let p = 0; p < pool.count; p++) {
      if (this.struckPool[p] !== 0) continue;
      this.pool[count] = p;
      this.poolAmount[count] = pool.amount[p]!;
      this.poolIndexOfUnit[p] = count++;
    }
    count = 0;
    for (let i = 0; count < poolLeft; i++) {
      const p = pool.byAmount[i]!;
      if (this.struckPool[p] === 0) this.poolByAmount[count++] = this.poolIndexOfUnit[p]!;
    }
  }

  /** The search of RULES.md §4; on success `takenBy` holds the level of each pool unit. */
  private search(targets: UnitSide, targetCount: number, poolCount: number, budget: number): boolean {
    const { takenBy, available, availableAmount, equalBefore, top, pick, isPicked, mayHold, target } = this;
    const last = targetCount - 1;
    takenBy.fill(NONE, 0, poolCount);
    let nodes = 0;
    let level = 0;
    let resumes = false;
    for (;;) {
      // Arrival at a target, forward or back.
      const a = this.arrive(level, poolCount);
      nodes += a;
      if (nodes > budget) return false;
      const goal = targets.amount[target[level]!]!;
      const total = top[a]!;
      const maxSize = a - (last - level);
      let size = 0;
      let depth = -1;
      let q = 0;
      let rest = goal;
      if (resumes) {
        // The subset reached before is what this level holds; go on after its last pick.
        for (let i = 0; i < a; i++) {
          if (takenBy[available[i]!] !== level) continue;
          isPicked[i] = 1;
          pick[size++] = i;
        }
        depth = size - 1;
        q = pick[depth]!;
        isPicked[q] = 0;
        rest = availableAmount[q]!;
        q++;
      }
      let found = false;
      for (;;) {
        if (depth < 0) {
          size++;
          if (size > maxSize || goal < total - top[a - size]!) break;
          if (goal > top[size]!) continue;
          depth = 0;
          q = 0;
          rest = goal;
        }
        const after = size - 1 - depth;
        const end = a - after;
        const from = q;
        if (after === 0) {
          // The last pick must be exactly `rest`; most often no unit has that amount, which needs no scan.
          if (mayHold[rest & FILTER_MASK] === 0) q = end;
          else while (q < end && (availableAmount[q] !== rest || isCopy(equalBefore[q]!, isPicked))) q++;
        } else {
          // Bounds on the amount: rest - amount within low[after] and top[after].
          const high = rest - (total - top[a - after]!);
          const low = rest - top[after]!;
          for (; q < end; q++) {
            const amount = availableAmount[q]!;
            if (amount > high || amount < low || isCopy(equalBefore[q]!, isPicked)) continue;
            if (after > 2) break;
            if (after === 2) {
              // Three picks are left, and most often no two others fit this one: that is found out at once, and without
              // branches, which could not be foreseen.
              const other = rest - amount;
              const otherHigh = other - (total - top[a - 1]!);
              const otherLow = other - top[1]!;
              let spent = a - 2 - q;
              let hits = 0;
              isPicked[q] = 1;
              for (let r = q + 1; r < a - 1; r++) {
                const second = availableAmount[r]!;
                const before = equalBefore[r]!;
                const open = before < 0 ? 1 : isPicked[before]!;
                const passes = Number(second <= otherHigh) & Number(second >= otherLow) & open;
                hits |= passes & mayHold[(other - second) & FILTER_MASK]!;
                spent += (a - 1 - r) & -passes;
              }
              isPicked[q] = 0;
              if (hits !== 0) break;
              nodes += spent;
              if (nodes > budget) return false;
              continue;
            }
            if (mayHold[(rest - amount) & FILTER_MASK] !== 0) break;
            // Two picks are left and no unit can be the second: its positions count as examined, in vain.
            nodes += a - q - 1;
          }
        }
        // Positions examined: up to q, and q itself when it is picked.
        nodes += q - from + (q < end ? 1 : 0);
        if (nodes > budget) return false;
        if (q >= end) {
          depth--;
          if (depth >= 0) {
            q = pick[depth]!;
            isPicked[q] = 0;
            rest += availableAmount[q]!;
            q++;
          }
          continue;
        }
        pick[depth] = q;
        isPicked[q] = 1;
        rest -= availableAmount[q]!;
        if (after === 0) {
          found = true;
          break;
        }
        depth++;
        q++;
      }
      if (!found) {
        if (level === 0) return false;
        level--;
        resumes = true;
        continue;
      }
      for (let i = 0; i < a; i++) takenBy[available[i]!] = isPicked[i] !== 0 ? level : NONE;
      level++;
      resumes = false;
      if (level === last) {
        for (let i = 0; i < poolCount; i++) if (takenBy[i] === NONE) takenBy[i] = last;
        return true;
      }
    }
  }

  /** Lists the units that no earlier level took, with their sums and equal neighbours. @returns their number. */
  private arrive(level: number, poolCount: number): number {
    const { takenBy, available, availableIndex, availableAmount, equalBefore, top, isPicked, mayHold } = this;
    mayHold.fill(0);
    let a = 0;
    for (let i = 0; i < poolCount; i++) {
      if (takenBy[i]! < level) continue;
      available[a] = i;
      availableIndex[i] = a;
      availableAmount[a] = this.poolAmount[i]!;
      isPicked[a] = 0;
      mayHold[this.poolAmount[i]! & FILTER_MASK] = 1;
      a++;
    }
    let k = 0;
    let previous = -1;
    let previousAmount = -1;
    for (let i = 0; i < poolCount; i++) {
      const unit = this.poolByAmount[i]!;
      if (takenBy[unit]! < level) continue;
      const amount = this.poolAmount[unit]!;
      const index = availableIndex[unit]!;
      equalBefore[index] = amount === previousAmount ? previous : -1;
      top[k + 1] = top[k]! + amount;
      k++;
      previous = index;
      previousAmount = amount;
    }
    return a;
  }

  private mergeSort(side: UnitSide): void {
    const { count, amount } = side;
    let from = side.byAmount;
    let to = this.mergeSpace;
    for (let i = 0; i < count; i++) from[i] = i;
    for (let width = 1; width < count; width *= 2) {
      for (let start = 0; start < count; start += 2 * width) {
        const middle = Math.min(start + width, count);
        const end = Math.min(start + 2 * width, count);
        let left = start;
        let right = middle;
        for (let i = start; i < end; i++) {
          const takeLeft = left < middle && (right >= end || amount[from[left]!]! >= amount[from[right]!]!);
          to[i] = takeLeft ? from[left++]! : from[right++]!;
        }
      }
      [from, to] = [to, from];
    }
    if (from !== side.byAmount) side.byAmount.set(from.subarray(0, count));
  }
}

/** Whether an equal unit stands before and is not picked. */
function isCopy(equalBefore: number, isPicked: Uint8Array): boolean {
  return equalBefore >= 0 && isPicked[equalBefore] === 0;
}

function matchEqualCounts(a: UnitSide, b: UnitSide): boolean {
  const { count } = a;
  for (let i = 0; i < count; i++) {
    if (a.amount[a.byAmount[i]!] !== b.amount[b.byAmount[i]!]) return false;
  }
  for (let i = 0; i < count; i++) {
    a.cell[a.byAmount[i]!] = i;
    b.cell[b.byAmount[i]!] = i;
  }
  return true;
}
