import { temporalFans } from '../kernels/temporal-fans.js';
import type { ResidentGraph } from '../resident-graph.js';
import type { MotifRunner } from './motif-runner.js';

/** Fans of every node, by rank. */
export interface TemporalFans {
  /** Most distinct counterparts in a window. */
  readonly widest: Uint32Array;
  /** The event with which the first such window begins; unspecified where there is none. */
  readonly firstEvent: Uint32Array;
}

export async function countTemporalFans(
  runner: MotifRunner,
  events: NonNullable<ResidentGraph['eventsOut']>,
  windowUs: number,
): Promise<TemporalFans> {
  const nodes = events.row.length - 1;
  const { best } = await runner.run(
    temporalFans,
    { ...events, windowUs },
    { globalSize: [events.node.length], sizes: { best: nodes } },
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
