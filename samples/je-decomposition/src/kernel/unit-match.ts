import { array, bool, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';
import { subsetSearch } from './subset-search.js';

/** Pairs both amount orders; fails unless all amounts are equal. A cell is a unit of the first side. */
const matchEqualCounts = helper(
  'matchEqualCounts',
  {
    args: { amount: array(i64), byAmount: array(u32), cell: mutableArray(u32), a: u32, b: u32, count: u32 },
    returns: bool,
  },
  (k, { amount, byAmount, cell, a, b, count }) => {
    for (let i = k.u32(0); i < count; i++) {
      if (amount[byAmount[a + i]!]! !== amount[byAmount[b + i]!]!) return false;
    }
    for (let i = k.u32(0); i < count; i++) {
      const unit = byAmount[a + i]!;
      cell[unit] = unit;
      cell[byAmount[b + i]!] = unit;
    }
    return true;
  },
);

/**
 * Pairs the amounts that stand exactly once among the targets and once in the pool. The other pool units get the cell
 * 2^32 - 1; `target` lists the other targets in amount order, `poolByAmount` the first 64 other pool units.
 *
 * @returns how many targets are left, ≥ 1.
 */
const strikeOff = helper(
  'strikeOff',
  {
    args: {
      amount: array(i64),
      byAmount: array(u32),
      cell: mutableArray(u32),
      targetAt: u32,
      targetCount: u32,
      poolAt: u32,
      poolCount: u32,
      target: mutableArray(u32),
    },
    returns: u32,
  },
  (k, { amount, byAmount, cell, targetAt, targetCount, poolAt, poolCount, target }) => {
    const targetEnd = targetAt + targetCount;
    const poolEnd = poolAt + poolCount;
    for (let p = poolAt; p < poolEnd; p++) cell[p] = 0xffff_ffff;
    let left = k.u32(0);
    let p = poolAt;
    let t = targetAt;
    while (t < targetEnd) {
      const unit = byAmount[t]!;
      const value = amount[unit]!;
      let next = t + 1;
      while (next < targetEnd && amount[byAmount[next]!]! === value) next++;
      while (p < poolEnd && amount[byAmount[p]!]! > value) p++;
      let unique = next === t + 1 && p < poolEnd;
      if (unique) unique = amount[byAmount[p]!]! === value;
      if (unique && p + 1 < poolEnd) unique = amount[byAmount[p + 1]!]! !== value;
      if (unique) {
        cell[byAmount[p]!] = unit;
        t = next;
      }
      while (t < next) {
        target[left] = byAmount[t]!;
        left++;
        t++;
      }
    }
    return left;
  },
);

/**
 * MATCH of RULES.md §4 where one side has fewer units. Units are numbered over both sides; a side is `count` of them from
 * `at` on, its amount order the same places of `byAmount`. On success `cell` of every unit is a target.
 */
const matchSubsets = helper(
  'matchSubsets',
  {
    args: {
      amount: array(i64),
      byAmount: array(u32),
      cell: mutableArray(u32),
      targetAt: u32,
      targetCount: u32,
      poolAt: u32,
      poolCount: u32,
      budget: u32,
      target: mutableArray(u32),
      pool: mutableArray(u32),
      poolByAmount: mutableArray(u32),
      poolAmount: mutableArray(i64),
      freeAt: mutableArray(i64),
      takenAt: mutableArray(i64),
      available: mutableArray(u32),
      availableIndex: mutableArray(u32),
      availableAmount: mutableArray(i64),
      nextEqual: mutableArray(i64),
      top: mutableArray(i64),
      pick: mutableArray(u32),
      mayHold: mutableArray(i64),
    },
    returns: bool,
    uses: { strikeOff, subsetSearch },
  },
  (k, p) => {
    const { amount, byAmount, cell, targetAt, targetCount, poolAt, target, pool, poolByAmount, poolAmount } = p;
    const poolEnd = poolAt + p.poolCount;
    for (let t = targetAt; t < targetAt + targetCount; t++) cell[t] = t;
    if (targetCount === 1) {
      for (let i = poolAt; i < poolEnd; i++) cell[i] = targetAt;
      return true;
    }
    const left = k.uses.strikeOff({
      amount,
      byAmount,
      cell,
      targetAt,
      targetCount,
      poolAt,
      poolCount: p.poolCount,
      target,
    });
    if (left === 1) {
      const only = target[0]!;
      for (let i = poolAt; i < poolEnd; i++) if (cell[i] === 0xffff_ffff) cell[i] = only;
      return true;
    }
    const poolLeft = p.poolCount - (targetCount - left);
    if (poolLeft > 64) return false;
    // Units that are left get their pool index as cell; `available` keeps which they are.
    let count = k.u32(0);
    for (let i = poolAt; count < poolLeft; i++) {
      if (cell[i] !== 0xffff_ffff) continue;
      pool[count] = i;
      poolAmount[count] = amount[i]!;
      count++;
    }
    for (let i = k.u32(0); i < poolLeft; i++) cell[pool[i]!] = 0x8000_0000 + i;
    count = 0;
    for (let i = poolAt; count < poolLeft; i++) {
      const index = cell[byAmount[i]!]!;
      if (index < 0x8000_0000) continue;
      poolByAmount[count] = index - 0x8000_0000;
      count++;
    }
    const largest = poolAmount[poolByAmount[0]!]!;
    const smallest = poolAmount[poolByAmount[poolLeft - 1]!]!;
    if (
      largest > amount[target[0]!]! ||
      amount[target[left - 1]!]! < smallest ||
      !k.uses.subsetSearch({
        amount,
        target,
        targetCount: left,
        poolAmount,
        poolByAmount,
        poolCount: poolLeft,
        budget: p.budget,
        freeAt: p.freeAt,
        takenAt: p.takenAt,
        available: p.available,
        availableIndex: p.availableIndex,
        availableAmount: p.availableAmount,
        nextEqual: p.nextEqual,
        top: p.top,
        pick: p.pick,
        mayHold: p.mayHold,
      })
    )
      return false;
    for (let t = k.u32(0); t < left; t++) {
      const unit = target[t]!;
      let taken = p.takenAt[t]!;
      while (taken !== 0n) {
        cell[pool[k.u32(k.ctz(taken))]!] = unit;
        taken &= taken - 1n;
      }
    }
    return true;
  },
);

/** MATCH of RULES.md §4 over the units `[0, a)` and `[b, b + bCount)`; see {@link matchSubsets}. Both sides are sorted. */
export const matchUnits = helper(
  'matchUnits',
  {
    args: {
      amount: array(i64),
      byAmount: array(u32),
      cell: mutableArray(u32),
      aCount: u32,
      b: u32,
      bCount: u32,
      budget: u32,
      target: mutableArray(u32),
      pool: mutableArray(u32),
      poolByAmount: mutableArray(u32),
      poolAmount: mutableArray(i64),
      freeAt: mutableArray(i64),
      takenAt: mutableArray(i64),
      available: mutableArray(u32),
      availableIndex: mutableArray(u32),
      availableAmount: mutableArray(i64),
      nextEqual: mutableArray(i64),
      top: mutableArray(i64),
      pick: mutableArray(u32),
      mayHold: mutableArray(i64),
    },
    returns: bool,
    uses: { matchEqualCounts, matchSubsets },
  },
  (k, p) => {
    const { amount, byAmount, cell, aCount, b, bCount } = p;
    if (aCount === bCount) return k.uses.matchEqualCounts({ amount, byAmount, cell, a: 0, b, count: aCount });
    const aIsTargets = aCount < bCount;
    return k.uses.matchSubsets({
      amount,
      byAmount,
      cell,
      targetAt: k.select(aIsTargets, k.u32(0), b),
      targetCount: k.min(aCount, bCount),
      poolAt: k.select(aIsTargets, b, k.u32(0)),
      poolCount: k.max(aCount, bCount),
      budget: p.budget,
      target: p.target,
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
  },
);
