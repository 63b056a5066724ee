import { atomic, gridKernel, i64, input, u32, u64, uniform } from '@gpu-bridge/kernels';

/**
 * For every node the most distinct counterparts in a closed window of `windowUs`, and the event that such a window begins
 * with. An id is an event and counts the window that begins with it: an event counts unless the one before it between the
 * same two is in the window as well.
 *
 * `best` is the count in the upper half and the complement of the event in the lower one, so that the most with the earliest
 * beginning is the maximum.
 */
export const temporalFans = gridKernel(
  'motifs/temporal-fans',
  {
    params: {
      row: input(u32),
      node: input(u32, { indexes: 'row' }),
      time: input(i64),
      previous: input(u32),
      windowUs: uniform(i64),
      best: atomic(u64),
    },
  },
  (k, { row, node, time, previous, windowUs, best }) => {
    const first = k.global.x;
    const v = node[first]!;
    const end = row[v + 1]!;
    const last = time[first]! + windowUs;
    let distinct = k.u64(0);
    for (let event = first; event < end; event++) {
      if (time[event]! > last) break;
      if (previous[event]! <= first) distinct++;
    }
    k.atomicMax(best, v, (distinct << 32n) | k.u64(0xffffffff - first));
  },
);
