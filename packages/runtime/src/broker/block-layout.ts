import { SCRATCH_ALIGN_BYTES } from '@gpu-bridge/abstractions';
import { isArray } from '../columns/bound-inputs.js';
import type { BoundInputs, SourceColumn } from '../columns/bound-inputs.js';
import type { KernelShape, SlotShape } from '../columns/kernel-shape.js';
import type { StoredColumn } from '../columns/stored-column.js';

/** Columns start at multiples of this inside a batch's block. */
const COLUMN_ALIGN = 16;

/** What the sizes in a block follow from: a job's inputs, or those of several jobs together. */
export type BlockTotals = Pick<BoundInputs, 'itemCount' | 'elements' | 'longest' | 'arrayLengths'>;

/** Element count of a slot's data. */
export function elementCount({ index, extent }: SlotShape, totals: BlockTotals): number {
  switch (extent.by) {
    case 'items':
      return totals.itemCount;
    case 'offsets':
      return totals.itemCount + 1;
    case 'elements':
      return totals.elements[extent.list]!;
    case 'room':
      return (extent.list < 0 ? 0 : extent.a * totals.elements[extent.list]!) + extent.b * totals.itemCount;
    case 'scratch':
      return (extent.list < 0 ? 0 : extent.a * totals.longest[extent.list]!) + extent.b;
    case 'array':
      return totals.arrayLengths[index]!;
    case 'uniform':
      return 1;
  }
}

/** The caller's own column when it already lies in this device's arena and can be used in place. */
export function inPlaceColumn(
  slot: SlotShape,
  { sources }: BoundInputs,
  isResident: (column: SourceColumn) => boolean,
): StoredColumn | undefined {
  if (slot.role !== 'input') return undefined;
  const source = sources[slot.index]!;
  if (!isArray(source) || !isResident(source)) return undefined;
  // A Float64Array standing for a 64-bit integer column still has to be converted.
  return source instanceof Float64Array && slot.slot.dtype !== 'f64' ? undefined : source;
}

/**
 * Lays a block out: argument block first, then the data of each slot.
 *
 * @param isInPlace - whether a slot's data lies elsewhere and takes no room.
 * @param offsets - gets each slot's offset from the block's start, by slot index.
 * @returns the block's size in bytes.
 */
export function layOutBlock(
  shape: KernelShape,
  totals: BlockTotals,
  scratchRegions: number,
  isInPlace: (slot: SlotShape) => boolean,
  offsets?: number[],
): number {
  let bytes = shape.descriptor.layout.sizeBytes;
  for (const slot of shape.slots) {
    const isScratch = slot.extent.by === 'scratch';
    if (slot.extent.by === 'uniform' || isInPlace(slot)) continue;
    bytes = roundUp(bytes, isScratch ? SCRATCH_ALIGN_BYTES : COLUMN_ALIGN);
    if (offsets !== undefined) offsets[slot.index] = bytes;
    const size = elementCount(slot, totals) * slot.elementBytes;
    bytes += isScratch ? scratchRegions * roundUp(size, SCRATCH_ALIGN_BYTES) : size;
  }
  return bytes;
}

function roundUp(bytes: number, align: number): number {
  return Math.ceil(bytes / align) * align;
}
