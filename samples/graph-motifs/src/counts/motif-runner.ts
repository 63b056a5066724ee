import type { GridLaunch, KernelDefinition, KernelInputs, KernelOutputs, KernelParams } from '@gpu-bridge/abstractions';

/** Runs grid kernels where the graph is. */
export interface MotifRunner {
  /** @throws the job's error when it does not complete. */
  run<P extends KernelParams>(
    kernel: KernelDefinition<P>,
    args: KernelInputs<P>,
    launch: GridLaunch,
  ): Promise<KernelOutputs<P>>;
}
