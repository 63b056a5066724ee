import { array, bool, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';

/**
 * The search of RULES.md §4 over at most 64 pool units. `amount` and `target` give the targets in amount order,
 * `poolAmount` the pool in order and `poolByAmount` its amount order. Sets of units or positions are bits of a word.
 *
 * On success `takenAt[level]` is the set of pool units that target `level` takes; the last target takes what is left.
 *
 * Working space: `freeAt` and `takenAt` hold a set per level; the other arrays describe the `a` units that are available
 * to the target at hand, by position: which unit, its amount, as a set the next position of the same amount, and the sums
 * `top[s]` of the s largest. `pick[after]` is the position picked when `after` more picks follow. `mayHold` is a set of
 * 1,024 bits: the low bits of every available amount. An index `& 63` needs no bounds
 * check; 63 is the most that can stand there, since the last target keeps one unit.
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
      nextEqual: mutableArray(i64),
      top: mutableArray(i64),
      pick: mutableArray(u32),
      mayHold: mutableArray(i64),
    },
    returns: bool,
  },
  (k, p) => {
    const { amount, target, poolAmount, poolByAmount, poolCount, freeAt, takenAt } = p;
    const { available, availableIndex, availableAmount, nextEqual, top, pick, mayHold } = p;
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
      for (let left = free; left !== 0n; left &= left - 1n) {
        const unit = k.u32(k.ctz(left));
        const value = poolAmount[unit & 63]!;
        available[a & 63] = unit;
        availableIndex[unit & 63] = a;
        availableAmount[a & 63] = value;
        nextEqual[a & 63] = 0n;
        const word = k.u32(value >> 6n) & 15;
        mayHold[word] = mayHold[word]! | (k.i64(1n) << (value & 63n));
        a++;
      }
      // Positions that must not be picked now: an equal unit stands before and is not picked.
      let blocked = k.i64(0n);
      let previous = k.u32(0);
      let previousAmount = k.i64(-1n);
      let count = k.u32(0);
      let total = k.i64(0n);
      for (let i = k.u32(0); i < poolCount; i++) {
        const unit = poolByAmount[i & 63]!;
        if (((free >> k.i64(unit)) & 1n) === 0n) continue;
        const position = availableIndex[unit & 63]!;
        const value = availableAmount[position & 63]!;
        if (value === previousAmount) {
          nextEqual[previous & 63] = k.i64(1n) << k.i64(position);
          blocked |= k.i64(1n) << k.i64(position);
        }
        total += value;
        count++;
        top[count] = total;
        previous = position;
        previousAmount = value;
      }
      const largest = top[1]!;
      const smallest = previousAmount;
      nodes += a;
      if (nodes > p.budget) return false;
      const goal = amount[target[level]!]!;
      const maxSize = a - (last - level);
      // Picks of the present size; `after` of them are still to make after the one at hand.
      let size = k.u32(0);
      let after = k.u32(0);
      let q = k.u32(0);
      let rest = goal;
      if (resumes) {
        // The subset reached before is what this level holds; go on after its last pick.
        const held = takenAt[level]!;
        size = k.u32(k.popcount(held));
        let index = size;
        for (let i = k.u32(0); i < a; i++) {
          if (((held >> k.i64(available[i & 63]!)) & 1n) === 0n) continue;
          index--;
          pick[index] = i;
          blocked ^= nextEqual[i & 63]!;
        }
        q = pick[0]!;
        blocked ^= nextEqual[q & 63]!;
        rest = availableAmount[q & 63]!;
        q++;
      }
      let found = false;
      while (true) {
        if (after === size) {
          size++;
          if (size > maxSize || goal < total - top[(a - size) & 63]!) break;
          if (goal > top[size & 63]!) {
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
            if (availableAmount[q & 63]! === rest && ((blocked >> k.i64(q)) & 1n) === 0n) break;
            q++;
          }
        } else {
          // rest - amount must be within low[after] and top[after].
          const high = rest - (total - top[(a - after) & 63]!);
          const low = rest - top[after & 63]!;
          while (q < end) {
            const value = availableAmount[q & 63]!;
            if (value <= high && value >= low && ((blocked >> k.i64(q)) & 1n) === 0n) {
              if (after > 2) break;
              const other = rest - value;
              if (after === 1) {
                if (((mayHold[k.u32(other >> 6n) & 15]! >> (other & 63n)) & 1n) !== 0n) break;
                // Two picks are left and no unit can be the second: its positions count as examined, in vain.
                nodes += a - q - 1;
              } else {
                // Three picks are left, and most often no two others fit this one: that is found out at once, and
                // without branches, which could not be foreseen.
                const otherHigh = other - smallest;
                const otherLow = other - largest;
                const closed = blocked ^ nextEqual[q & 63]!;
                let spent = a - 2 - q;
                let hits = k.u32(0);
                for (let r = q + 1; r < a - 1; r++) {
                  const second = availableAmount[r & 63]!;
                  const third = other - second;
                  const passes = k.u32(second <= otherHigh) & k.u32(second >= otherLow) & ~k.u32(closed >> k.i64(r));
                  hits |= passes & k.u32(mayHold[k.u32(third >> 6n) & 15]! >> (third & 63n));
                  spent += (a - 1 - r) & (0 - passes);
                }
                if (hits !== 0) break;
                nodes += spent;
                if (nodes + q + 1 > p.budget) return false;
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
            q = pick[after & 63]!;
            blocked ^= nextEqual[q & 63]!;
            rest += availableAmount[q & 63]!;
            q++;
          }
          continue;
        }
        nodes += q + 1;
        if (nodes > p.budget) return false;
        pick[after & 63] = q;
        blocked ^= nextEqual[q & 63]!;
        rest -= availableAmount[q & 63]!;
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
      for (let i = k.u32(0); i < size; i++) taken |= k.i64(1n) << k.i64(available[pick[i & 63]! & 63]!);
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
