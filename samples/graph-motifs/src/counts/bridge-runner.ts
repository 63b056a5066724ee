import type { GpuBridge } from '@gpu-bridge/abstractions';
import type { MotifRunner } from './motif-runner.js';

/** Runs kernels on one device of a silo. */
export function bridgeRunner(bridge: GpuBridge, deviceId: string, signal?: AbortSignal): MotifRunner {
  return {
    run: async (definition, args, launch) => {
      const kernel = bridge.getKernel(definition);
      const handle = await kernel.submitGrid(args, launch, { preferredDevice: deviceId }, signal);
      for await (const { columns } of kernel.readResults(handle)) return columns;
      throw new Error(`${definition.name} ended without results`);
    },
  };
}
