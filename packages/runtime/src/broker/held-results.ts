import type { Clock } from '@gpu-bridge/abstractions';
import type { DeviceMetrics } from '../diagnostics/device-metrics.js';
import type { Job } from '../jobs/job.js';
import { UnreadResults } from '../jobs/unread-results.js';
import type { BatchSettlement } from './batch-settlement.js';

/** Results in device memory. A job holds its batch's block until they were read, are not wanted, or have expired. */
export class HeldResults {
  private readonly unread: UnreadResults;

  /** @param retentionMs - for so long results that nobody reads are kept. */
  constructor(
    private readonly settlement: BatchSettlement,
    private readonly metrics: DeviceMetrics,
    retentionMs: number,
    clock: Clock,
  ) {
    this.unread = new UnreadResults(retentionMs, clock, (job) => this.expire(job));
  }

  /** The job has completed: its results wait for a reader. */
  keep(job: Job): void {
    if (!job.isBeingRead) this.unread.add(job);
  }

  /** Somebody reads them now, for as long as that takes. */
  claim(job: Job): void {
    if (job.isBeingRead) return;
    job.isBeingRead = true;
    this.unread.remove(job);
  }

  /** Nobody needs them any more; without effect while the job has not ended. */
  release(job: Job): void {
    this.unread.remove(job);
    if (!job.holdsMemory || !job.hasEnded) return;
    job.holdsMemory = false;
    const batch = job.batch!;
    batch.holders--;
    this.settlement.settle(batch);
  }

  /** What is held now expires no more: memory lives as long as its views. */
  stop(): void {
    this.unread.stop();
  }

  private expire(job: Job): void {
    this.metrics.expired++;
    job.isExpired = true;
    this.release(job);
  }
}
