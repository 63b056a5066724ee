import { atomic, gridKernel, input, u32, u64 } from '@gpu-bridge/kernels';

/**
 * Hubs and stars from the offsets of compressed rows: how many nodes reach each of the rising `thresholds`, the largest
 * degree, and the sums of C(degree, 2) and C(degree, 3). An id is a node, since a node's degree is one subtraction.
 */
export const degrees = gridKernel(
  'motifs/degrees',
  {
    params: {
      row: input(u32),
      thresholds: input(u32),
      reaching: atomic(u64),
      largest: atomic(u32),
      stars: atomic(u64),
    },
  },
  (k, { row, thresholds, reaching, largest, stars }) => {
    const v = k.global.x;
    const degree = row[v + 1]! - row[v]!;
    if (degree === 0) return;
    for (let i = k.u32(0); i < thresholds.length; i++) {
      if (degree < thresholds[i]!) break;
      k.atomicAdd(reaching, i, 1n);
    }
    k.atomicMax(largest, 0, degree);
    if (degree < 2) return;
    const d = k.u64(degree);
    const pairs = (d * (d - 1n)) / 2n;
    // One of the two factors is a multiple of three; dividing it first keeps the product small.
    const triples = pairs % 3n === 0n ? (pairs / 3n) * (d - 2n) : pairs * ((d - 2n) / 3n);
    k.atomicAdd(stars, 0, pairs);
    k.atomicAdd(stars, 1, triples);
  },
);
