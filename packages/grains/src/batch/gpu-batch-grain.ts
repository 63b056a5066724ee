import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  GpuBridge,
  GpuExecutionHints,
  GpuKernel,
  Grain,
  GrainContext,
  GridLaunch,
  KernelHandle,
} from '@gpu-bridge/abstractions';
import { AdmittedBatch } from './batch-execution.js';
import type { BatchExecution, BatchHost, ReadOptions } from './batch-execution.js';
import { packBatch } from './packed-batch.js';
import type { JobOwners, PublishedJobs } from './published-jobs.js';

/** Inputs or outputs of a kernel whose definition is not at hand. */
export type UntypedColumns = Record<string, unknown>;

/**
 * Runs batches on one kernel, whose name or id is the grain's key. It keeps nothing between calls: admission, queueing
 * and limits are the device broker's.
 */
export class GpuBatchGrain<TIn = UntypedColumns, TOut = UntypedColumns> implements Grain, BatchHost {
  readonly siloId: string;
  private kernel!: GpuKernel<TIn, TOut>;

  /** @param jobs - shared by the batch grains of a silo. */
  constructor(
    private readonly bridge: GpuBridge,
    private readonly context: Pick<GrainContext, 'id' | 'siloId' | 'request'>,
    readonly jobs: PublishedJobs,
  ) {
    this.siloId = context.siloId;
  }

  /** @throws GpuBridgeError `KERNEL_NOT_FOUND`, which fails the calls that wait for the activation. */
  async onActivate(): Promise<void> {
    // The caller's reference carries the kernel's types; here it is known by name only.
    this.kernel = this.bridge.getKernel(this.context.id.key) as unknown as GpuKernel<TIn, TOut>;
  }

  /**
   * Submits one batch of a map kernel; resolves when admitted, not when done.
   *
   * @param items - one column per input, all with the same number of items; borrowed until the job completes.
   * @param hints - without a `tenant` or `traceparent` that of the request is taken.
   * @param signal - aborting cancels the job, before and after admission.
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `KERNEL_NOT_FOUND`, `QUEUE_FULL` (retry after `retryAfterNs`),
   *   `DEADLINE_EXCEEDED`, `CANCELLED`, `DRAINING`, `DEVICE_NOT_FOUND`, `DEVICE_LOST`, `ARENA_EXHAUSTED`.
   */
  async execute(
    items: TIn,
    hints?: GpuExecutionHints,
    signal?: AbortSignal,
    options: ReadOptions = {},
  ): Promise<BatchExecution<TOut>> {
    checkReadOptions(options);
    const owned = this.hintsOf(hints);
    const owners = this.ownersOf(owned);
    const handle = await this.kernel.submitBatch(items, owned, signal);
    return new AdmittedBatch(this.kernel, handle, options, this, owners);
  }

  /** Submits one launch of a grid kernel; otherwise as `execute`. */
  async executeGrid(
    args: TIn,
    launch: GridLaunch,
    hints?: GpuExecutionHints,
    signal?: AbortSignal,
    options: ReadOptions = {},
  ): Promise<BatchExecution<TOut>> {
    checkReadOptions(options);
    const owned = this.hintsOf(hints);
    const owners = this.ownersOf(owned);
    const handle = await this.kernel.submitGrid(args, launch, owned, signal);
    return new AdmittedBatch(this.kernel, handle, options, this, owners);
  }

  /**
   * The results of a job that a caller on another silo submitted here, packed; read as they are asked for.
   *
   * @throws GpuBridgeError `RESULT_EXPIRED`; `FOREIGN_HANDLE` when the request is neither the job's tenant's nor of whom
   *   submitted it.
   */
  readRemote(jobId: string): AsyncIterable<unknown> {
    const handle = this.published(jobId);
    if (handle === undefined)
      throw new GpuBridgeError(
        'RESULT_EXPIRED',
        { jobId, retentionMs: 0 },
        `no results of job ${jobId} are here any more`,
      );
    return this.packedResults(handle);
  }

  /** Cancels or disposes of a job for a caller on another silo. @throws GpuBridgeError `FOREIGN_HANDLE`, as `readRemote`. */
  async giveUpRemote(jobId: string, how: 'cancel' | 'dispose'): Promise<void> {
    const handle = this.published(jobId);
    if (how === 'cancel') handle?.cancel();
    else {
      handle?.dispose();
      this.jobs.forget(jobId);
    }
  }

  /** A job is its request's tenant's and trace's, unless the hints name others. To be called before the first `await`. */
  private hintsOf(hints: GpuExecutionHints | undefined): GpuExecutionHints | undefined {
    const { tenant, traceparent } = this.context.request;
    if (tenant === undefined && traceparent === undefined) return hints;
    if (hints !== undefined && typeof hints !== 'object') return hints;
    return {
      ...hints,
      ...(tenant === undefined || hints?.tenant !== undefined ? {} : { tenant }),
      ...(traceparent === undefined || hints?.traceparent !== undefined ? {} : { traceparent }),
    };
  }

  private async *packedResults(handle: KernelHandle<TOut>): AsyncGenerator<unknown> {
    try {
      for await (const batch of this.kernel.readResults(handle)) yield packBatch(batch);
    } finally {
      this.jobs.forget(handle.jobId);
    }
  }

  private ownersOf(hints: GpuExecutionHints | undefined): JobOwners {
    const { tenant: caller = 'default' } = this.context.request;
    return { tenant: hints?.tenant ?? 'default', caller };
  }

  /** To be called before the first `await`. */
  private published(jobId: string): KernelHandle<TOut> | undefined {
    const handle = this.jobs.find(jobId);
    const { tenant = 'default' } = this.context.request;
    if (handle !== undefined && !this.jobs.isOpenTo(handle, tenant))
      throw this.bridge.foreignHandle(`job ${jobId}`, tenant);
    // Its output is this kernel's: a grain is called by the key it was called by before.
    return handle;
  }
}

/** Before anything is queued: a mistake found when the results are read would come too late. */
function checkReadOptions(options: ReadOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw GpuBridgeError.invalidArgument('options', options, 'an object');
  }
  const { mode } = options;
  if (mode !== undefined && mode !== 'copy' && mode !== 'borrow') {
    throw GpuBridgeError.invalidArgument('options.mode', mode, 'copy or borrow');
  }
}
