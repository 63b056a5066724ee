import { array, bool, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';
import { sortByKey } from './sorting.js';

/**
 * Groups the units `[at, at + count)` of a side by key; groups are numbered from `at` on, by their first unit. With
 * `lastApart` the last unit, which is the suspense line, is a group of its own whatever its key.
 *
 * @returns the number of groups; `group` of every unit and `groupAmount` of every group are set.
 */
export const groupUnits = helper(
  'groupUnits',
  {
    args: {
      key: array(u32),
      amount: array(i64),
      at: u32,
      count: u32,
      lastApart: bool,
      group: mutableArray(u32),
      groupAmount: mutableArray(i64),
      first: mutableArray(u32),
      order: mutableArray(u32),
      spare: mutableArray(u32),
      sortKey: mutableArray(i64),
    },
    returns: u32,
    uses: { sortByKey },
  },
  (k, p) => {
    const { key, amount, at, count, group, groupAmount, first, order, sortKey } = p;
    const end = at + count;
    let keyed = end;
    if (p.lastApart) keyed--;
    let next = at;
    if (count <= 64) {
      for (let i = at; i < keyed; i++) {
        const own = key[i]!;
        const value = amount[i]!;
        let g = at;
        while (g < next && first[g]! !== own) g++;
        group[i] = g;
        if (g === next) {
          first[g] = own;
          groupAmount[g] = value;
          next++;
        } else {
          groupAmount[g] = groupAmount[g]! + value;
        }
      }
    } else {
      // Sorted, equal keys stand together, the first unit first: every unit learns the first of its key.
      for (let i = at; i < keyed; i++) {
        sortKey[i] = k.i64(key[i]!);
        order[i] = i;
      }
      k.uses.sortByKey({ key: sortKey, order, spare: p.spare, at, count: keyed - at });
      let leader = at;
      for (let i = at; i < keyed; i++) {
        const unit = order[i]!;
        if (i === at || sortKey[unit]! !== sortKey[leader]!) leader = unit;
        first[unit] = leader;
      }
      for (let i = at; i < keyed; i++) {
        const leading = first[i]!;
        if (leading === i) {
          group[i] = next;
          groupAmount[next] = amount[i]!;
          next++;
        } else {
          const g = group[leading]!;
          group[i] = g;
          groupAmount[g] = groupAmount[g]! + amount[i]!;
        }
      }
    }
    if (keyed < end) {
      group[keyed] = next;
      groupAmount[next] = amount[keyed]!;
      next++;
    }
    return next - at;
  },
);

/** Orders units that stand by (amount descending, unit) by cell first: the order of the cursors. */
export const orderByCell = helper(
  'orderByCell',
  {
    args: {
      group: array(u32),
      groupCell: array(u32),
      at: u32,
      count: u32,
      order: mutableArray(u32),
      spare: mutableArray(u32),
      sortKey: mutableArray(i64),
    },
    uses: { sortByKey },
  },
  (k, { group, groupCell, at, count, order, spare, sortKey }) => {
    // Descending by the negative is ascending.
    for (let i = at; i < at + count; i++) sortKey[i] = 0n - k.i64(groupCell[group[i]!]!);
    k.uses.sortByKey({ key: sortKey, order, spare, at, count });
  },
);
