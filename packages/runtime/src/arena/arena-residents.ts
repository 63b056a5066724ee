import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation, DatasetColumnRef } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { ArenaAllocator, ArenaBlock } from './arena-allocator.js';
import type { ResidentPins } from './resident-pins.js';

/** What lies in the arena beside batches, an allocation of a caller or an epoch of a dataset, and how many jobs read it or are going to. */
export class Resident {
  readers = 0;
  constructor(
    readonly block: ArenaBlock,
    /** Names a column that lies in it. */
    readonly describe?: (column: ArrayBufferView) => DatasetColumnRef | undefined,
  ) {}

  covers(offset: number, sizeBytes: number): boolean {
    return offset >= this.block.offset && offset + sizeBytes <= this.block.offset + this.block.sizeBytes;
  }
}

/** Who has memory in an arena that can be had again, and gives it up for what has no room otherwise. */
export interface ArenaReclaimer {
  /** Frees what is needed for a block of `sizeBytes`; false, with nothing freed, when that is not possible. */
  reclaim(sizeBytes: number): boolean;
}

/** What callers keep in one arena: which columns may be used in place, and until when. */
export class ArenaResidents {
  reclaimer: ArenaReclaimer | undefined;
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

  /** Whether a column lies inside a live resident of this arena. */
  holds(column: SourceColumn): boolean {
    // Asking a small typed array for its buffer makes the engine give it one: not without need.
    if (this.residents.size === 0) return false;
    return isArray(column) && column.buffer === this.memory.buffer && this.find(column) !== undefined;
  }

  /** A block of the arena, for whatever purpose; what can be had again makes way for it. */
  takeBlock(sizeBytes: number): ArenaBlock | undefined {
    const block = this.arena.allocate(sizeBytes);
    if (block !== undefined || this.reclaimer?.reclaim(sizeBytes) !== true) return block;
    return this.arena.allocate(sizeBytes);
  }

  /** @param data - makes the caller's views once the block's offset is known. */
  allocate<T>(sizeBytes: number, data: (offset: number) => T): Allocation<T> {
    const resident = this.admit(sizeBytes);
    const { block } = resident;
    this.memory.u8.fill(0, block.offset, block.offset + block.sizeBytes);
    const dispose = (): void => this.dispose(resident);
    return { deviceId: this.deviceId, data: data(block.offset), sizeBytes, dispose, [Symbol.dispose]: dispose };
  }

  /**
   * A resident whose block still holds what was there before.
   *
   * @throws GpuBridgeError `ARENA_EXHAUSTED`.
   */
  admit(sizeBytes: number, describe?: Resident['describe']): Resident {
    const block = this.takeBlock(sizeBytes);
    if (block === undefined) {
      const { capacityBytes, usedBytes } = this.arena;
      throw new GpuBridgeError(
        'ARENA_EXHAUSTED',
        { deviceId: this.deviceId, requestedBytes: sizeBytes, capacityBytes },
        `${sizeBytes} bytes do not fit in the arena of ${this.deviceId}: ${usedBytes} of ${capacityBytes} bytes are in use`,
      );
    }
    const resident = new Resident(block, describe);
    this.residents.add(resident);
    this.pins.count(1);
    return resident;
  }

  /** Nothing reads it any more. */
  evict(resident: Resident): void {
    if (!this.residents.delete(resident)) return;
    this.pins.count(-1);
    this.arena.free(resident.block);
  }

  /** No job begins any more, so memory is not used again: callers may dispose of what they have. */
  close(): void {
    this.closed = true;
  }

  /** What a column lies in. */
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
    this.evict(resident);
  }
}
