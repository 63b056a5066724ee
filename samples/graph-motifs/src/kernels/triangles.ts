import { atomic, constant, gridKernel, input, output, u32, u64 } from '@gpu-bridge/kernels';
import { CORE_WORDS } from '../graph/dense-rows.js';
import { NONE } from './none.js';

/**
 * How many triangles a graph has. Its edges point to the higher rank, so each triangle is found once, at the edge between its
 * two lowest nodes: as a common neighbour of both. An id is an edge, so the edges of a hub are spread over all lanes.
 *
 * Where both ends have a row of bits, the common neighbours within the core are counted by words; the lists, or what of them
 * is before the core, are merged. Adding comparisons instead of branching on them spares the processor its wrong guesses.
 */
export const triangles = gridKernel(
  'motifs/triangles',
  {
    params: {
      row: input(u32, { indexes: 'col', inclusive: true }),
      col: input(u32, { indexes: 'bitsAt' }),
      source: input(u32, { indexes: 'bitsAt' }),
      bitsAt: input(u32, { indexes: 'bits' }),
      coreStart: input(u32, { indexes: 'col', inclusive: true }),
      bits: input(u64),
      total: atomic(u64),
    },
    constants: { WORDS: constant(u32, CORE_WORDS) },
  },
  (k, { row, col, source, bitsAt, coreStart, bits, total }) => {
    const e = k.global.x;
    const u = source[e]!;
    const v = col[e]!;
    let p = e + 1;
    let q = row[v]!;
    let end = k.u32(0);
    let stop = k.u32(0);
    let found = k.u32(0);
    const a = bitsAt[u]!;
    const b = bitsAt[v]!;
    if (a !== 0 && b !== 0) {
      let common = k.u64(0);
      for (let i = k.u32(0); i < k.constants.WORDS; i++) common += k.popcount(bits[a + i]! & bits[b + i]!);
      found = k.u32(common);
      end = coreStart[u]!;
      stop = coreStart[v]!;
    } else {
      end = row[u + 1]!;
      stop = row[v + 1]!;
    }
    while (p < end && q < stop) {
      const x = col[p]!;
      const y = col[q]!;
      found += k.u32(x === y);
      p += k.u32(x <= y);
      q += k.u32(y <= x);
    }
    // Several sums, so that lanes of a GPU do not all wait for one.
    if (found > 0) k.atomicAdd(total, e % total.length, k.u64(found));
  },
);

/** Triangles at every node, and for every edge the lowest node that closes one. Lists alone, since each third node counts. */
export const trianglesByNode = gridKernel(
  'motifs/triangles-by-node',
  {
    params: {
      row: input(u32, { indexes: 'col', inclusive: true }),
      col: input(u32, { indexes: 'row' }),
      source: input(u32, { indexes: 'row' }),
      perNode: atomic(u64),
      third: output(u32),
    },
    constants: { NONE: constant(u32, NONE) },
  },
  (k, { row, col, source, perNode, third }) => {
    const e = k.global.x;
    const u = source[e]!;
    const v = col[e]!;
    const end = row[u + 1]!;
    const stop = row[v + 1]!;
    let p = e + 1;
    let q = row[v]!;
    let found = k.u64(0);
    let first = k.constants.NONE;
    while (p < end && q < stop) {
      const x = col[p]!;
      const y = col[q]!;
      if (x === y) {
        k.atomicAdd(perNode, x, 1n);
        if (found === 0n) first = x;
        found++;
      }
      p += k.u32(x <= y);
      q += k.u32(y <= x);
    }
    third[e] = first;
    if (found > 0n) {
      k.atomicAdd(perNode, u, found);
      k.atomicAdd(perNode, v, found);
    }
  },
);
