import type { Graph } from '../graph/graph.js';
import type { MotifCounts } from './count-motifs.js';
import { noDegrees } from './degree-counts.js';
import type { TemporalFans } from './fan-counts.js';
import { noSharedMiddles } from './middle-counts.js';

/** What a graph without edges has, which needs no device. */
export function noMotifs({ ids, arcs, events }: Graph): MotifCounts {
  const nothing = new Uint32Array(0);
  const degree = noDegrees();
  const middles = noSharedMiddles(ids.length);
  const fans: TemporalFans = { widest: new Uint32Array(ids.length), firstEvent: new Uint32Array(ids.length) };
  return {
    triangles: 0n,
    trianglesByNode: { perNode: new BigUint64Array(ids.length), third: nothing },
    degree,
    fourCycles: middles,
    directed: arcs && {
      cycles: { cyclesOf2: 0n, cyclesOf3: 0n, mutual: nothing, third: nothing },
      outDegree: degree,
      inDegree: degree,
      splitMerge: middles,
    },
    fans: events && { out: fans, in: fans },
  };
}
