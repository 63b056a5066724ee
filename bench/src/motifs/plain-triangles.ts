import { CORE_WORDS } from '@gpu-bridge/sample-graph-motifs';
import type { edgeColumns } from '@gpu-bridge/sample-graph-motifs';

/** The columns with their bits as halves: JavaScript has no fast integers of 64 bits. */
export type PlainColumns = Omit<ReturnType<typeof edgeColumns>, 'bits'> & { readonly halves: Uint32Array };

export function plainColumns({ bits, ...columns }: ReturnType<typeof edgeColumns>): PlainColumns {
  return { ...columns, halves: new Uint32Array(bits.buffer) };
}

const HALVES = 2 * CORE_WORDS;

/** The kernel `motifs/triangles` as plain JavaScript on one thread: the same algorithm, orientation and rows of bits. */
export function plainTriangles({ row, col, source, bitsAt, coreStart, halves }: PlainColumns): number {
  let total = 0;
  for (let e = 0; e < col.length; e++) {
    const u = source[e]!;
    const v = col[e]!;
    let p = e + 1;
    let q = row[v]!;
    let end = 0;
    let stop = 0;
    let found = 0;
    const a = 2 * bitsAt[u]!;
    const b = 2 * bitsAt[v]!;
    if (a !== 0 && b !== 0) {
      for (let i = 0; i < HALVES; i++) found += bitCount(halves[a + i]! & halves[b + i]!);
      end = coreStart[u]!;
      stop = coreStart[v]!;
    } else {
      end = row[u + 1]!;
      stop = row[v + 1]!;
    }
    while (p < end && q < stop) {
      const x = col[p]!;
      const y = col[q]!;
      found += +(x === y);
      p += +(x <= y);
      q += +(y <= x);
    }
    total += found;
  }
  return total;
}

/** Bits of 32, counted side by side: the usual way without an instruction for it. */
function bitCount(bits: number): number {
  let x = bits - ((bits >>> 1) & 0x5555_5555);
  x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
