import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { graphResidents, motifKernels } from '@gpu-bridge/sample-graph-motifs';
import { jeDecomposition } from '@gpu-bridge/sample-je-decomposition';
import { Container } from 'inversify';
import type { DemoHost } from './demo-host.js';

/** One silo in this process, with CPU workers. */
export async function startEmbeddedHost(workers: number): Promise<DemoHost> {
  const container = new Container();
  const host = addGpuBridge(container, {
    kernels: [jeDecomposition, ...motifKernels],
    residents: graphResidents,
    cpu: { workers },
  });
  await host.start();
  const { devices } = container.get<GpuBridge>(Tokens.GpuBridge).getInfo();
  return {
    grainFactory: container.get<GrainFactory>(Tokens.GrainFactory),
    devices: devices.map(({ description }) => description),
    silos: [],
    stop: () => host.stop(),
  };
}
