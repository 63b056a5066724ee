import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES } from '@gpu-bridge/abstractions';
import type { ArenaBlock } from '../arena/arena-allocator.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { SlotShape } from '../columns/kernel-shape.js';
import type { StoredColumn } from '../columns/stored-column.js';
import type { LoadedKernel } from '../catalog/loaded-kernel.js';
import type { Job } from '../jobs/job.js';
import { elementCount, inPlaceColumn, layOutBlock } from './block-layout.js';
import type { BlockTotals } from './block-layout.js';

/**
 * One or more jobs of a kernel with one argument block in one arena block: the unit that is staged, cut into ring
 * slots and freed. Several jobs share a batch only when they were coalesced; their items follow each other.
 */
export class Batch {
  readonly kernel: LoadedKernel;
  /** As `BoundInputs.itemCount`, over all jobs. */
  readonly itemCount: number;
  /** Items a slot carries; the last may have fewer. */
  slotItems: number;
  block: ArenaBlock | undefined;
  /** Where its block lies, once it is staged. */
  memory: DeviceMemory | undefined;
  argumentsOffset = 0;
  /** Slots in rings now, and ranges that must run again. */
  inFlight = 0;
  pendingReruns = 0;
  /** Jobs that have neither ended nor gone to another device. */
  liveJobs: number;
  /** Jobs whose results still occupy the block. */
  holders: number;
  /** A death while effects were not repeatable: everything runs again once nothing is in flight, suspected or not. */
  restart: 'suspect' | 'innocent' | undefined;

  private nextItem = 0;
  private doneSlots: Uint8Array | undefined;
  private readonly totals: BlockTotals;
  /** Absolute byte offset of each slot's data. */
  private readonly offsets: number[];

  constructor(
    readonly jobs: readonly Job[],
    private readonly scratchRegions: number,
    private readonly isResident: (column: SourceColumn) => boolean,
  ) {
    const [first] = jobs;
    this.kernel = first!.kernel;
    const { lists, slots } = this.kernel.shape;
    const elements = lists.map(() => 0);
    const longest = lists.map(() => 0);
    this.offsets = slots.map(() => 0);
    this.holders = jobs.length;
    this.liveJobs = jobs.length;
    let items = 0;
    for (const job of jobs) {
      job.batch = this;
      job.firstItem = items;
      items += job.inputs.itemCount;
      if (lists.length === 0) continue;
      job.elementBases = [...elements];
      for (let list = 0; list < lists.length; list++) {
        elements[list]! += job.inputs.elements[list]!;
        longest[list] = Math.max(longest[list]!, job.inputs.longest[list]!);
      }
    }
    this.totals = { itemCount: items, elements, longest, arrayLengths: first!.inputs.arrayLengths };
    this.itemCount = items;
    this.slotItems = items;
  }

  /** Nobody waits for anything of it any more. */
  get hasEnded(): boolean {
    return this.liveJobs === 0;
  }

  get isCoalesced(): boolean {
    return this.jobs.length > 1;
  }

  /** Lays the block out relative to its start; returns its size. Call once, before `stage`. */
  measure(): number {
    const isInPlace = (slot: SlotShape): boolean => this.residentColumn(slot) !== undefined;
    return layOutBlock(this.kernel.shape, this.totals, this.scratchRegions, isInPlace, this.offsets);
  }

  /** Copies the inputs in and writes the argument block. Gaps stay as they are: the block is its tenant's own. */
  stage(block: ArenaBlock, memory: DeviceMemory): void {
    this.block = block;
    this.memory = memory;
    this.argumentsOffset = block.offset;
    const { shape } = this.kernel;
    const [x, y, z] = this.jobs[0]!.inputs.grid;
    const header = block.offset >>> 2;
    memory.u32[header] = shape.isMap ? this.itemCount : x * y * z;
    memory.u32[header + 1] = shape.isMap ? this.itemCount : x;
    memory.u32[header + 2] = y;
    memory.u32[header + 3] = z;
    for (const slot of shape.slots) {
      const at = block.offset + ARGUMENT_HEADER_BYTES + slot.index * ARGUMENT_SLOT_BYTES;
      if (slot.extent.by === 'uniform') {
        memory.storeScalar(slot.slot.dtype, at, this.uniform(slot));
        continue;
      }
      const resident = this.residentColumn(slot);
      const offset = resident === undefined ? block.offset + this.offsets[slot.index]! : resident.byteOffset;
      this.offsets[slot.index] = offset;
      const word = at >>> 2;
      memory.u32[word] = 0;
      memory.u32[word + 1] = this.countOfSlot(slot);
      memory.u32[word + 2] = offset;
      memory.u32[word + 3] = 0;
      if (resident === undefined) this.storeInputs(slot, offset, memory);
    }
  }

  /** Puts arrays that a kernel changes back to how they were before the first attempt. */
  restage(memory: DeviceMemory): void {
    for (const slot of this.kernel.shape.results) this.storeInputs(slot, this.offsets[slot.index]!, memory);
    this.nextItem = 0;
    this.doneSlots = undefined;
    this.restart = undefined;
    for (const job of this.jobs) job.remainingItems = job.inputs.itemCount;
  }

  get hasMoreSlots(): boolean {
    return this.nextItem < this.itemCount;
  }

  get nextSlotItems(): number {
    return Math.min(this.slotItems, this.itemCount - this.nextItem);
  }

  /** First item of the next slot, which then counts as handed out. */
  takeSlot(): number {
    const first = this.nextItem;
    this.nextItem += this.nextSlotItems;
    return first;
  }

  /** Hands out no more slots. */
  abandon(): void {
    this.nextItem = this.itemCount;
  }

  /** Records a completed range and moves its jobs' ready items on; for a job in many slots, as far as there is no gap. */
  credit(firstItem: number, itemCount: number): void {
    if (this.isCoalesced || itemCount === this.itemCount) {
      for (const job of this.jobs) {
        const overlap =
          Math.min(firstItem + itemCount, job.firstItem + job.inputs.itemCount) - Math.max(firstItem, job.firstItem);
        if (overlap <= 0) continue;
        job.remainingItems -= overlap;
        if (job.remainingItems === 0) job.readyItems = job.inputs.itemCount;
      }
      return;
    }
    const job = this.jobs[0]!;
    this.doneSlots ??= new Uint8Array(Math.ceil(this.itemCount / this.slotItems));
    this.doneSlots[firstItem / this.slotItems] = 1;
    job.remainingItems -= itemCount;
    if (!this.kernel.shape.isMap) return; // a grid's results are whole or nothing
    while (job.readyItems < this.itemCount && this.doneSlots[job.readyItems / this.slotItems] === 1) {
      job.readyItems = Math.min(this.itemCount, job.readyItems + this.slotItems);
    }
  }

  /** The jobs whose items a range holds. */
  jobsOf(firstItem: number, itemCount: number): Job[] {
    const end = firstItem + itemCount;
    return this.jobs.filter((job) => job.firstItem < end && job.firstItem + job.inputs.itemCount > firstItem);
  }

  /** Byte offset of a slot's data. */
  offsetOf(slot: SlotShape): number {
    return this.offsets[slot.index]!;
  }

  /** Element count of a slot's data. */
  countOfSlot(slot: SlotShape): number {
    return elementCount(slot, this.totals);
  }

  /** Joined jobs have no column in place: their items follow each other. */
  private residentColumn(slot: SlotShape): StoredColumn | undefined {
    return this.isCoalesced ? undefined : inPlaceColumn(slot, this.jobs[0]!.inputs, this.isResident);
  }

  private uniform(slot: SlotShape): number | bigint | boolean {
    return this.jobs[0]!.inputs.uniforms[this.kernel.shape.uniforms.indexOf(slot)]!;
  }

  private storeInputs(slot: SlotShape, offset: number, memory: DeviceMemory): void {
    if (slot.role === 'atomic') memory.u8.fill(0, offset, offset + this.countOfSlot(slot) * slot.elementBytes);
    if (slot.role !== 'input' && slot.role !== 'inout') return;
    const { extent, elementBytes } = slot;
    for (const job of this.jobs) {
      const source = job.inputs.sources[slot.index]!;
      if (extent.by === 'offsets') {
        storeOffsets(memory.u32, offset, job, extent.list);
      } else if (extent.by === 'elements') {
        const base = job.elementBases[extent.list]!;
        memory.store(slot.slot.dtype, offset + base * elementBytes, source, job.inputs.elements[extent.list]!);
      } else {
        const count = extent.by === 'array' ? this.countOfSlot(slot) : job.inputs.itemCount;
        memory.store(slot.slot.dtype, offset + job.firstItem * elementBytes, source, count);
      }
    }
  }
}

/** A job's offsets, moved on by the elements of the jobs before it in the batch. */
function storeOffsets(words: Uint32Array, offset: number, job: Job, list: number): void {
  const source = job.inputs.offsets[list]!;
  const base = job.elementBases[list]!;
  const at = (offset >>> 2) + job.firstItem;
  if (base === 0) words.set(source, at);
  else for (let i = 0; i < source.length; i++) words[at + i] = source[i]! + base;
}
