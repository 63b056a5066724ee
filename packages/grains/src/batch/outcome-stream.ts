import type { GpuResult } from '@gpu-bridge/abstractions';
import type { PublishedJob, PublishedJobs } from './published-jobs.js';

/** How a job ended, but for the error that made it: the stream ends with that. */
export type PackedResult = Omit<GpuResult, 'error'> & { readonly hasError: boolean };

/** What the caller learns when its job is admitted. */
export interface PackedAdmission {
  readonly jobId: string;
  readonly kernelId: string;
  /** Of the dataset that it reads, for a job that is made anew: it must read the same one. */
  readonly epoch: string | undefined;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * What a caller on another silo hears of its job: that it was admitted, how it ended, and its error, which the stream ends
 * with. The results are asked for apart, since nobody may ever read them, and the end must not wait for that.
 *
 * Ended before the job has, it disposes of the job: the caller gave up or died. No generator: it would notice that only when
 * the job has ended.
 */
export class OutcomeStream implements AsyncIterableIterator<unknown> {
  private step: 'admitted' | 'running' | 'failed' | 'over' = 'admitted';
  private result: GpuResult | undefined;

  constructor(
    private readonly job: PublishedJob,
    private readonly jobs: PublishedJobs,
    private readonly epoch: string | undefined,
  ) {
    jobs.publish(job);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    const { handle } = this.job;
    const { epoch } = this;
    switch (this.step) {
      case 'admitted':
        this.step = 'running';
        return {
          done: false,
          value: { jobId: handle.jobId, kernelId: handle.kernelId, epoch } satisfies PackedAdmission,
        };
      case 'running': {
        const { error, ...rest } = (this.result = await handle.result);
        this.jobs.markEnded(this.job);
        this.step = error === undefined ? 'over' : 'failed';
        return { done: false, value: { ...rest, hasError: error !== undefined } satisfies PackedResult };
      }
      case 'failed':
        this.step = 'over';
        throw this.result!.error!;
      case 'over':
        return DONE;
    }
  }

  return(): Promise<IteratorResult<unknown>> {
    if (this.result === undefined && this.step !== 'over') {
      this.job.handle.dispose();
      this.jobs.forget(this.job.handle.jobId);
    }
    this.step = 'over';
    return Promise.resolve(DONE);
  }
}
