import { directedCycles } from '../kernels/directed-cycles.js';
import type { ResidentGraph } from '../resident-graph.js';

export interface DirectedCycles {
  readonly cyclesOf2: bigint;
  readonly cyclesOf3: bigint;
  /** For every arc: 1 at the lower end of a cycle of two. */
  readonly mutual: Uint32Array;
  /** For every arc: the lowest node that closes a cycle of three, at its lowest node; else `NONE`. */
  readonly third: Uint32Array;
}

/** @param count - arcs. */
export async function countDirectedCycles(
  arcs: NonNullable<ResidentGraph['arcs']>,
  count: number,
): Promise<DirectedCycles> {
  const { totals, mutual, third } = await arcs.compute(
    directedCycles,
    {},
    { globalSize: [count], sizes: { totals: 2, mutual: count, third: count } },
  );
  return { cyclesOf2: totals.bigintAt(0), cyclesOf3: totals.bigintAt(1), mutual, third };
}
