import type { ArenaBlock } from '../arena/arena-allocator.js';
import type { DeviceBroker } from '../broker/device-broker.js';
import type { ArenaReclaimer } from '../tenancy/tenant-arena.js';
import type { Epoch, EpochCopy } from './epoch.js';
import type { SpillFolder } from './spill-folder.js';

/**
 * Makes room in the arena of one device: superseded epochs go first, the oldest of them first, then current ones, the one
 * that was opened longest ago first. What is leased, pinned or read stays, and what could be had from nowhere else when the
 * spill folder cannot take it now.
 */
export class Eviction implements ArenaReclaimer {
  /** @param evicted - called for each epoch that has gone from the device, and whether it was spilled for that. */
  constructor(
    private readonly broker: DeviceBroker,
    private readonly epochs: () => Iterable<Epoch>,
    private readonly spill: SpillFolder,
    private readonly evicted: (isSpilled: boolean) => void,
  ) {}

  /** What has no other place can go when what went before is on disk. */
  get isBusy(): boolean {
    return this.spill.isBusy;
  }

  reclaim(sizeBytes: number): boolean {
    const byBlock = new Map<ArenaBlock, EpochCopy>();
    for (const copy of this.candidates()) byBlock.set(copy.resident.block, copy);
    const blocks = this.broker.staging.arena.blocksToFree(sizeBytes, byBlock.keys());
    if (blocks === undefined) return false;
    for (const block of blocks) this.evict(byBlock.get(block)!);
    return true;
  }

  reclaimFrom(tenant: string, sizeBytes: number): boolean {
    const own: EpochCopy[] = [];
    let leftBytes = sizeBytes;
    for (const copy of this.candidates()) {
      if (copy.epoch.dataset.tenant !== tenant) continue;
      own.push(copy);
      leftBytes -= copy.resident.block.sizeBytes;
      if (leftBytes > 0) continue;
      for (const each of own) this.evict(each);
      return true;
    }
    return false;
  }

  /** What may go, first things first. */
  private *candidates(): Iterable<EpochCopy> {
    const { id } = this.broker.description;
    const here: EpochCopy[] = [];
    for (const epoch of this.epochs()) {
      const copy = epoch.copies.get(id);
      if (copy?.isIdle === true) here.push(copy);
    }
    here.sort((a, b) => rank(a.epoch, b.epoch));
    const { isFull } = this.spill;
    let free = this.spill.freeBytes;
    for (const copy of here) {
      if (this.isOnlyHere(copy)) {
        const { sizeBytes } = copy.resident.block;
        if (isFull || sizeBytes > free) continue;
        free -= sizeBytes;
      }
      yield copy;
    }
  }

  private evict(copy: EpochCopy): void {
    const { epoch, resident } = copy;
    const { memory } = this.broker.staging;
    const isOnlyHere = this.isOnlyHere(copy);
    if (isOnlyHere) {
      const { content } = epoch;
      const { offset } = resident.block;
      this.spill.keep(epoch, content!, memory.u8.subarray(offset, offset + content!.layout.sizeBytes));
    }
    copy.free();
    this.evicted(isOnlyHere);
  }

  /** It would be lost. */
  private isOnlyHere({ epoch }: EpochCopy): boolean {
    return !epoch.isInSource && epoch.copies.size === 1 && !this.spill.has(epoch);
  }
}

/** Negative: `a` goes first. */
function rank(a: Epoch, b: Epoch): number {
  if (a.isCurrent !== b.isCurrent) return a.isCurrent ? 1 : -1;
  return a.isCurrent ? a.openedAt - b.openedAt : a.age - b.age;
}
