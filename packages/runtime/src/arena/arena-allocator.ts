import { invariant } from '@gpu-bridge/abstractions';
import type { TenantAccount } from '../tenancy/tenant-account.js';
import { Residue } from './residue.js';

/** Every block starts and ends on a cache line, so two jobs never share one. */
const ALIGN = 64;
/** Two-level size classes: power of two, then quarters of it. */
const SUBCLASS_BITS = 2;
const SUBCLASSES = 1 << SUBCLASS_BITS;

/** A run of arena memory; the allocator's own book-keeping hangs on it. Owned by whoever allocated it until freed. */
export class ArenaBlock {
  /** @internal Neighbours in address order. */
  before: ArenaBlock | undefined;
  after: ArenaBlock | undefined;
  /** @internal Links in the free list of its class. */
  previous: ArenaBlock | undefined;
  next: ArenaBlock | undefined;
  isFree = false;
  /** Against whose quota it counts, while it is taken. */
  holder: TenantAccount | undefined;
  /** It comes back by itself: a batch. */
  comesBack = false;

  constructor(
    /** Byte offset in the device's memory, a multiple of 64. */
    public offset: number,
    public sizeBytes: number,
    /** Whose bytes lie in it. */
    public residue: Residue,
  ) {}
}

/**
 * Two-level segregated-fit allocator (M. Masmano et al., "TLSF: a new dynamic memory allocator for real-time systems",
 * ECRTS 2004) over `[offset, offset + size)`: constant-time allocate and free, immediate merging of free neighbours.
 * Its metadata lives in the JavaScript heap, so nothing a kernel writes can damage it. One thread only.
 */
export class ArenaAllocator {
  readonly capacityBytes: number;
  private used = 0;
  private readonly freeLists: (ArenaBlock | undefined)[] = [];
  /** Bit s of word f: class (f, s) has a free block; bit f of `classes`: word f is not zero. */
  private readonly subclasses = new Int32Array(32);
  private classes = 0;

  /** @param offset - a multiple of 64; `sizeBytes` at most 2^32 − 64, rounded down to a multiple of 64. */
  constructor(offset: number, sizeBytes: number) {
    invariant(offset % ALIGN === 0, 'the arena starts on a cache line');
    this.capacityBytes = sizeBytes - (sizeBytes % ALIGN);
    if (this.capacityBytes > 0)
      this.insert(new ArenaBlock(offset, this.capacityBytes, Residue.of(undefined, this.capacityBytes)));
  }

  get usedBytes(): number {
    return this.used;
  }

  /** Bytes a request of this size really takes. */
  static roundUp(sizeBytes: number): number {
    return Math.max(ALIGN, Math.ceil(sizeBytes / ALIGN) * ALIGN);
  }

  /** @returns a block of at least `sizeBytes`, not cleared, or undefined when no free run is large enough now. */
  allocate(sizeBytes: number): ArenaBlock | undefined {
    const size = ArenaAllocator.roundUp(sizeBytes);
    const block = this.find(size);
    if (block === undefined) return undefined;
    this.remove(block);
    if (block.sizeBytes > size) {
      const rest = new ArenaBlock(block.offset + size, block.sizeBytes - size, block.residue.splitAt(size));
      rest.before = block;
      rest.after = block.after;
      if (block.after !== undefined) block.after.before = rest;
      block.after = rest;
      block.sizeBytes = size;
      this.insert(rest);
    }
    this.used += block.sizeBytes;
    return block;
  }

  /**
   * Which blocks to free, so that `sizeBytes` fit.
   *
   * @param candidates - blocks that may be freed, the one to be given up first first.
   * @returns neighbours of which the last in that order comes as early as can be; undefined when freeing all is not enough.
   */
  blocksToFree(sizeBytes: number, candidates: Iterable<ArenaBlock>): readonly ArenaBlock[] | undefined {
    const size = ArenaAllocator.roundUp(sizeBytes);
    const given = new Set<ArenaBlock>();
    for (const candidate of candidates) {
      given.add(candidate);
      const run = [candidate];
      let bytes = candidate.sizeBytes;
      for (const side of ['before', 'after'] as const) {
        let next = candidate[side];
        while (bytes < size && next !== undefined && (next.isFree || given.has(next))) {
          if (!next.isFree) run.push(next);
          bytes += next.sizeBytes;
          next = next[side];
        }
      }
      if (bytes >= size) return run;
    }
    return undefined;
  }

  free(block: ArenaBlock): void {
    invariant(!block.isFree, 'a block is freed once');
    this.used -= block.sizeBytes;
    let merged = block;
    if (block.before?.isFree === true) {
      merged = block.before;
      this.remove(merged);
      this.absorb(merged, block);
    }
    if (merged.after?.isFree === true) {
      const after = merged.after;
      this.remove(after);
      this.absorb(merged, after);
    }
    this.insert(merged);
  }

  /** `left` takes over its right neighbour, which is no block any more. */
  private absorb(left: ArenaBlock, right: ArenaBlock): void {
    left.sizeBytes += right.sizeBytes;
    left.residue.append(right.residue);
    left.after = right.after;
    if (right.after !== undefined) right.after.before = left;
    right.isFree = true; // a second free of it must be noticed
  }

  /** The first free block of the smallest class whose every block fits; else a fitting one of the request's own class. */
  private find(size: number): ArenaBlock | undefined {
    const own = classOf(size);
    const from = own + 1;
    const first = from >> SUBCLASS_BITS;
    const sub = this.subclasses[first]! & (-1 << (from & (SUBCLASSES - 1)));
    if (sub !== 0) return this.freeLists[(first << SUBCLASS_BITS) + lowestBit(sub)];
    const larger = first >= 31 ? 0 : this.classes & (-1 << (first + 1));
    if (larger !== 0) {
      const f = lowestBit(larger);
      return this.freeLists[(f << SUBCLASS_BITS) + lowestBit(this.subclasses[f]!)];
    }
    let block = this.freeLists[own];
    while (block !== undefined && block.sizeBytes < size) block = block.next;
    return block;
  }

  private insert(block: ArenaBlock): void {
    const index = classOf(block.sizeBytes);
    const head = this.freeLists[index];
    block.isFree = true;
    block.previous = undefined;
    block.next = head;
    if (head !== undefined) head.previous = block;
    this.freeLists[index] = block;
    this.subclasses[index >> SUBCLASS_BITS]! |= 1 << (index & (SUBCLASSES - 1));
    this.classes |= 1 << (index >> SUBCLASS_BITS);
  }

  private remove(block: ArenaBlock): void {
    const index = classOf(block.sizeBytes);
    if (block.previous === undefined) this.freeLists[index] = block.next;
    else block.previous.next = block.next;
    if (block.next !== undefined) block.next.previous = block.previous;
    block.previous = undefined;
    block.next = undefined;
    block.isFree = false;
    if (this.freeLists[index] !== undefined) return;
    const first = index >> SUBCLASS_BITS;
    this.subclasses[first]! &= ~(1 << (index & (SUBCLASSES - 1)));
    if (this.subclasses[first] === 0) this.classes &= ~(1 << first);
  }
}

/** Class index of a size in bytes (a multiple of 64 below 2^32): every block of a class is at least its lower bound. */
function classOf(size: number): number {
  const lines = size / ALIGN;
  const first = 31 - Math.clz32(lines);
  const second = first < SUBCLASS_BITS ? 0 : (lines >>> (first - SUBCLASS_BITS)) & (SUBCLASSES - 1);
  return (first << SUBCLASS_BITS) + second;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
