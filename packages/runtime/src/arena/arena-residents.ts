import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { ArenaAllocator, ArenaBlock } from './arena-allocator.js';
import type { ResidentPins } from './resident-pins.js';

/** One allocation of a caller, and how many jobs read it or are going to. */
export class Resident {
  readers = 0;
  constructor(readonly block: ArenaBlock) {}

  covers(offset: number, sizeBytes: number): boolean {
    return offset >= this.block.offset && offset + sizeBytes <= this.block.offset + this.block.sizeBytes;
  }
}

/** Callers' allocations in one arena: which columns may be used in place, and until when. */
export class ArenaResidents {
  private readonly residents = new Set<Resident>();
  private closed = false;

  constructor(
    private readonly arena: ArenaAllocator,
    private readonly memory: DeviceMemory,
    private readonly deviceId: string,
    private readonly pins: ResidentPins,
  ) {
    pins.add(memory.buffer, this);
  }

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
    this.pins.count(1);
    const dispose = (): void => this.dispose(resident);
    return { deviceId: this.deviceId, data: data(block.offset), sizeBytes, dispose, [Symbol.dispose]: dispose };
  }

  /** No job begins any more, so memory is not used again: callers may dispose of what they have. */
  close(): void {
    this.closed = true;
  }

  /** The allocation that a column lies in. */
  find(column: ArrayBufferView): Resident | undefined {
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
    this.pins.count(-1);
    this.arena.free(resident.block);
  }
}
