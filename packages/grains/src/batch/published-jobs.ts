import type { KernelHandle } from '@gpu-bridge/abstractions';

/** Whose a job is. */
export interface JobOwners {
  /** Under whose limits it runs. */
  readonly tenant: string;
  /** Whose request submitted it: hints can name another tenant. */
  readonly caller: string;
}

/**
 * Jobs that callers on other silos may ask for by id. A job that runs is kept here; one that has ended only as long as the
 * bridge keeps it, which is while its results wait to be read and have not expired.
 */
export class PublishedJobs<THandle extends KernelHandle<never> = KernelHandle<never>> {
  private readonly owners = new WeakMap<THandle, JobOwners>();
  private readonly running = new Map<string, THandle>();
  private readonly ended = new Map<string, WeakRef<THandle>>();
  private readonly collected = new FinalizationRegistry<string>((jobId) => void this.ended.delete(jobId));

  publish(handle: THandle, owners: JobOwners): void {
    this.owners.set(handle, owners);
    this.running.set(handle.jobId, handle);
  }

  markEnded(handle: THandle): void {
    if (!this.running.delete(handle.jobId)) return;
    this.ended.set(handle.jobId, new WeakRef(handle));
    this.collected.register(handle, handle.jobId);
  }

  find(jobId: string): THandle | undefined {
    return this.running.get(jobId) ?? this.ended.get(jobId)?.deref();
  }

  /** Whether a job that was found may be asked for by callers of this tenant. */
  isOpenTo(handle: THandle, tenant: string): boolean {
    const owners = this.owners.get(handle);
    return owners?.tenant === tenant || owners?.caller === tenant;
  }

  /** Nobody will ask for it again. */
  forget(jobId: string): void {
    this.running.delete(jobId);
    this.ended.delete(jobId);
  }
}
