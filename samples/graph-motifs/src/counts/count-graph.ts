import type { GrainFactory } from '@gpu-bridge/abstractions';
import type { Graph } from '../graph/graph.js';
import type { ComputePlace } from '../resident-columns.js';
import { keepGraph } from '../resident-graph.js';
import { countMotifs } from './count-motifs.js';
import type { MotifCounts, OnProgress } from './count-motifs.js';
import { noMotifs } from './no-motifs.js';

export interface CountOptions extends ComputePlace {
  readonly onProgress?: OnProgress;
}

/** Brings a graph to a device and counts its motifs there; one without edges needs no device. */
export async function countGraph(
  grains: GrainFactory,
  name: string,
  graph: Graph,
  { onProgress, ...place }: CountOptions = {},
): Promise<MotifCounts> {
  if (graph.neighbours.col.length === 0) return noMotifs(graph);
  return countMotifs(await keepGraph(grains, name, graph, place), onProgress);
}
