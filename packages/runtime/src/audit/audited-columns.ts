import type { AuditedColumn, DatasetColumnRef } from '@gpu-bridge/abstractions';
import { elementCount } from '../broker/block-layout.js';
import { isArray } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import { DeviceMemory } from '../columns/device-memory.js';
import type { SlotShape } from '../columns/kernel-shape.js';
import type { Job } from '../jobs/job.js';

/** Which dataset a column lies in. */
export type NameColumn = (column: ArrayBufferView) => DatasetColumnRef | undefined;

/** Most bytes that the columns of a job can have when it has ended; those of datasets have none. */
export function mostColumnBytes({ kernel: { shape }, inputs }: Job, nameOf: NameColumn): number {
  let bytes = 0;
  for (const slot of shape.inputs) {
    const source = inputs.sources[slot.index]!;
    if (!isArray(source) || nameOf(source) === undefined) bytes += elementCount(slot, inputs) * slot.elementBytes;
  }
  for (const slot of shape.results) bytes += elementCount(slot, inputs) * slot.elementBytes;
  return bytes;
}

/** What the caller passed, as it is staged. Columns are borrowed until the job ends, so they are still as they were. */
export function auditedInputs({ kernel: { shape }, inputs }: Job, nameOf: NameColumn): AuditedColumn[] {
  return shape.inputs.map((slot) => {
    const source = inputs.sources[slot.index]!;
    const dataset = isArray(source) ? nameOf(source) : undefined;
    if (dataset !== undefined) return { ...columnOf(slot, NO_BYTES), dataset };
    return columnOf(slot, bytesOf(slot, source, elementCount(slot, inputs)));
  });
}

/** What the reader of a job that has completed gets, without the gaps between lists, whose content is unspecified. */
export function auditedOutputs(job: Job): AuditedColumn[] {
  const { results } = job.kernel.shape;
  if (job.inputs.itemCount === 0) return results.map((slot) => columnOf(slot, NO_BYTES));
  const memory = job.batch!.memory!;
  return results.map((slot) => columnOf(slot, resultBytes(job, slot, memory)));
}

const NO_BYTES = new Uint8Array(0);

function columnOf({ slot: { param, part, column, dtype } }: SlotShape, bytes: Uint8Array): AuditedColumn {
  return { param, part: part as AuditedColumn['part'], column, dtype, bytes };
}

/** A view where the column is as it is stored, else a copy in that form. */
function bytesOf({ slot: { dtype }, elementBytes }: SlotShape, source: SourceColumn, count: number): Uint8Array {
  const isWide = dtype === 'i64' || dtype === 'u64';
  if (isArray(source) && !(isWide && source instanceof Float64Array))
    return new Uint8Array(source.buffer, source.byteOffset, count * elementBytes);
  const converted = new DeviceMemory(new ArrayBuffer(count * elementBytes));
  converted.store(dtype, 0, source, count);
  return converted.u8;
}

function resultBytes(job: Job, slot: SlotShape, { u8, u32 }: DeviceMemory): Uint8Array {
  const { extent, elementBytes } = slot;
  const batch = job.batch!;
  const offset = batch.offsetOf(slot);
  if (extent.by !== 'room') {
    const first = extent.by === 'array' ? 0 : job.firstItem;
    const count = extent.by === 'array' ? batch.countOfSlot(slot) : job.inputs.itemCount;
    return u8.subarray(offset + first * elementBytes, offset + (first + count) * elementBytes);
  }
  const { counts } = job.kernel.shape.listOutputs.find(({ columns }) => columns.includes(slot))!;
  const countWords = (batch.offsetOf(counts) >>> 2) + job.firstItem;
  const { itemCount } = job.inputs;
  let elements = 0;
  for (let i = 0; i < itemCount; i++) elements += u32[countWords + i]!;
  const lists = new Uint8Array(elements * elementBytes);
  let at = 0;
  for (let i = 0; i < itemCount; i++) {
    const from = offset + listStart(job, extent, i) * elementBytes;
    const bytes = u32[countWords + i]! * elementBytes;
    lists.set(u8.subarray(from, from + bytes), at);
    at += bytes;
  }
  return lists;
}

/** Where the room of an item's list begins, in elements from the start of its column. */
function listStart(job: Job, { list, a, b }: Extract<SlotShape['extent'], { by: 'room' }>, item: number): number {
  const elements = list < 0 ? 0 : job.elementBases[list]! + job.inputs.offsets[list]![item]!;
  return a * elements + b * (job.firstItem + item);
}
