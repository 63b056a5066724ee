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

/** Joins a handle with the reading of its results, which starts when the batches are iterated. */
export function executionOf<TIn, TOut>(
  kernel: GpuKernel<TIn, TOut>,
  handle: KernelHandle<TOut>,
  options: ReadOptions,
): BatchExecution<TOut> {
  return {
    jobId: handle.jobId,
    batches: { [Symbol.asyncIterator]: () => kernel.readResults(handle, options)[Symbol.asyncIterator]() },
    result: handle.result,
    cancel: () => handle.cancel(),
    dispose: () => handle.dispose(),
    [Symbol.dispose]: () => handle.dispose(),
  };
}
