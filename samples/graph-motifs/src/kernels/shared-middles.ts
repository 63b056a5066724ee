import { atomic, bool, constant, gridKernel, input, sharedAtomic, u32, u64, uniform } from '@gpu-bridge/kernels';

/** Ends that one group counts. */
export const SLOTS = 4_096;
/** Stands for a first end of a task whose ends are hashed. */
export const HASHED = 0xffff_ffff;
/** Lanes of a group, among which the middles of one start are shared out. */
export const LANES = 32;

/**
 * For pairs of nodes `start` and `end`, over how many nodes in the middle one reaches the other in two steps: `start → middle
 * → end`. Counts pairs by middles, and C(middles, 2) over all pairs.
 *
 * A group does one task: the paths from one start, either to ends of one range of {@link SLOTS}, counted in an array of the
 * group; or, where a start has few paths, to all ends, counted in a hash table of the group. A hub has many ranges, and
 * within a group its middles are shared out to the lanes.
 *
 * With `isLowerOnly`, middles and ends are those below the start: in a symmetric graph C(middles, 2) then counts every cycle
 * of four once, at its highest node.
 */
export const sharedMiddles = gridKernel(
  'motifs/shared-middles',
  {
    params: {
      row: input(u32, { indexes: 'col', inclusive: true }),
      col: input(u32, { indexes: 'row' }),
      start: input(u32, { indexes: 'row' }),
      firstEnd: input(u32),
      isLowerOnly: uniform(bool),
      /** Pairs with at least 1, 2, 3, 5 and 10 middles, and the sum of C(middles, 2). */
      totals: atomic(u64),
      /** By start: most middles of a pair in the upper half, the complement of its end in the lower one; 0 without paths. */
      best: atomic(u64),
    },
    workgroup: LANES,
    shared: { ends: sharedAtomic(u32, SLOTS), middles: sharedAtomic(u32, SLOTS) },
    constants: {
      SLOTS: constant(u32, SLOTS),
      HASHED: constant(u32, HASHED),
      LANES: constant(u32, LANES),
    },
  },
  (k, { row, col, start, firstEnd, isLowerOnly, totals, best, ends, middles }) => {
    const task = k.group.x;
    const u = start[task]!;
    const isHashed = firstEnd[task]! === k.constants.HASHED;
    const low = isHashed ? k.u32(0) : firstEnd[task]!;
    const limit = isLowerOnly ? u : row.length - 1;
    const high = isHashed || limit - low < k.constants.SLOTS ? limit : low + k.constants.SLOTS;
    let one = k.u64(0);
    let two = k.u64(0);
    let three = k.u64(0);
    let five = k.u64(0);
    let ten = k.u64(0);
    let couples = k.u64(0);
    let most = k.u64(0);
    for (let e = row[u]! + k.local.x; e < row[u + 1]!; e += k.constants.LANES) {
      const middle = col[e]!;
      if (isLowerOnly && middle > u) break;
      const pathsEnd = row[middle + 1]!;
      let path = row[middle]!;
      let rest = pathsEnd;
      while (low > 0 && path < rest) {
        const between = path + (rest - path) / 2;
        if (col[between]! < low) path = between + 1;
        else rest = between;
      }
      for (; path < pathsEnd; path++) {
        const end = col[path]!;
        if (end >= high) break;
        if (end === u) continue;
        let slot = end - low;
        if (isHashed) {
          slot = (end * 2654435761) >> 20;
          let holder = k.atomicCompareExchange(ends, slot, 0, end + 1);
          while (holder !== 0 && holder !== end + 1) {
            slot = (slot + 1) & (k.constants.SLOTS - 1);
            holder = k.atomicCompareExchange(ends, slot, 0, end + 1);
          }
        }
        const before = k.atomicAdd(middles, slot, 1);
        if (before === 0) one++;
        if (before === 1) two++;
        if (before === 2) three++;
        if (before === 4) five++;
        if (before === 9) ten++;
        couples += k.u64(before);
        most = k.max(most, (k.u64(before + 1) << 32n) | k.u64(0xffffffff - end));
      }
    }
    if (one > 0n) k.atomicAdd(totals, 0, one);
    if (two > 0n) k.atomicAdd(totals, 1, two);
    if (three > 0n) k.atomicAdd(totals, 2, three);
    if (five > 0n) k.atomicAdd(totals, 3, five);
    if (ten > 0n) k.atomicAdd(totals, 4, ten);
    if (couples > 0n) k.atomicAdd(totals, 5, couples);
    if (most > 0n) k.atomicMax(best, u, most);
  },
);
