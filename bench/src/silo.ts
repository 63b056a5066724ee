import { Tokens } from '@gpu-bridge/abstractions';
import type { DatasetStore, GpuBridge, GpuBridgeOptions, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { Container } from 'inversify';

/** Runs `work` against a started silo and stops it, also on failure. */
export async function withSilo<T>(
  options: GpuBridgeOptions,
  work: (bridge: GpuBridge, grains: GrainFactory, datasets: DatasetStore) => Promise<T>,
): Promise<T> {
  const container = new Container();
  const host = addGpuBridge(container, options);
  await host.start();
  try {
    return await work(
      container.get<GpuBridge>(Tokens.GpuBridge),
      container.get<GrainFactory>(Tokens.GrainFactory),
      container.get<DatasetStore>(Tokens.DatasetStore),
    );
  } finally {
    await host.stop();
  }
}
