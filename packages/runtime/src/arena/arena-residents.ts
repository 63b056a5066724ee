import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Allocation, DatasetColumnRef } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { TenantArena } from '../tenancy/tenant-arena.js';
import type { ArenaBlock } from './arena-allocator.js';
import type { ResidentPins } from './resident-pins.js';

/** Whose memory it is, and whose jobs may read it. */
export interface ResidentOwner {
  readonly tenant: string;
  isOpenTo(tenant: string): boolean;
}

/** What lies in the arena beside batches, an allocation of a caller or an epoch of a dataset, and how many jobs read it or are going to. */
export class Resident {
  readers = 0;

  constructor(
    readonly block: ArenaBlock,
    readonly owner: ResidentOwner,
    /** Names a column that lies in it. */
    readonly describe?: (column: ArrayBufferView) => DatasetColumnRef | undefined,
  ) {}

  covers(offset: number, sizeBytes: number): boolean {
    return offset >= this.block.offset && offset + sizeBytes <= this.block.offset + this.block.sizeBytes;
  }

  overlaps(offset: number, sizeBytes: number): boolean {
    return offset < this.block.offset + this.block.sizeBytes && offset + sizeBytes > this.block.offset;
  }
}

/** What callers keep in one arena: which columns may be used in place, and until when. */
export class ArenaResidents {
  /** To be called when memory that counts against a tenant can be had again: jobs may wait for it. */
  roomMade: (tenant: string) => void = () => undefined;
  private readonly residents = new Set<Resident>();
  private closed = false;

  constructor(
    private readonly arena: TenantArena,
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

  /** Memory of a tenant's own, zero-filled. @param data - makes the caller's views once the block's offset is known. @throws as `admit`. */
  allocate<T>(tenant: string, sizeBytes: number, data: (offset: number) => T): Allocation<T> {
    const owner: ResidentOwner = { tenant, isOpenTo: (reader) => reader === tenant };
    const resident = this.admit(owner, sizeBytes, { zeroed: true });
    const dispose = (): void => this.dispose(resident);
    const views = data(resident.block.offset);
    return { deviceId: this.deviceId, data: views, sizeBytes, dispose, [Symbol.dispose]: dispose };
  }

  /**
   * A resident whose block holds what its owner's tenant had there before, or zeros.
   *
   * @throws GpuBridgeError `ARENA_EXHAUSTED`, `QUOTA_EXCEEDED`.
   */
  admit(
    owner: ResidentOwner,
    sizeBytes: number,
    { describe, zeroed = false }: { readonly describe?: Resident['describe']; readonly zeroed?: boolean } = {},
  ): Resident {
    const { tenant } = owner;
    const block = this.arena.take(tenant, sizeBytes, 'kept', zeroed);
    if (block === 'quota') throw this.arena.refuse(tenant, sizeBytes);
    if (block === 'arena') {
      const { capacityBytes, usedBytes } = this.arena;
      throw new GpuBridgeError(
        'ARENA_EXHAUSTED',
        { deviceId: this.deviceId, requestedBytes: sizeBytes, capacityBytes },
        `${sizeBytes} bytes do not fit in the arena of ${this.deviceId}: ${usedBytes} of ${capacityBytes} bytes are in use`,
      );
    }
    const resident = new Resident(block, owner, describe);
    this.residents.add(resident);
    this.pins.count(1);
    return resident;
  }

  /** Frees what nothing reads any more. */
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

  /** Whether a column touches an allocation that this tenant may not read. */
  isClosedTo(tenant: string, { byteOffset, byteLength }: ArrayBufferView): boolean {
    for (const resident of this.residents)
      if (!resident.owner.isOpenTo(tenant) && resident.overlaps(byteOffset, byteLength)) return true;
    return false;
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
    this.roomMade(resident.owner.tenant);
  }
}
