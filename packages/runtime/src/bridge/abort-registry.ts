import type { Job } from '../jobs/job.js';

/** Jobs by abort signal: one listener per signal however many jobs share it, gone with the last of them. */
export class AbortRegistry {
  private readonly jobs = new Map<AbortSignal, Set<Job>>();

  watch(signal: AbortSignal, job: Job): void {
    let watched = this.jobs.get(signal);
    if (watched === undefined) {
      watched = new Set();
      this.jobs.set(signal, watched);
      signal.addEventListener('abort', this.onAbort, { once: true });
    }
    const set = watched;
    set.add(job);
    job.whenEnded(() => {
      set.delete(job);
      if (set.size > 0 || this.jobs.get(signal) !== set) return;
      this.jobs.delete(signal);
      signal.removeEventListener('abort', this.onAbort);
    });
  }

  private readonly onAbort = (event: Event): void => {
    const watched = this.jobs.get(event.target as AbortSignal);
    if (watched !== undefined) for (const job of [...watched]) job.cancel();
  };
}
