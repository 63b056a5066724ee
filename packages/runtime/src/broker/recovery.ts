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

/** An entry that was in a ring when its executor ended: it ran and is suspected, it ran and is not, or it waited. */
export interface LeftEntry {
  readonly entry: InFlightEntry;
  readonly role: 'suspect' | 'bystander' | 'waited';
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

  /** Jobs of which something waits to run again alone. */
  *suspectedJobs(): Iterable<Job> {
    for (const { batch, firstItem, itemCount } of this.suspects) yield* batch.jobsOf(firstItem, itemCount);
  }

  /** Everything that waits to run again; none of it will. */
  dropAll(): readonly Rerun[] {
    const dropped = [...this.suspects.splice(0), ...this.reruns.splice(0)];
    for (const rerun of dropped) taken(rerun);
    return dropped;
  }

  /**
   * Decides over the entries that ended with their executors: those that ran are suspects, unless what killed them had
   * nothing to do with them; whatever is left of a batch that begins anew is covered by that.
   *
   * @param left - in the order of their rings.
   */
  died(left: readonly LeftEntry[], reason: string): void {
    const struck = new Set<Job>();
    for (const { entry, role } of left) if (role !== 'waited') this.strike(entry, role === 'suspect', reason, struck);
    for (const { entry, role } of left)
      if (role === 'waited' && entry.batch.restart === undefined) this.resubmit(entry);
  }

  /** Everything in the batch runs again: as one suspect, or, where nobody is suspected, in slots as before. */
  restart(batch: Batch, kind: 'suspect' | 'innocent'): void {
    const list = kind === 'suspect' ? this.suspects : this.reruns;
    // Another death would have to begin anew, so a suspect with effects is one slot.
    const isWhole = kind === 'suspect' && batch.kernel.descriptor.effects !== 'pure';
    const items = isWhole ? batch.itemCount : batch.slotItems;
    for (let first = 0; first < batch.itemCount; first += items)
      this.push(list, batch, first, Math.min(items, batch.itemCount - first));
  }

  /** One of these jobs, which shared a slot, misbehaved: each runs alone and answers for itself. */
  suspectEach(batch: Batch, jobs: readonly Job[]): void {
    for (const job of jobs) if (!job.hasEnded) this.push(this.suspects, batch, job.firstItem, job.inputs.itemCount);
  }

  /** The entry was running. @param struck - jobs whose attempts were counted for this death already. */
  private strike(entry: InFlightEntry, isSuspected: boolean, reason: string, struck: Set<Job>): void {
    const { batch } = entry;
    const jobs = entry.jobs().filter((job) => !job.hasEnded);
    for (const job of jobs) {
      if (struck.has(job)) continue;
      struck.add(job);
      job.countDeath(reason);
    }
    const alone = isSuspected && entry.isSuspect ? jobs[0] : undefined;
    if (alone !== undefined && ++alone.aloneDeaths >= POISON_DEATHS) {
      this.fail(alone, this.poisoned(alone, reason));
    } else if (batch.kernel.descriptor.effects !== 'pure') {
      if (isSuspected) batch.restart = 'suspect';
      else batch.restart ??= 'innocent';
    } else if (!isSuspected) {
      this.resubmit(entry);
    } else if (batch.isCoalesced) {
      this.suspectEach(batch, jobs);
    } else if (jobs.length > 0) {
      this.push(this.suspects, batch, entry.firstItem, entry.itemCount);
    }
  }

  private resubmit({ batch, firstItem, itemCount }: InFlightEntry): void {
    this.push(this.reruns, batch, firstItem, itemCount);
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
