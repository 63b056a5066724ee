import { array, helper, i64, mutableArray, u32 } from '@gpu-bridge/kernels';

/**
 * Sorts `order[at … at + count)` by `key` of what stands there, descending and stable; `spare` is working space of the
 * same places. Insertion sort for short lists, runs of it merged for long ones.
 */
export const sortByKey = helper(
  'sortByKey',
  { args: { key: array(i64), order: mutableArray(u32), spare: mutableArray(u32), at: u32, count: u32 } },
  (k, { key, order, spare, at, count }) => {
    const end = at + count;
    const run = k.select(count > 48, k.u32(32), count);
    for (let start = at; start < end; start += run) {
      const stop = k.min(start + run, end);
      for (let i = start + 1; i < stop; i++) {
        const unit = order[i]!;
        const value = key[unit]!;
        let j = i;
        while (j > start) {
          const before = order[j - 1]!;
          if (key[before]! >= value) break;
          order[j] = before;
          j--;
        }
        order[j] = unit;
      }
    }
    for (let width = run; width < count; width *= 2) {
      for (let i = at; i < end; i++) spare[i] = order[i]!;
      for (let start = at; start < end; start += 2 * width) {
        const middle = k.min(start + width, end);
        const stop = k.min(middle + width, end);
        let left = start;
        let right = middle;
        for (let i = start; i < stop; i++) {
          let takesLeft = left < middle;
          if (takesLeft && right < stop) takesLeft = key[spare[left]!]! >= key[spare[right]!]!;
          if (takesLeft) {
            order[i] = spare[left]!;
            left++;
          } else {
            order[i] = spare[right]!;
            right++;
          }
        }
      }
    }
  },
);

/** Fills `order[at … at + count)` with the units `at …` by amount descending, then unit. */
export const sortUnits = helper(
  'sortUnits',
  {
    args: { amount: array(i64), order: mutableArray(u32), spare: mutableArray(u32), at: u32, count: u32 },
    uses: { sortByKey },
  },
  (k, { amount, order, spare, at, count }) => {
    for (let i = at; i < at + count; i++) order[i] = i;
    k.uses.sortByKey({ key: amount, order, spare, at, count });
  },
);
