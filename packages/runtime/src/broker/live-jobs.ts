import type { Job } from '../jobs/job.js';

/** The jobs that a device is answerable for: admitted, not ended, and not gone to another device. */
export class LiveJobs {
  private total = 0;
  private readonly withDeadline = new Set<Job>();
  private nothingLeft: (() => void) | undefined;

  get count(): number {
    return this.total;
  }

  add(job: Job): void {
    this.total++;
    if (job.deadlineMs !== Infinity) this.withDeadline.add(job);
  }

  /** Once for each job that was added. */
  remove(job: Job): void {
    this.total--;
    if (job.deadlineMs !== Infinity) this.withDeadline.delete(job);
    if (this.total === 0) this.nothingLeft?.();
  }

  /** Those whose deadline has passed; they may be removed meanwhile. */
  *late(nowMs: number): Iterable<Job> {
    for (const job of this.withDeadline) if (nowMs >= job.deadlineMs) yield job;
  }

  /** Resolves when there is none; asked for by one caller at a time. */
  none(): Promise<void> {
    if (this.total === 0) return Promise.resolve();
    return new Promise((resolve) => (this.nothingLeft = resolve));
  }
}
