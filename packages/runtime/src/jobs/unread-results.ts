import type { Cancellable, Clock } from '@gpu-bridge/abstractions';
import type { Job } from './job.js';

/**
 * Completed jobs whose results still occupy device memory, oldest first: a linked list through the jobs, so that
 * reading one costs nothing and the list never outgrows what is unread. What stays too long is handed to `expire`.
 */
export class UnreadResults {
  private oldest: Job | undefined;
  private newest: Job | undefined;
  private timer: Cancellable | undefined;

  constructor(
    private readonly retentionMs: number,
    private readonly clock: Clock,
    private readonly expire: (job: Job) => void,
  ) {}

  add(job: Job): void {
    if (!job.holdsMemory) return;
    job.olderUnread = this.newest;
    if (this.newest === undefined) this.oldest = job;
    else this.newest.newerUnread = job;
    this.newest = job;
    this.timer ??= this.clock.schedule(() => this.sweep(), this.retentionMs);
  }

  remove(job: Job): void {
    if (this.oldest !== job && job.olderUnread === undefined) return;
    if (job.olderUnread === undefined) this.oldest = job.newerUnread;
    else job.olderUnread.newerUnread = job.newerUnread;
    if (job.newerUnread === undefined) this.newest = job.olderUnread;
    else job.newerUnread.olderUnread = job.olderUnread;
    job.olderUnread = undefined;
    job.newerUnread = undefined;
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private sweep(): void {
    const nowMs = this.clock.nowMs();
    while (this.oldest !== undefined && this.oldest.endedMs + this.retentionMs <= nowMs) this.expire(this.oldest);
    const waitMs = this.oldest === undefined ? undefined : this.oldest.endedMs + this.retentionMs - nowMs;
    this.timer = waitMs === undefined ? undefined : this.clock.schedule(() => this.sweep(), Math.max(1, waitMs));
  }
}
