import type { DatasetColumnRef } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { Job } from '../jobs/job.js';
import type { ArenaResidents, Resident } from './arena-residents.js';

/**
 * What keeps allocations and datasets where they are: the jobs that read them, on whichever device these are. One for all arenas of a
 * bridge, since a job can read what lies on another device, as any memory of its caller's.
 */
export class ResidentPins {
  private readonly arenas = new Map<ArrayBufferLike, ArenaResidents>();
  private readonly pins = new Map<Job, readonly Resident[]>();
  private allocations = 0;

  add(buffer: ArrayBufferLike, arena: ArenaResidents): void {
    this.arenas.set(buffer, arena);
  }

  /** Allocations came or went. */
  count(delta: 1 | -1): void {
    this.allocations += delta;
  }

  /** Whether a job would read an allocation that its tenant may not. */
  readsForeign({ inputs, tenant }: Job): boolean {
    if (this.allocations === 0) return false;
    const isClosed = (column: ArrayBufferView): boolean =>
      this.arenas.get(column.buffer)?.isClosedTo(tenant, column) === true;
    return inputs.sources.some((source) => {
      if (source === undefined) return false;
      return isArray(source) ? isClosed(source) : isClosed(source.low) || isClosed(source.high);
    });
  }

  /** Keeps what a job reads allocated until `unpin`; from its admission on, since it is staged later, and perhaps again. */
  pin(job: Job): void {
    if (this.allocations === 0 || this.pins.has(job)) return;
    const read: Resident[] = [];
    for (const source of job.inputs.sources) {
      if (source === undefined || !isArray(source)) continue;
      const resident = this.arenas.get(source.buffer)?.find(source);
      if (resident !== undefined) read.push(resident);
    }
    for (const resident of read) resident.readers++;
    if (read.length > 0) this.pins.set(job, read);
  }

  /** Which dataset a column lies in, on whichever device. */
  describe(column: ArrayBufferView): DatasetColumnRef | undefined {
    if (this.allocations === 0) return undefined;
    return this.arenas.get(column.buffer)?.find(column)?.describe?.(column);
  }

  unpin(job: Job): void {
    if (this.pins.size === 0) return;
    const read = this.pins.get(job);
    if (read === undefined) return;
    for (const resident of read) resident.readers--;
    this.pins.delete(job);
  }

  /** A job that has not ended went to another device, which unpins it. */
  unpinEnded(jobs: readonly Job[]): void {
    if (this.pins.size > 0) for (const job of jobs) if (job.hasEnded) this.unpin(job);
  }
}
