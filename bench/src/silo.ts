import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { Container } from 'inversify';

/** Runs `work` against a started silo and stops it, also on failure. */
export async function withSilo<T>(
  options: GpuBridgeHostOptions,
  work: (bridge: GpuBridge, grains: GrainFactory) => Promise<T>,
): Promise<T> {
  const container = new Container();
  const host = addGpuBridge(container, options);
  await host.start();
  try {
    return await work(container.get<GpuBridge>(Tokens.GpuBridge), container.get<GrainFactory>(Tokens.GrainFactory));
  } finally {
    await host.stop();
  }
}
