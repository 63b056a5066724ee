import type { TemporalRows } from '../graph/temporal.js';
import { temporalFans } from '../kernels/temporal-fans.js';
import type { ResidentGraph } from '../resident-graph.js';

/** Fans of every node, by rank. */
export interface TemporalFans {
  /** Most distinct counterparts in a window. */
  readonly widest: Uint32Array;
  /** The event with which the first such window begins; unspecified where there is none. */
  readonly firstEvent: Uint32Array;
}

export async function countTemporalFans(
  events: NonNullable<ResidentGraph['events']>['out'],
  { row, node }: Pick<TemporalRows, 'row' | 'node'>,
  windowUs: number,
): Promise<TemporalFans> {
  const nodes = row.length - 1;
  const { best } = await events.compute(
    temporalFans,
    { windowUs },
    { globalSize: [node.length], sizes: { best: nodes } },
  );
  const widest = new Uint32Array(nodes);
  const firstEvent = new Uint32Array(nodes);
  const words = new Uint32Array(best.array.buffer, best.array.byteOffset, 2 * nodes);
  for (let v = 0; v < nodes; v++) {
    widest[v] = words[2 * v + 1]!;
    firstEvent[v] = ~words[2 * v]!;
  }
  return { widest, firstEvent };
}
