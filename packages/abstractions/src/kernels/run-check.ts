import { Status } from '@gpu-bridge/protocol';
import type { Sqe } from '@gpu-bridge/protocol';
import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES } from './argument-layout.js';
import type { KernelDescriptor } from './descriptor.js';
import { sizeOf } from './dtype.js';
import { leastLengths } from './least-lengths.js';
import type { LeastLength } from './least-lengths.js';

/** What a check has to know of a kernel; can be posted to another thread. */
export type RunShape = Pick<KernelDescriptor, 'kind' | 'params' | 'layout' | 'workgroup' | 'workspaceBytes'>;

/** Where an executor's blocks and columns may lie. */
export interface RunBounds {
  readonly memory: ArrayBufferLike;
  readonly arenaOffset: number;
  readonly arenaEnd: number;
  /** Number of the executor. */
  readonly group: number;
}

/**
 * What an executor checks of an entry that runs a kernel before it runs, as all backends do: native/README.md "Serving a ring".
 * Whatever a block holds, a body that does not leave its arrays stays inside what the block names, and that inside the arena.
 * Contents of columns, offsets of lists among them, are data and not looked at.
 */
export class RunCheck {
  private readonly words: Uint32Array;
  private readonly least: readonly LeastLength[];

  constructor(
    private readonly shape: RunShape,
    private readonly bounds: RunBounds,
  ) {
    this.words = new Uint32Array(bounds.memory, 0, Math.floor(bounds.memory.byteLength / 4));
    this.least = leastLengths(shape, shape.layout.slots);
  }

  /** `OK`, `BAD_ARGUMENT_BLOCK` or `BAD_RANGE`. */
  statusOf({ paramsLow, paramsHigh, firstItem, itemCount, group }: Readonly<Sqe>): Status {
    if (group !== this.bounds.group) return Status.BAD_RANGE;
    const { layout } = this.shape;
    if (paramsLow % ARGUMENT_HEADER_BYTES !== 0 || !this.isInside(paramsHigh * 2 ** 32 + paramsLow, layout.sizeBytes))
      return Status.BAD_ARGUMENT_BLOCK;
    const block = paramsLow / 4;
    for (let i = 0; i < layout.slots.length; i++) if (!this.isGood(i, block)) return Status.BAD_ARGUMENT_BLOCK;
    return firstItem + itemCount <= this.unitsOf(block) ? Status.OK : Status.BAD_RANGE;
  }

  private isInside(offset: number, bytes: number): boolean {
    return offset >= this.bounds.arenaOffset && offset + bytes <= this.bounds.arenaEnd;
  }

  /** Whether a slot of a block has the elements that the kernel relies on, all inside the arena. */
  private isGood(index: number, block: number): boolean {
    const { words } = this;
    const { part, dtype } = this.shape.layout.slots[index]!;
    if (part === 'uniform') return true;
    const at = wordOfSlot(block, index);
    const { times, of, plus } = this.least[index]!;
    const counted = of === 'items' ? words[block]! : words[wordOfSlot(block, of) + 1]!;
    if (words[at] !== 0 || words[at + 1]! < times * counted + plus) return false;
    const elementBytes = sizeOf(dtype);
    const offset = words[at + 3]! * 2 ** 32 + words[at + 2]!;
    let bytes = words[at + 1]! * elementBytes;
    if (bytes === 0) return true;
    if (part === 'scratch' || part === 'workspace')
      bytes = Math.ceil(bytes / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES * (this.bounds.group + 1);
    return offset % elementBytes === 0 && this.isInside(offset, bytes);
  }

  /** Items of a map, ids of a grid, groups of a grid with a workgroup. */
  private unitsOf(block: number): number {
    const { words } = this;
    const { kind, workgroup } = this.shape;
    if (kind === 'map') return words[block]!;
    let units = 1;
    for (let axis = 0; axis < 3; axis++) units *= Math.ceil(words[block + 1 + axis]! / (workgroup?.[axis] ?? 1));
    return units;
  }
}

function wordOfSlot(block: number, index: number): number {
  return block + (ARGUMENT_HEADER_BYTES + index * ARGUMENT_SLOT_BYTES) / 4;
}
