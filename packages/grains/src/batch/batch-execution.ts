import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, GpuKernel, GpuResult, KernelHandle } from '@gpu-bridge/abstractions';
import { OutcomeStream } from './outcome-stream.js';
import type { JobOwners, PublishedJobs } from './published-jobs.js';

/** How a caller reads results. */
export interface ReadOptions {
  /**
   * `copy` (default): batches are the reader's to keep. `borrow`: they are views of device memory, valid until the
   * reader asks for the next batch or ends; nothing is copied. From another silo batches always come as copies.
   */
  readonly mode?: 'copy' | 'borrow';
}

/** An admitted job, as the caller of a batch grain holds it. Read it or dispose of it: unread results expire. */
export interface BatchExecution<TOut> extends Disposable {
  /** UUIDv7, the same over all attempts; another when the job's silo died and another silo runs it anew. */
  readonly jobId: string;
  /** The silo on whose device it runs. */
  readonly siloId: string;
  /**
   * The results in item order, each batch as soon as it and all before it are done. Can be read once.
   *
   * @throws GpuBridgeError the job's error when it failed or was cancelled; `RESULT_EXPIRED`, `RESULT_CONSUMED`. From another
   *   silo: `OUTCOME_UNKNOWN` when it died after the first batch was read; before, the job runs again elsewhere.
   */
  readonly batches: AsyncIterable<ColumnBatch<TOut>>;
  /** How the job ended; never rejects. */
  readonly result: Promise<GpuResult>;
  /** Gives the job up: it ends as `cancelled`. No effect after the end. */
  cancel(): void;
  /** Drops results that nobody will read; cancels a job that has not ended. Idempotent. */
  dispose(): void;
}

/** What the grains of one type share on a silo. */
export interface JobHost {
  readonly siloId: string;
  readonly jobs: PublishedJobs;
}

/**
 * Before anything is queued: a mistake found when the results are read would come too late.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT`
 */
export function checkReadOptions(options: ReadOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw GpuBridgeError.invalidArgument('options', options, 'an object');
  }
  const { mode } = options;
  if (mode !== undefined && mode !== 'copy' && mode !== 'borrow') {
    throw GpuBridgeError.invalidArgument('options.mode', mode, 'copy or borrow');
  }
}

/** Joins a handle with the reading of its results. Job id and result are asked of the handle only when used. */
export class AdmittedBatch<TIn, TOut> implements BatchExecution<TOut> {
  constructor(
    private readonly kernel: GpuKernel<TIn, TOut>,
    readonly handle: KernelHandle<TOut>,
    private readonly options: ReadOptions,
    private readonly host: JobHost,
    private readonly owners: JobOwners,
    /** Of the dataset that it reads. */
    private readonly epoch?: string,
  ) {}

  get jobId(): string {
    return this.handle.jobId;
  }

  get siloId(): string {
    return this.host.siloId;
  }

  get batches(): AsyncIterable<ColumnBatch<TOut>> {
    return new Batches(this.kernel, this.handle, this.options);
  }

  get result(): Promise<GpuResult> {
    return this.handle.result;
  }

  cancel(): void {
    this.handle.cancel();
  }

  dispose(): void {
    this.handle.dispose();
  }

  [Symbol.dispose](): void {
    this.handle.dispose();
  }

  /** For a caller on another silo. */
  outcomeStream(): AsyncIterable<unknown> {
    return new OutcomeStream(
      { handle: this.handle as KernelHandle<never>, kernel: this.kernel, owners: this.owners },
      this.host.jobs,
      this.epoch,
    );
  }
}

/** `toStream` of the methods that give executions. */
export function outcomesOf(execution: BatchExecution<Record<string, unknown>>): AsyncIterable<unknown> {
  if (execution instanceof AdmittedBatch) return execution.outcomeStream();
  throw GpuBridgeError.invalidArgument('execution', execution, 'what a grain of this silo returned');
}

/** Begins to read when it is iterated, not before. */
class Batches<TIn, TOut> implements AsyncIterable<ColumnBatch<TOut>> {
  constructor(
    private readonly kernel: GpuKernel<TIn, TOut>,
    private readonly handle: KernelHandle<TOut>,
    private readonly options: ReadOptions,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<ColumnBatch<TOut>> {
    return this.kernel.readResults(this.handle, this.options)[Symbol.asyncIterator]();
  }
}
