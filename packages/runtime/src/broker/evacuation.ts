import type { Job } from '../jobs/job.js';
import type { Batch } from './batch.js';
import type { FairQueue } from './fair-queue.js';
import type { Recovery } from './recovery.js';
import type { Staging } from './staging.js';

/**
 * Stops everything on a device of which no executor is left.
 *
 * @param abandon - lets a batch hand out nothing more.
 * @returns its jobs that have not ended, those that were staged first; no queue holds them any more, their batches do.
 */
export function evacuate(
  queue: FairQueue,
  staging: Staging,
  recovery: Recovery,
  abandon: (batch: Batch) => void,
): Job[] {
  for (const job of recovery.suspectedJobs()) job.runsAlone = true;
  recovery.dropAll();
  const jobs: Job[] = [];
  for (const batch of staging.batches()) {
    if (batch.restart === 'suspect') for (const job of batch.jobs) job.runsAlone = true;
    batch.restart = undefined;
    abandon(batch);
    // A job that went to another device earlier still stands in the batch that it had here.
    for (const job of batch.jobs) if (!job.hasEnded && job.batch === batch) jobs.push(job);
  }
  jobs.push(...queue.takeWaiting());
  return jobs;
}
