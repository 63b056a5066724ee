import type { Csr } from './csr.js';

/** The nodes of highest rank whose neighbours are also kept as bits: 1,024, 16 words of 64 bits a row. */
export const CORE_WORDS = 16;
const CORE_NODES = 64 * CORE_WORDS;
/** Neighbours within the core from which on a row of bits is worth its 128 bytes. */
const LEAST_CORE_NEIGHBOURS = 4;

/**
 * Rows of bits beside the lists of a graph whose edges point to the higher rank. Most common neighbours are among the few
 * nodes with the most edges; there, 16 ands and bit counts do what a merge of two lists takes a hundred steps for.
 */
export interface DenseRows {
  /** First word of each node's row in `bits`; 0 for nodes without one. */
  readonly bitsAt: Uint32Array;
  /** Where, in each node's list, neighbours within the core begin. */
  readonly coreStart: Uint32Array;
  /** Rows of 16 words; the first one is nobody's. */
  readonly bits: BigUint64Array;
}

export function denseRows({ row, col }: Csr): DenseRows {
  const nodes = row.length - 1;
  const firstOfCore = Math.max(0, nodes - CORE_NODES);
  const bitsAt = new Uint32Array(nodes);
  const coreStart = new Uint32Array(nodes);
  let rows = 1;
  for (let v = 0; v < nodes; v++) {
    let start = row[v + 1]!;
    while (start > row[v]! && col[start - 1]! >= firstOfCore) start--;
    coreStart[v] = start;
    if (row[v + 1]! - start >= LEAST_CORE_NEIGHBOURS) bitsAt[v] = rows++ * CORE_WORDS;
  }
  const bits = new BigUint64Array(rows * CORE_WORDS);
  // Little endian on every processor that Node runs on with typed arrays of devices: the lower half comes first.
  const halves = new Uint32Array(bits.buffer);
  for (let v = 0; v < nodes; v++) {
    if (bitsAt[v] === 0) continue;
    for (let e = coreStart[v]!; e < row[v + 1]!; e++) {
      const bit = col[e]! - firstOfCore;
      halves[2 * bitsAt[v]! + (bit >>> 5)]! |= 1 << (bit & 31);
    }
  }
  return { bitsAt, coreStart, bits };
}
