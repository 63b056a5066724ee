import { directedCycles } from '../kernels/directed-cycles.js';
import type { ResidentGraph } from '../resident-graph.js';
import type { MotifRunner } from './motif-runner.js';

export interface DirectedCycles {
  readonly cyclesOf2: bigint;
  readonly cyclesOf3: bigint;
  /** For every arc: 1 at the lower end of a cycle of two. */
  readonly mutual: Uint32Array;
  /** For every arc: the lowest node that closes a cycle of three, at its lowest node; else `NONE`. */
  readonly third: Uint32Array;
}

export async function countDirectedCycles(
  runner: MotifRunner,
  arcs: NonNullable<ResidentGraph['arcs']>,
): Promise<DirectedCycles> {
  const count = arcs.outCol.length;
  const { totals, mutual, third } = await runner.run(directedCycles, arcs, {
    globalSize: [count],
    sizes: { totals: 2, mutual: count, third: count },
  });
  return { cyclesOf2: totals.bigintAt(0), cyclesOf3: totals.bigintAt(1), mutual, third };
}
