import type { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Job } from '../jobs/job.js';
import type { Batch } from './batch.js';
import type { InFlightEntry } from './in-flight-table.js';

/** Deaths of an executor that a job causes while alone on it before it counts as poison. */
const POISON_DEATHS = 2;

/** Items of a batch that must run again. */
export interface Rerun {
  readonly batch: Batch;
  readonly firstItem: number;
  readonly itemCount: number;
}

/**
 * What must run again, and how: entries that a dead executor had not begun go back as they are; the one it was running
 * is a suspect and runs alone and uncoalesced; a job that kills executors while alone is poison.
 */
export class Recovery {
  private readonly reruns: Rerun[] = [];
  private readonly suspects: Rerun[] = [];

  constructor(
    private readonly fail: (job: Job, error: GpuBridgeError) => void,
    private readonly poisoned: (job: Job, reason: string) => GpuBridgeError,
  ) {}

  get hasSuspects(): boolean {
    return this.suspects.length > 0;
  }

  nextSuspect(): Rerun | undefined {
    return taken(this.suspects.shift());
  }

  nextRerun(): Rerun | undefined {
    return taken(this.reruns.shift());
  }

  /** Everything that waits to run again; none of it will. */
  dropAll(): readonly Rerun[] {
    const dropped = [...this.suspects.splice(0), ...this.reruns.splice(0)];
    for (const rerun of dropped) taken(rerun);
    return dropped;
  }

  /** The executor died before it began this entry. */
  resubmit(entry: InFlightEntry): void {
    this.push(this.reruns, entry.batch, entry.firstItem, entry.itemCount);
  }

  /** Everything in the batch runs again in one slot, alone: it died once. */
  restart(batch: Batch): void {
    this.push(this.suspects, batch, 0, batch.itemCount);
  }

  /** The executor died while it ran this entry. */
  blame(entry: InFlightEntry, reason: string): void {
    const { batch } = entry;
    const jobs = entry.jobs().filter((job) => !job.hasEnded);
    for (const job of jobs) job.attempts++;
    const alone = entry.isSuspect ? jobs[0] : undefined;
    if (alone !== undefined && ++alone.aloneDeaths >= POISON_DEATHS) {
      this.fail(alone, this.poisoned(alone, reason));
    } else if (batch.kernel.descriptor.effects !== 'pure') {
      batch.restartPending = true;
    } else if (batch.isCoalesced) {
      this.suspectEach(batch, jobs);
    } else if (jobs.length > 0) {
      this.push(this.suspects, batch, entry.firstItem, entry.itemCount);
    }
  }

  /** One of these jobs, which shared a slot, misbehaved: each runs alone and answers for itself. */
  suspectEach(batch: Batch, jobs: readonly Job[]): void {
    for (const job of jobs) if (!job.hasEnded) this.push(this.suspects, batch, job.firstItem, job.inputs.itemCount);
  }

  private push(list: Rerun[], batch: Batch, firstItem: number, itemCount: number): void {
    batch.pendingReruns++;
    list.push({ batch, firstItem, itemCount });
  }
}

function taken(rerun: Rerun | undefined): Rerun | undefined {
  if (rerun !== undefined) rerun.batch.pendingReruns--;
  return rerun;
}
