import type {
  GpuBridge,
  GpuExecutionHints,
  GpuKernel,
  Grain,
  GrainContext,
  GridLaunch,
} from '@gpu-bridge/abstractions';
import { AdmittedBatch, checkReadOptions } from './batch-execution.js';
import type { BatchExecution, JobHost, ReadOptions } from './batch-execution.js';
import { requestHints } from './job-hints.js';
import { ownersOf } from './published-jobs.js';
import type { PublishedJobs } from './published-jobs.js';

/** Inputs or outputs of a kernel whose definition is not at hand. */
export type UntypedColumns = Record<string, unknown>;

/**
 * Runs batches on one kernel, whose name or id is the grain's key. It keeps nothing between calls: admission, queueing
 * and limits are the device broker's.
 */
export class GpuBatchGrain<TIn = UntypedColumns, TOut = UntypedColumns> implements Grain, JobHost {
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
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `KERNEL_NOT_FOUND`, `QUEUE_FULL` and `RATE_LIMITED` (retry after
   *   `retryAfterNs`), `DEADLINE_EXCEEDED`, `CANCELLED`, `DRAINING`, `DEVICE_NOT_FOUND`, `DEVICE_LOST`, `ARENA_EXHAUSTED`,
   *   `QUOTA_EXCEEDED`, `FOREIGN_HANDLE`.
   */
  async execute(
    items: TIn,
    hints?: GpuExecutionHints,
    signal?: AbortSignal,
    options: ReadOptions = {},
  ): Promise<BatchExecution<TOut>> {
    checkReadOptions(options);
    const owned = requestHints(hints, this.context.request);
    const owners = ownersOf(owned, this.context.request);
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
    const owned = requestHints(hints, this.context.request);
    const owners = ownersOf(owned, this.context.request);
    const handle = await this.kernel.submitGrid(args, launch, owned, signal);
    return new AdmittedBatch(this.kernel, handle, options, this, owners);
  }
}
