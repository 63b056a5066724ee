import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  GpuBridge,
  GpuExecutionHints,
  GpuKernel,
  GrainClass,
  KernelHandle,
  RequestContext,
} from '@gpu-bridge/abstractions';
import { packBatch } from './packed-batch.js';

/** The part of a kernel that gives results out. */
type ReadableKernel = Pick<GpuKernel<never, unknown>, 'readResults'>;

/** Whose a job is. */
export interface JobOwners {
  /** Under whose limits it runs. */
  readonly tenant: string;
  /** Whose request submitted it: hints can name another tenant. */
  readonly caller: string;
}

/** @param hints - those of the job, with the tenant of the request. */
export function ownersOf(hints: GpuExecutionHints | undefined, request: RequestContext): JobOwners {
  const { tenant: caller = 'default' } = request;
  return { tenant: hints?.tenant ?? 'default', caller };
}

/** A job, who has its results, and whose they are. */
export interface PublishedJob {
  readonly handle: KernelHandle<never>;
  readonly kernel: ReadableKernel;
  readonly owners: JobOwners;
}

interface EndedJob extends Omit<PublishedJob, 'handle'> {
  readonly handle: WeakRef<KernelHandle<never>>;
}

/**
 * Jobs that callers on other silos may ask for by id. A job that runs is kept here; one that has ended only as long as the
 * bridge keeps it, which is while its results wait to be read and have not expired.
 */
export class PublishedJobs {
  private readonly running = new Map<string, PublishedJob>();
  private readonly ended = new Map<string, EndedJob>();
  private readonly collected = new FinalizationRegistry<string>((jobId) => void this.ended.delete(jobId));

  publish(job: PublishedJob): void {
    this.running.set(job.handle.jobId, job);
  }

  markEnded({ handle, ...rest }: PublishedJob): void {
    if (!this.running.delete(handle.jobId)) return;
    this.ended.set(handle.jobId, { handle: new WeakRef(handle), ...rest });
    this.collected.register(handle, handle.jobId);
  }

  find(jobId: string): PublishedJob | undefined {
    const ended = this.ended.get(jobId);
    const handle = ended?.handle.deref();
    return this.running.get(jobId) ?? (handle && { ...ended!, handle });
  }

  /** Nobody will ask for it again. */
  forget(jobId: string): void {
    this.running.delete(jobId);
    this.ended.delete(jobId);
  }
}

/** What callers on other silos ask for after their call; the jobs are the silo's, whatever has become of the activation. */
export function followUpsOf(
  jobs: PublishedJobs,
  bridge: Pick<GpuBridge, 'foreignHandle'>,
): NonNullable<GrainClass['followUps']> {
  /** @throws GpuBridgeError `FOREIGN_HANDLE` when the request is neither the job's tenant's nor of whom submitted it. */
  const find = (jobId: string, { tenant = 'default' }: RequestContext): PublishedJob | undefined => {
    const job = jobs.find(jobId);
    if (job === undefined || job.owners.tenant === tenant || job.owners.caller === tenant) return job;
    throw bridge.foreignHandle(`job ${jobId}`, tenant);
  };
  return {
    /** The results of a job that a caller on another silo submitted here, packed; read as they are asked for. */
    readRemote: (request, id) => {
      const jobId = String(id);
      const job = find(jobId, request);
      if (job !== undefined) return packedResults(job, jobs);
      const details = { jobId, retentionMs: 0 };
      throw new GpuBridgeError('RESULT_EXPIRED', details, `no results of job ${jobId} are here any more`);
    },
    /** Cancels or disposes of a job for a caller on another silo. */
    giveUpRemote: (request, id, how) => {
      const jobId = String(id);
      const job = find(jobId, request);
      if (how === 'cancel') return job?.handle.cancel();
      job?.handle.dispose();
      jobs.forget(jobId);
    },
  };
}

async function* packedResults({ handle, kernel }: PublishedJob, jobs: PublishedJobs): AsyncGenerator<unknown> {
  try {
    for await (const batch of kernel.readResults(handle)) yield packBatch(batch);
  } finally {
    jobs.forget(handle.jobId);
  }
}
