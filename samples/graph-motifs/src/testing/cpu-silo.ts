import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { countGraph } from '../counts/count-graph.js';
import type { MotifCounts } from '../counts/count-motifs.js';
import type { Graph } from '../graph/graph.js';
import { motifKernels } from '../kernels/motif-kernels.js';
import { graphResidents } from '../resident-graph.js';

export interface CpuSilo extends AsyncDisposable {
  count(graph: Graph): Promise<MotifCounts>;
}

/** A silo with two CPU workers, which counts the motifs of one graph after the other. */
export async function startCpuSilo(): Promise<CpuSilo> {
  const container = new Container();
  const host = addGpuBridge(container, {
    kernels: motifKernels,
    residents: graphResidents,
    cpu: { workers: 2, arenaMiB: 256 },
  });
  await host.start();
  const grains = container.get<GrainFactory>(Tokens.GrainFactory);
  return {
    count: (graph) => countGraph(grains, 'test', graph),
    [Symbol.asyncDispose]: () => host.stop(),
  };
}
