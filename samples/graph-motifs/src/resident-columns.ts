import type {
  DatasetColumns,
  DatasetLease,
  GpuBridge,
  GridLaunch,
  KernelDefinition,
  KernelInputs,
  KernelOutputs,
  KernelParams,
} from '@gpu-bridge/abstractions';

/** How a kernel is launched over resident columns. */
export interface ColumnLaunch<K extends string> extends GridLaunch {
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

/** Columns of a lease; it has to be held as long as they are used. */
export function leasedColumns<C extends DatasetColumns>(
  bridge: GpuBridge,
  { data, deviceId }: DatasetLease<C>,
  signal?: AbortSignal,
): ResidentColumns<C> {
  return {
    compute: async <P extends KernelParams>(
      definition: KernelDefinition<P>,
      args: Partial<KernelInputs<P>>,
      { bind = {}, ...launch }: ColumnLaunch<keyof C & string>,
    ) => {
      const kernel = bridge.getKernel(definition);
      const inputs: Record<string, unknown> = { ...args };
      for (const param of Object.keys(definition.params)) {
        const column = bind[param] ?? param;
        if (!(param in inputs) && column in data) inputs[param] = data[column];
      }
      const handle = await kernel.submitGrid(inputs as KernelInputs<P>, launch, { preferredDevice: deviceId }, signal);
      for await (const { columns } of kernel.readResults(handle)) return columns;
      throw new Error(`${definition.name} ended without results`);
    },
  };
}
