// The example of docs/KERNELS.md "Ahead of time"; tests/integration/native-compiled.test.ts runs it.
// --8<-- [start:compiled]
import type { GpuBridgeOptions, KernelDefinition } from '@gpu-bridge/abstractions';
import { attachCompiled } from '@gpu-bridge/kernels';

/** Options of a host on the native CPU device, without a compiler; `folder` is what `--out` named. */
export function compiledOptions(folder: string, ...kernels: readonly KernelDefinition[]): GpuBridgeOptions {
  return { kernels: kernels.map((kernel) => attachCompiled(kernel, folder)), native: { cpu: {} } };
}
// --8<-- [end:compiled]
