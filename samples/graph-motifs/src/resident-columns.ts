import type {
  DatasetColumns,
  GrainReference,
  GridLaunch,
  KernelDefinition,
  KernelInputs,
  KernelOutputs,
  KernelParams,
} from '@gpu-bridge/abstractions';
import type { ComputeArgs, GpuResidentGrain } from '@gpu-bridge/grains';

/** How a kernel is launched over resident columns. */
interface ColumnLaunch<K extends string> extends GridLaunch {
  /** Columns by the parameter that each goes to, beside those that go to the parameter of their own name. */
  readonly bind?: Readonly<Record<string, K>>;
}

/** Columns that stay on a device, and grid kernels that run where they are. */
export interface ResidentColumns<C extends DatasetColumns> {
  /**
   * @param args - inputs that no column is for.
   * @returns the whole outputs.
   * @throws the job's error when it does not complete.
   */
  compute<P extends KernelParams>(
    kernel: KernelDefinition<P>,
    args: Partial<KernelInputs<P>>,
    launch: ColumnLaunch<keyof C & string>,
  ): Promise<KernelOutputs<P>>;
}

/** Where and how long kernels run. */
export interface ComputePlace {
  /** Id of the device; default: one that has the columns. */
  readonly device?: string;
  /** Aborting it gives up what is computed. */
  readonly signal?: AbortSignal;
}

/** Columns of one epoch of a resident grain. */
export function grainColumns<C extends DatasetColumns>(
  grain: GrainReference<GpuResidentGrain<undefined, C>>,
  epoch: string,
  { device, signal }: ComputePlace,
): ResidentColumns<C> {
  return {
    compute: async <P extends KernelParams>(
      kernel: KernelDefinition<P>,
      args: Partial<KernelInputs<P>>,
      { bind, ...launch }: ColumnLaunch<keyof C & string>,
    ) => {
      const options = {
        launch,
        epoch,
        ...(bind && { bind }),
        ...(device !== undefined && { hints: { preferredDevice: device } }),
      };
      const job = await grain.compute(kernel, args as ComputeArgs<P, C, string>, options, signal);
      for await (const { columns } of job.batches) return columns;
      throw new Error(`${kernel.name} ended without results`);
    },
  };
}
