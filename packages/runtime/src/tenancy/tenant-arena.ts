import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import type { ComputeDevice } from '@gpu-bridge/abstractions';
import { ArenaAllocator } from '../arena/arena-allocator.js';
import type { ArenaBlock } from '../arena/arena-allocator.js';
import { Residue } from '../arena/residue.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { TenantAccount } from './tenant-account.js';
import type { TenantAccounts } from './tenant-accounts.js';

/** What a block is for: a `batch` comes back by itself, when its results were read or have expired; what is `kept` does not. */
export type BlockPurpose = 'batch' | 'kept';

/** Why there is no room for a block: its tenant's quota, or the arena, is used up. */
export type Shortage = 'quota' | 'arena';

/** Who has memory in an arena that can be had again, and gives it up for what has no room otherwise. */
export interface ArenaReclaimer {
  /** More will be had soon: `ArenaResidents.roomMade` is called then. */
  readonly isBusy: boolean;
  /** Frees what is needed for a block of `sizeBytes`; false, with nothing freed, when that is not possible. */
  reclaim(sizeBytes: number): boolean;
  /** Frees so much of what counts against a tenant; false, with nothing freed, when that is not possible. */
  reclaimFrom(tenant: string, sizeBytes: number): boolean;
}

/**
 * A device's arena as tenants share it: each block counts against its tenant's quota, and holds nothing that another tenant
 * has left there. Everything that takes arena memory takes it here: batches, allocations, datasets.
 */
export class TenantArena {
  /** Told of a tenant whose memory came back. */
  refunded: (tenant: string) => void = () => undefined;

  reclaimer: ArenaReclaimer | undefined;

  private readonly allocator: ArenaAllocator;

  /** @param device - the number under which tenants' accounts keep what they have on it. */
  constructor(
    { arenaOffset, arenaBytes, description }: ComputeDevice,
    private readonly memory: DeviceMemory,
    private readonly tenants: TenantAccounts,
    private readonly device: number,
    private readonly deviceId = description.id,
  ) {
    this.allocator = new ArenaAllocator(arenaOffset, arenaBytes);
  }

  get capacityBytes(): number {
    return this.allocator.capacityBytes;
  }

  get usedBytes(): number {
    return this.allocator.usedBytes;
  }

  /** Whether memory of the tenant will come back without anybody asking for it. */
  awaits(tenant: string): boolean {
    return this.tenants.of(tenant).on(this.device).batchBytes > 0 || this.isReclaiming;
  }

  /** Whether memory that can be had again is about to make way. */
  get isReclaiming(): boolean {
    return this.reclaimer?.isBusy === true;
  }

  /**
   * Takes a block for a tenant, wiped of what others left in it. What can be had again makes way for it.
   *
   * @param zeroed - clears it altogether.
   * @returns what is short when there is no room now.
   */
  take(tenant: string, sizeBytes: number, purpose: BlockPurpose, zeroed = false): ArenaBlock | Shortage {
    const account = this.tenants.of(tenant);
    if (!this.makeQuota(account, sizeBytes)) return 'quota';
    let block = this.allocator.allocate(sizeBytes);
    if (block === undefined && this.reclaimer?.reclaim(sizeBytes) === true) block = this.allocator.allocate(sizeBytes);
    if (block === undefined) return 'arena';
    block.holder = account;
    block.comesBack = purpose === 'batch';
    this.charge(account, block.comesBack, block.sizeBytes);
    this.wipe(block, account, zeroed);
    return block;
  }

  /** As `ArenaAllocator.blocksToFree`. */
  blocksToFree(sizeBytes: number, candidates: Iterable<ArenaBlock>): readonly ArenaBlock[] | undefined {
    return this.allocator.blocksToFree(sizeBytes, candidates);
  }

  /** The block is its tenant's no more; what lies in it stays until somebody else gets it. */
  free(block: ArenaBlock): void {
    const { holder } = block;
    invariant(holder !== undefined, 'a block is freed once');
    block.holder = undefined;
    this.charge(holder, block.comesBack, -block.sizeBytes);
    this.allocator.free(block);
    this.refunded(holder.name);
  }

  /** The error of what does not stay within the tenant's quota. */
  quotaExceeded(tenant: string, requestedBytes: number): GpuBridgeError {
    const { deviceId } = this;
    const account = this.tenants.of(tenant);
    const usedBytes = account.on(this.device).arenaBytes;
    const { quotaBytes } = account;
    return new GpuBridgeError(
      'QUOTA_EXCEEDED',
      { tenant, deviceId, requestedBytes, usedBytes, quotaBytes },
      `${requestedBytes} bytes for tenant ${tenant} on ${deviceId}: it may have ${quotaBytes} bytes there and has ${usedBytes}`,
    );
  }

  /** Counts that a tenant wanted more than its quota, and makes the error that says so. */
  refuse(tenant: string, sizeBytes: number): GpuBridgeError {
    this.tenants.of(tenant).refusedByQuota++;
    return this.quotaExceeded(tenant, sizeBytes);
  }

  private makeQuota(account: TenantAccount, sizeBytes: number): boolean {
    const { name, quotaBytes } = account;
    const missingBytes = account.on(this.device).arenaBytes + ArenaAllocator.roundUp(sizeBytes) - quotaBytes;
    return missingBytes <= 0 || this.reclaimer?.reclaimFrom(name, missingBytes) === true;
  }

  private charge(account: TenantAccount, comesBack: boolean, bytes: number): void {
    const use = account.on(this.device);
    use.arenaBytes += bytes;
    if (comesBack) use.batchBytes += bytes;
  }

  /** Kernels may leave gaps in what they write, and read what they have not written. */
  private wipe(block: ArenaBlock, account: TenantAccount, zeroed: boolean): void {
    const { u8 } = this.memory;
    if (!zeroed && block.residue.isAllOf(account.name)) return;
    block.residue.foreignTo(account.name, (offset, sizeBytes) => {
      account.wipedBytes += sizeBytes;
      if (!zeroed) u8.fill(0, block.offset + offset, block.offset + offset + sizeBytes);
    });
    if (zeroed) u8.fill(0, block.offset, block.offset + block.sizeBytes);
    block.residue = Residue.of(account.name, block.sizeBytes);
  }
}
