import type { ColumnBatch, GpuKernel, GpuResult, KernelHandle } from '@gpu-bridge/abstractions';

/** How a caller reads results. */
export interface ReadOptions {
  /**
   * `copy` (default): batches are the reader's to keep. `borrow`: they are views of device memory, valid until the
   * reader asks for the next batch or ends; nothing is copied.
   */
  readonly mode?: 'copy' | 'borrow';
}

/** An admitted job, as the caller of a batch grain holds it. Read it or dispose of it: unread results expire. */
export interface BatchExecution<TOut> extends Disposable {
  /** UUIDv7, the same over all attempts. */
  readonly jobId: string;
  /**
   * The results in item order, each batch as soon as it and all before it are done. Can be read once.
   *
   * @throws GpuBridgeError the job's error when it failed or was cancelled; `RESULT_EXPIRED`, `RESULT_CONSUMED`.
   */
  readonly batches: AsyncIterable<ColumnBatch<TOut>>;
  /** How the job ended; never rejects. */
  readonly result: Promise<GpuResult>;
  /** Gives the job up: it ends as `cancelled`. No effect after the end. */
  cancel(): void;
  /** Drops results that nobody will read; cancels a job that has not ended. Idempotent. */
  dispose(): void;
}

/** Joins a handle with the reading of its results. Job id and result are asked of the handle only when used. */
export class AdmittedBatch<TIn, TOut> implements BatchExecution<TOut> {
  constructor(
    private readonly kernel: GpuKernel<TIn, TOut>,
    private readonly handle: KernelHandle<TOut>,
    private readonly options: ReadOptions,
  ) {}

  get jobId(): string {
    return this.handle.jobId;
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
