import { array, atomic, constant, gridKernel, helper, input, output, struct, u32, u64 } from '@gpu-bridge/kernels';
import { NONE } from './none.js';

/** First position from `low` on, below `high`, whose value is at least `wanted`; `high` without one. */
const firstAtLeast = helper(
  'first_at_least',
  { args: { values: array(u32), low: u32, high: u32, wanted: u32 }, returns: u32 },
  (k, { values, low, high, wanted }) => {
    let first = low;
    let end = high;
    while (first < end) {
      const middle = first + (end - first) / 2;
      if (values[middle]! < wanted) first = middle + 1;
      else end = middle;
    }
    return first;
  },
);

const Common = struct({ count: u32, first: u32 });

/**
 * How many values two sorted pieces have in common, and the lowest of them. Searching the longer one takes log(its length) per
 * value of the shorter one; merging takes the sum of both.
 */
const commonValues = helper(
  'common_values',
  {
    args: { a: array(u32), aLow: u32, aHigh: u32, b: array(u32), bLow: u32, bHigh: u32 },
    returns: Common,
    uses: { firstAtLeast },
    constants: { NONE: constant(u32, NONE) },
  },
  (k, { a, aLow, aHigh, b, bLow, bHigh }) => {
    let count = k.u32(0);
    let first = k.constants.NONE;
    let p = aLow;
    let q = bLow;
    const searches = (aHigh - aLow) * (33 - k.clz(bHigh - bLow));
    if (searches < bHigh - bLow) {
      while (p < aHigh && q < bHigh) {
        const x = a[p]!;
        q = k.uses.firstAtLeast({ values: b, low: q, high: bHigh, wanted: x });
        if (q < bHigh && b[q]! === x) {
          if (count === 0) first = x;
          count++;
        }
        p++;
      }
    } else {
      while (p < aHigh && q < bHigh) {
        const x = a[p]!;
        const y = b[q]!;
        if (x === y) {
          if (count === 0) first = x;
          count++;
        }
        p += k.u32(x <= y);
        q += k.u32(y <= x);
      }
    }
    return { count, first };
  },
);

/**
 * Directed cycles of two and of three nodes, each once, at the arc that leaves its lowest node: `u → v` is in a cycle of two
 * where `v → u`, and in one of three with every `w` above `u` where `v → w → u`. An id is an arc. `mutual` says which arcs
 * have their reverse, `third` the lowest such `w`; both only at the lower end.
 */
export const directedCycles = gridKernel(
  'motifs/directed-cycles',
  {
    params: {
      outRow: input(u32, { indexes: 'outCol', inclusive: true }),
      outCol: input(u32, { indexes: 'outRow' }),
      source: input(u32, { indexes: 'outRow' }),
      inRow: input(u32, { indexes: 'inCol', inclusive: true }),
      inCol: input(u32),
      /** Cycles of two, cycles of three. */
      totals: atomic(u64),
      mutual: output(u32),
      third: output(u32),
    },
    uses: { firstAtLeast, commonValues },
    constants: { NONE: constant(u32, NONE) },
  },
  (k, { outRow, outCol, source, inRow, inCol, totals, mutual, third }) => {
    const arc = k.global.x;
    const u = source[arc]!;
    const v = outCol[arc]!;
    mutual[arc] = 0;
    third[arc] = k.constants.NONE;
    if (v < u) return;
    const inEnd = inRow[u + 1]!;
    const above = k.uses.firstAtLeast({ values: inCol, low: inRow[u]!, high: inEnd, wanted: u });
    const back = k.uses.firstAtLeast({ values: inCol, low: above, high: inEnd, wanted: v });
    if (back < inEnd && inCol[back]! === v) {
      mutual[arc] = 1;
      k.atomicAdd(totals, 0, 1n);
    }
    const outEnd = outRow[v + 1]!;
    const next = k.uses.firstAtLeast({ values: outCol, low: outRow[v]!, high: outEnd, wanted: u });
    const common = k.uses.commonValues({ a: inCol, aLow: above, aHigh: inEnd, b: outCol, bLow: next, bHigh: outEnd });
    third[arc] = common.first;
    if (common.count > 0) k.atomicAdd(totals, 1, k.u64(common.count));
  },
);
