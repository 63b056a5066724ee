import type { KernelHandle } from '@gpu-bridge/abstractions';

/**
 * Jobs that callers on other silos may ask for by id. A job that runs is kept here; one that has ended only as long as the
 * bridge keeps it, which is while its results wait to be read and have not expired.
 */
export class PublishedJobs<THandle extends KernelHandle<never> = KernelHandle<never>> {
  private readonly running = new Map<string, THandle>();
  private readonly ended = new Map<string, WeakRef<THandle>>();
  private readonly collected = new FinalizationRegistry<string>((jobId) => void this.ended.delete(jobId));

  publish(handle: THandle): void {
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

  /** Nobody will ask for it again. */
  forget(jobId: string): void {
    this.running.delete(jobId);
    this.ended.delete(jobId);
  }
}
