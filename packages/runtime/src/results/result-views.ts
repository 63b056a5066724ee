import { WideColumn } from '@gpu-bridge/abstractions';
import type { ColumnBatch, DType, RaggedOutput } from '@gpu-bridge/abstractions';
import type { Batch } from '../broker/batch.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { ListOutput, SlotShape } from '../columns/kernel-shape.js';
import type { StoredColumn } from '../columns/stored-column.js';
import type { Job } from '../jobs/job.js';
import { ResultChunks } from './result-chunks.js';

/** The lists of some consecutive items of a job; see `RaggedOutput`. */
class ListBatch implements RaggedOutput {
  constructor(
    readonly counts: Uint32Array,
    readonly columns: unknown,
    private readonly offsets: Uint32Array | undefined,
    private readonly firstItem: number,
    private readonly a: number,
    private readonly b: number,
  ) {}

  start(item: number): number {
    const elements =
      this.offsets === undefined ? 0 : this.offsets[this.firstItem + item]! - this.offsets[this.firstItem]!;
    return this.a * elements + this.b * item;
  }
}

/**
 * Makes the column batch of a job's items `[firstItem, firstItem + itemCount)`: views of device memory, or copies cut
 * from `chunks`.
 */
export function resultBatch(
  job: Job,
  firstItem: number,
  itemCount: number,
  memory: DeviceMemory,
  chunks: ResultChunks | undefined,
): ColumnBatch<Record<string, unknown>> {
  const batch = job.batch!;
  const { shape } = batch.kernel;
  const { results } = shape;
  const target = chunks === undefined ? undefined : roomFor(job, batch, firstItem, itemCount, chunks);
  const arrays: StoredColumn[] = [];
  for (const slot of results) {
    const { dtype } = slot.slot;
    const offset = batch.offsetOf(slot) + firstElement(job, slot, firstItem) * slot.elementBytes;
    const count = elementsOf(job, batch, slot, firstItem, itemCount);
    if (target === undefined) {
      arrays.push(memory.view(dtype, offset, count));
      continue;
    }
    const column = target.column(dtype, count);
    memory.load(dtype, offset, column);
    arrays.push(column);
  }
  const columns: Record<string, unknown> = {};
  for (let i = 0; i < results.length; i++) {
    const { slot } = results[i]!;
    if (slot.part === 'counts') continue;
    put(columns, slot.param, slot.column, columnOf(slot.dtype, arrays[i]!));
  }
  for (const list of shape.listOutputs) {
    const counts = arrays[shape.results.indexOf(list.counts)] as Uint32Array;
    columns[list.param] = new ListBatch(
      counts,
      columns[list.param],
      driverOffsets(job, list),
      firstItem,
      list.a,
      list.b,
    );
  }
  return { jobId: job.jobId, firstItem, itemCount: shape.isMap ? itemCount : job.inputs.submittedCount, columns };
}

/** Index, in its slot, of the first element of a job's item. */
function firstElement(job: Job, { extent }: SlotShape, firstItem: number): number {
  if (extent.by === 'array') return 0;
  const item = job.firstItem + firstItem;
  if (extent.by !== 'room') return item;
  const { list, a, b } = extent;
  return list < 0 ? b * item : a * (job.elementBases[list]! + job.inputs.offsets[list]![firstItem]!) + b * item;
}

function elementsOf(job: Job, batch: Batch, slot: SlotShape, firstItem: number, itemCount: number): number {
  const { extent } = slot;
  if (extent.by === 'array') return batch.countOfSlot(slot);
  if (extent.by !== 'room') return itemCount;
  const { list, a, b } = extent;
  if (list < 0) return b * itemCount;
  const offsets = job.inputs.offsets[list]!;
  return a * (offsets[firstItem + itemCount]! - offsets[firstItem]!) + b * itemCount;
}

/** Chunks in which one result lies in one piece: the tenant's, or for a large one chunks of its own. */
function roomFor(job: Job, batch: Batch, firstItem: number, itemCount: number, chunks: ResultChunks): ResultChunks {
  let bytes = 0;
  for (const slot of batch.kernel.shape.results)
    bytes += elementsOf(job, batch, slot, firstItem, itemCount) * slot.elementBytes + 8;
  const target = ResultChunks.isLarge(bytes) ? new ResultChunks() : chunks;
  target.reserve(bytes);
  return target;
}

function columnOf(dtype: DType, array: StoredColumn): unknown {
  return dtype === 'i64' || dtype === 'u64' ? new WideColumn(array as BigInt64Array | BigUint64Array) : array;
}

/** Bare scalars are the column itself, structs collect theirs by field name. */
function put(columns: Record<string, unknown>, param: string, column: string, value: unknown): void {
  if (column === 'value') {
    columns[param] = value;
    return;
  }
  const record = (columns[param] ??= {}) as Record<string, unknown>;
  record[column] = value;
}

function driverOffsets(job: Job, list: ListOutput): Uint32Array | undefined {
  return list.list < 0 ? undefined : job.inputs.offsets[list.list];
}
