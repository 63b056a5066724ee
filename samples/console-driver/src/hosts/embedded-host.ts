import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { addGraphGrains, motifKernels } from '@gpu-bridge/sample-graph-motifs';
import { jeDecomposition } from '@gpu-bridge/sample-je-decomposition';
import { Container } from 'inversify';
import type { DemoHost } from './demo-host.js';

/** One silo in this process, with CPU workers. */
export async function startEmbeddedHost(workers: number): Promise<DemoHost> {
  // Resident grains have state, which shall not outlive the demo.
  const storageFolder = await mkdtemp(join(tmpdir(), 'gpu-bridge-demo-'));
  const forget = (): Promise<void> => rm(storageFolder, { recursive: true, force: true });
  const container = new Container();
  const host = addGpuBridge(container, {
    kernels: [jeDecomposition, ...motifKernels],
    cpu: { workers },
    cluster: { storageFolder },
  });
  addGraphGrains(container);
  try {
    await host.start();
  } catch (error) {
    await forget();
    throw error;
  }
  const { devices } = container.get<GpuBridge>(Tokens.GpuBridge).getInfo();
  return {
    grainFactory: container.get<GrainFactory>(Tokens.GrainFactory),
    devices: devices.map(({ description }) => description),
    silos: [],
    stop: async () => {
      await host.stop();
      await forget();
    },
  };
}
