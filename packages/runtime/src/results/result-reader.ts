import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch } from '@gpu-bridge/abstractions';
import type { Job, WaitingReader } from '../jobs/job.js';
import type { ResultChunks } from './result-chunks.js';
import { resultBatch } from './result-views.js';

type Batches = ColumnBatch<Record<string, unknown>>;
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };
const ENDED = Promise.resolve(DONE);

/**
 * A job's results in item order, each as soon as it and all before it are done, from whichever device the job is on.
 * Written without async functions: they cost three more promises per batch.
 */
export class ResultReader implements AsyncIterableIterator<Batches>, WaitingReader {
  private taken = 0;
  private finished = false;
  private resolve!: (result: IteratorResult<Batches>) => void;
  private reject!: (reason: unknown) => void;

  /** @param chunks - memory for copies; undefined lends views of device memory. */
  constructor(
    private readonly job: Job,
    private readonly retentionMs: number,
    private readonly chunks: ResultChunks | undefined,
  ) {
    if (job.readerTaken) {
      throw new GpuBridgeError(
        'RESULT_CONSUMED',
        { jobId: job.jobId },
        `the results of job ${job.jobId} are read by somebody already`,
      );
    }
    job.readerTaken = true;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One call at a time, as `for await` makes them. */
  next(): Promise<IteratorResult<Batches>> {
    if (this.finished) return ENDED;
    if (this.chunks === undefined) this.job.returnLoan();
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.progressed();
    });
  }

  /** Called by the job, and at first by `next`: answers as soon as there is an answer. */
  progressed(): void {
    const { job } = this;
    if (job.readyItems <= this.taken && !job.hasEnded) {
      job.waitingReader = this;
      return;
    }
    try {
      this.resolve(this.take());
    } catch (error) {
      this.reject(error);
    }
  }

  private take(): IteratorResult<Batches> {
    const { job } = this;
    if (job.isExpired) throw this.finish(this.expired());
    if (job.error !== undefined) throw this.finish(job.error);
    if (this.taken === job.inputs.itemCount) {
      this.finish(undefined);
      return DONE;
    }
    job.owner.claim(job);
    const firstItem = this.taken;
    const itemCount = job.readyItems - firstItem;
    const value = resultBatch(job, firstItem, itemCount, job.batch!.memory!, this.chunks);
    this.taken = job.readyItems;
    // A copy needs device memory no longer; a view does until the next batch is asked for.
    if (this.chunks === undefined) job.lend();
    else if (this.taken === job.inputs.itemCount) job.owner.release(job);
    return { done: false, value };
  }

  /** The caller stopped early: nobody will read the rest. */
  return(): Promise<IteratorResult<Batches>> {
    if (!this.finished) this.job.dispose();
    this.finish(undefined);
    return ENDED;
  }

  private finish<E extends GpuBridgeError | undefined>(error: E): E {
    this.finished = true;
    this.job.returnLoan();
    this.job.owner.release(this.job);
    return error;
  }

  private expired(): GpuBridgeError {
    const { jobId } = this.job;
    return new GpuBridgeError(
      'RESULT_EXPIRED',
      { jobId, retentionMs: this.retentionMs },
      `the results of job ${jobId} stayed unread for ${this.retentionMs} ms and are gone`,
    );
  }
}
