import type { GpuBridgeError, Logger } from '@gpu-bridge/abstractions';
import type { Job } from '../jobs/job.js';
import type { LeftEntry } from './recovery.js';

/** Ids of coalesced jobs that one line names. */
const MOST_NAMED = 8;

/** What the log of a device says about jobs: their ids and their tenant, always. */
export class JobLog {
  constructor(
    private readonly device: string,
    private readonly logger: Logger,
  ) {}

  /** What a caller asked for, such as a deadline, is no warning; a kernel that ends executors is. */
  failed({ jobId, tenant, kernelId, attempts }: Job, error: GpuBridgeError): void {
    const fields = { device: this.device, jobId, tenant, kernel: kernelId, attempts, error };
    if (error.code === 'JOB_POISONED') this.logger.warn('a job ended the executors that ran it', fields);
    else this.logger.debug('a job failed', fields);
  }

  /** Executors died; of each entry that they were running it is said whose it was. */
  died(left: readonly LeftEntry[], reason: string): void {
    for (const { entry, role } of left) {
      if (role !== 'suspect') continue;
      const jobs = entry.jobs().filter((job) => !job.hasEnded);
      const [first] = jobs;
      if (first === undefined) continue;
      const { jobId, tenant, kernelId } = first;
      // Coalesced jobs are of one tenant and kernel.
      const others =
        jobs.length === 1 ? {} : { jobs: jobs.length, jobIds: jobs.slice(0, MOST_NAMED).map((job) => job.jobId) };
      this.logger.warn('a job was running when its executor died', {
        ...{ device: this.device, jobId, tenant, kernel: kernelId, reason },
        ...others,
      });
    }
  }
}
