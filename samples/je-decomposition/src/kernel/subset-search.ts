import { array, bool, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';

/**
 * The search of RULES.md §4 over at most 64 pool units, as sets of bits. `amount` and `target` give the targets in amount
 * order, `poolAmount` the pool in order and `poolByAmount` its amount order.
 *
 * On success `takenAt[level]` is the set of pool units that target `level` takes; the last target takes what is left.
 *
 * Working space: `freeAt` and `takenAt` hold a set per level; the other arrays describe the `a` units that are available
 * to the target at hand, by position: which unit, its amount, the equal unit before it in amount order, and the sums
 * `top[s]` of the s largest. `pick[after]` is the position picked when `after` more picks follow. `mayHold` is a set of
 * 1,024 bits: the low bits of every available amount.
 */
export const subsetSearch = helper(
  'subsetSearch',
  {
    args: {
      amount: array(i64),
      target: array(u32),
      targetCount: u32,
      poolAmount: array(i64),
      poolByAmount: array(u32),
      poolCount: u32,
      budget: u32,
      freeAt: mutableArray(i64),
      takenAt: mutableArray(i64),
      available: mutableArray(u32),
      availableIndex: mutableArray(u32),
      availableAmount: mutableArray(i64),
      equalBefore: mutableArray(u32),
      top: mutableArray(i64),
      pick: mutableArray(u32),
      mayHold: mutableArray(i64),
    },
    returns: bool,
  },
  (k, p) => {
    const { amount, target, poolAmount, poolByAmount, poolCount, freeAt, takenAt } = p;
    const { available, availableIndex, availableAmount, equalBefore, top, pick, mayHold } = p;
    const last = p.targetCount - 1;
    let nodes = k.u32(0);
    let level = k.u32(0);
    let resumes = false;
    const highest = k.i64(1n) << k.i64(poolCount - 1);
    freeAt[0] = highest | (highest - 1n);
    top[0] = 0n;
    while (true) {
      // Arrival at a target, forward or back: list the units that no earlier target took.
      const free = freeAt[level]!;
      for (let word = k.u32(0); word < 16; word++) mayHold[word] = 0n;
      let a = k.u32(0);
      let left = free;
      while (left !== 0n) {
        const unit = k.u32(k.ctz(left));
        left &= left - 1n;
        const value = poolAmount[unit]!;
        available[a] = unit;
        availableIndex[unit] = a;
        availableAmount[a] = value;
        const word = k.u32(value >> 6n) & 15;
        mayHold[word] = mayHold[word]! | (k.i64(1n) << (value & 63n));
        a++;
      }
      // Positions whose amount an earlier available unit has, too.
      let copies = k.i64(0n);
      let count = k.u32(0);
      let previous = k.u32(0);
      let previousAmount = k.i64(-1n);
      let total = k.i64(0n);
      for (let i = k.u32(0); i < poolCount; i++) {
        const unit = poolByAmount[i]!;
        if (((free >> k.i64(unit)) & 1n) === 0n) continue;
        const position = availableIndex[unit]!;
        const value = availableAmount[position]!;
        if (value === previousAmount) {
          equalBefore[position] = previous;
          copies |= k.i64(1n) << k.i64(position);
        }
        total += value;
        count++;
        top[count] = total;
        previous = position;
        previousAmount = value;
      }
      nodes += a;
      if (nodes > p.budget) return false;
      const goal = amount[target[level]!]!;
      const maxSize = a - (last - level);
      // Picks of the present size; `after` of them are still to make after the one at hand.
      let size = k.u32(0);
      let after = k.u32(0);
      let q = k.u32(0);
      let rest = goal;
      let picked = k.i64(0n);
      if (resumes) {
        // The subset reached before is what this level holds; go on after its last pick.
        const held = takenAt[level]!;
        size = k.u32(k.popcount(held));
        let index = size;
        for (let i = k.u32(0); i < a; i++) {
          if (((held >> k.i64(available[i]!)) & 1n) === 0n) continue;
          index--;
          pick[index] = i;
          picked |= k.i64(1n) << k.i64(i);
        }
        q = pick[0]!;
        picked ^= k.i64(1n) << k.i64(q);
        rest = availableAmount[q]!;
        q++;
      }
      let found = false;
      while (true) {
        if (after === size) {
          size++;
          if (size > maxSize || goal < total - top[a - size]!) break;
          if (goal > top[size]!) {
            after = size;
            continue;
          }
          after = size - 1;
          q = 0;
          rest = goal;
        }
        const end = a - after;
        // Every position from here to the one picked counts as a node.
        nodes -= q;
        if (after === 0) {
          // The last pick must be exactly `rest`; most often no unit has that amount, which needs no scan.
          if (((mayHold[k.u32(rest >> 6n) & 15]! >> (rest & 63n)) & 1n) === 0n) q = end;
          while (q < end) {
            if (availableAmount[q]! === rest) {
              if (((copies >> k.i64(q)) & 1n) === 0n) break;
              if (((picked >> k.i64(equalBefore[q]!)) & 1n) !== 0n) break;
            }
            q++;
          }
        } else {
          // rest - amount must be within low[after] and top[after].
          const high = rest - (total - top[a - after]!);
          const low = rest - top[after]!;
          while (q < end) {
            const value = availableAmount[q]!;
            if (value <= high && value >= low) {
              if (((copies >> k.i64(q)) & 1n) === 0n || ((picked >> k.i64(equalBefore[q]!)) & 1n) !== 0n) {
                if (after !== 1) break;
                const other = rest - value;
                if (((mayHold[k.u32(other >> 6n) & 15]! >> (other & 63n)) & 1n) !== 0n) break;
                // Two picks are left and no unit can be the second: its positions count as examined, in vain.
                nodes += a - q - 1;
              }
            }
            q++;
          }
        }
        if (q >= end) {
          nodes += q;
          if (nodes > p.budget) return false;
          after++;
          if (after < size) {
            q = pick[after]!;
            picked ^= k.i64(1n) << k.i64(q);
            rest += availableAmount[q]!;
            q++;
          }
          continue;
        }
        nodes += q + 1;
        if (nodes > p.budget) return false;
        pick[after] = q;
        picked |= k.i64(1n) << k.i64(q);
        rest -= availableAmount[q]!;
        if (after === 0) {
          found = true;
          break;
        }
        after--;
        q++;
      }
      if (!found) {
        if (level === 0) return false;
        level--;
        resumes = true;
        continue;
      }
      let taken = k.i64(0n);
      while (picked !== 0n) {
        taken |= k.i64(1n) << k.i64(available[k.u32(k.ctz(picked))]!);
        picked &= picked - 1n;
      }
      takenAt[level] = taken;
      level++;
      resumes = false;
      if (level === last) {
        takenAt[last] = free ^ taken;
        return true;
      }
      freeAt[level] = free ^ taken;
    }
  },
);
