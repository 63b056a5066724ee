import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { Job } from '../jobs/job.js';
import type { ArenaAllocator, ArenaBlock } from './arena-allocator.js';

/** One allocation of a caller, and how many jobs read it or are going to. */
class Resident {
  readers = 0;
  constructor(readonly block: ArenaBlock) {}

  covers(offset: number, sizeBytes: number): boolean {
    return offset >= this.block.offset && offset + sizeBytes <= this.block.offset + this.block.sizeBytes;
  }
}

/** Callers' allocations in one arena: which columns may be used in place, and until when. */
export class ArenaResidents {
  private readonly residents = new Set<Resident>();
  private readonly pins = new Map<Job, Resident[]>();

  private closed = false;

  constructor(
    private readonly arena: ArenaAllocator,
    private readonly memory: DeviceMemory,
    private readonly deviceId: string,
  ) {}

  /** Whether a column lies inside a live allocation of this arena. */
  holds(column: SourceColumn): boolean {
    // Asking a small typed array for its buffer makes the engine give it one: not without need.
    if (this.residents.size === 0) return false;
    return isArray(column) && column.buffer === this.memory.buffer && this.find(column) !== undefined;
  }

  /** @param data - makes the caller's views once the block's offset is known. */
  allocate<T>(sizeBytes: number, data: (offset: number) => T): Allocation<T> {
    const block = this.arena.allocate(sizeBytes);
    if (block === undefined) {
      const { capacityBytes, usedBytes } = this.arena;
      throw new GpuBridgeError(
        'ARENA_EXHAUSTED',
        { deviceId: this.deviceId, requestedBytes: sizeBytes, capacityBytes },
        `${sizeBytes} bytes do not fit in the arena of ${this.deviceId}: ${usedBytes} of ${capacityBytes} bytes are in use`,
      );
    }
    this.memory.u8.fill(0, block.offset, block.offset + block.sizeBytes);
    const resident = new Resident(block);
    this.residents.add(resident);
    const dispose = (): void => this.dispose(resident);
    return { deviceId: this.deviceId, data: data(block.offset), sizeBytes, dispose, [Symbol.dispose]: dispose };
  }

  /** Keeps what a job reads in place allocated until `unpin`; from its admission on, since it is staged later. */
  pin(job: Job): void {
    if (this.residents.size === 0 || this.pins.has(job)) return;
    const read: Resident[] = [];
    for (const source of job.inputs.sources) {
      if (source === undefined || !isArray(source) || source.buffer !== this.memory.buffer) continue;
      const resident = this.find(source);
      if (resident !== undefined) read.push(resident);
    }
    for (const resident of read) resident.readers++;
    if (read.length > 0) this.pins.set(job, read);
  }

  unpin(job: Job): void {
    if (this.pins.size === 0) return;
    const read = this.pins.get(job);
    if (read === undefined) return;
    for (const resident of read) resident.readers--;
    this.pins.delete(job);
  }

  unpinAll(jobs: readonly Job[]): void {
    if (this.pins.size > 0) for (const job of jobs) this.unpin(job);
  }

  /** No job begins any more, so memory is not used again: callers may dispose of what they have. */
  close(): void {
    this.closed = true;
  }

  private find(column: ArrayBufferView): Resident | undefined {
    for (const resident of this.residents) if (resident.covers(column.byteOffset, column.byteLength)) return resident;
    return undefined;
  }

  private dispose(resident: Resident): void {
    if (!this.residents.has(resident)) return;
    if (resident.readers > 0 && !this.closed) {
      throw GpuBridgeError.invalidArgument(
        'allocation',
        `read by ${resident.readers} jobs`,
        'one that no job reads any more',
      );
    }
    this.residents.delete(resident);
    this.arena.free(resident.block);
  }
}
