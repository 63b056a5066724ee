import type { Batch } from './batch.js';

/** One ring slot on its way: which items of which batch, where, and since when. */
export class InFlightEntry {
  /** Grows at each reuse, so that a completion of an earlier use is not taken for this one. */
  tag = 0;
  isUsed = false;
  batch!: Batch;
  firstItem = 0;
  itemCount = 0;
  group = 0;
  /** Position in the executor's ring. */
  position = 0;
  /** Its executor was parked when it was submitted and has to wake up first. */
  hasToWake = false;
  /** It runs alone on its executor, because it is suspected of having killed one. */
  isSuspect = false;
  submittedMs = 0;
  /** When the watchdog first saw it run, ms; 0 while it has not. */
  runningSinceMs = 0;
  /** When the watchdog first saw it wait as the oldest of an executor that ran nothing, ms; 0 while it has not. */
  waitingSinceMs = 0;

  constructor(readonly index: number) {}

  /** Whether it holds items of one job only, so that what goes wrong can be laid at that job's door. */
  get isAlone(): boolean {
    if (!this.batch.isCoalesced) return true;
    return this.batch.jobs.some((job) => job.firstItem === this.firstItem && job.inputs.itemCount === this.itemCount);
  }

  /** The jobs whose items it holds. */
  jobs() {
    return this.batch.jobsOf(this.firstItem, this.itemCount);
  }
}

/** Everything that is in a ring, by index: the journal from which deaths are recovered. Entries are pooled. */
export class InFlightTable {
  private readonly entries: InFlightEntry[] = [];
  private readonly free: InFlightEntry[] = [];

  acquire(): InFlightEntry {
    let entry = this.free.pop();
    if (entry === undefined) {
      entry = new InFlightEntry(this.entries.length);
      this.entries.push(entry);
    }
    entry.isUsed = true;
    entry.tag = (entry.tag + 1) >>> 0;
    entry.runningSinceMs = 0;
    entry.waitingSinceMs = 0;
    entry.isSuspect = false;
    return entry;
  }

  /** The entry a completion names, or undefined when it names none: numbers from the other side are never trusted. */
  find(index: number, tag: number): InFlightEntry | undefined {
    const entry = this.entries[index];
    return entry !== undefined && entry.isUsed && entry.tag === tag ? entry : undefined;
  }

  release(entry: InFlightEntry): void {
    entry.isUsed = false;
    this.free.push(entry);
  }
}
