import { Tokens } from '@gpu-bridge/abstractions';
import type { DatasetStore, GpuBridge } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { countMotifs } from '../counts/count-motifs.js';
import type { MotifCounts } from '../counts/count-motifs.js';
import type { Graph } from '../graph/graph.js';
import { motifKernels } from '../kernels/motif-kernels.js';
import { keepGraph } from '../resident-graph.js';

export interface CpuSilo extends AsyncDisposable {
  count(graph: Graph): Promise<MotifCounts>;
}

/** A silo with two CPU workers, which counts the motifs of one graph after the other. */
export async function startCpuSilo(): Promise<CpuSilo> {
  const container = new Container();
  const host = addGpuBridge(container, { kernels: motifKernels, cpu: { workers: 2, arenaMiB: 256 } });
  await host.start();
  const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
  const store = container.get<DatasetStore>(Tokens.DatasetStore);
  return {
    count: async (graph) => {
      using resident = await keepGraph({ bridge, store, device: 'cpu:0' }, 'test', graph);
      return await countMotifs(resident);
    },
    [Symbol.asyncDispose]: () => host.stop(),
  };
}
