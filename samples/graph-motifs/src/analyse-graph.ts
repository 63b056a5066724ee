import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridgeOptions, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import type { DeviceName } from './arguments.js';
import { countGraph } from './counts/count-graph.js';
import type { MotifCounts, OnProgress } from './counts/count-motifs.js';
import type { Graph } from './graph/graph.js';
import { motifKernels } from './kernels/motif-kernels.js';
import { graphResidents } from './resident-graph.js';

const MIB = 2 ** 20;
const LEAST_ARENA_MIB = 512;
const MOST_ARENA_MIB = 4_032;
/** A piece of work on the pairs of a hub may take longer than the default allows, on a device that others use too. */
const SLOT_BUDGET_MS = 60_000;

/** Counts the motifs of a graph on a silo of its own with one device, and stops the silo. */
export async function analyseGraph(
  graph: Graph,
  device: DeviceName,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<MotifCounts> {
  const container = new Container();
  const host = addGpuBridge(container, {
    ...deviceOptions(device, arenaMiBFor(graph)),
    kernels: motifKernels,
    residents: graphResidents,
    health: { slotBudgetMs: SLOT_BUDGET_MS },
  });
  try {
    await host.start();
    signal.throwIfAborted();
    const grains = container.get<GrainFactory>(Tokens.GrainFactory);
    return await countGraph(grains, 'graph', graph, { device, onProgress, signal });
  } finally {
    await host.stop();
  }
}

function deviceOptions(device: DeviceName, arenaMiB: number): GpuBridgeOptions {
  switch (device) {
    case 'cpu:0':
      return { cpu: { arenaMiB } };
    case 'cpu-native:0':
      return { cpu: false, native: { cpu: { arenaMiB }, compiler: 'g++' } };
    case 'opencl:0':
      return { cpu: false, native: { opencl: { arenaMiB } } };
  }
}

/** Room for the columns of a graph, and for results as large as the largest of them. */
function arenaMiBFor({ neighbours, arcs, events, ids }: Graph): number {
  const entries = 3 * neighbours.col.length + 6 * (arcs?.out.col.length ?? 0) + 8 * (events?.out.node.length ?? 0);
  const wanted = Math.ceil((2 * (4 * entries + 64 * ids.length)) / MIB);
  return Math.min(MOST_ARENA_MIB, Math.max(LEAST_ARENA_MIB, wanted));
}
