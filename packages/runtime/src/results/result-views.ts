import { WideColumn } from '@gpu-bridge/abstractions';
import type { ColumnBatch, DType, RaggedOutput } from '@gpu-bridge/abstractions';
import type { Batch } from '../broker/batch.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import type { ListOutput, SlotShape } from '../columns/kernel-shape.js';
import { storedColumn } from '../columns/stored-column.js';
import type { StoredColumn } from '../columns/stored-column.js';
import type { Job } from '../jobs/job.js';
import { ResultChunks } from './result-chunks.js';

/** A run of elements of one result slot in device memory. */
interface Run {
  readonly slot: SlotShape;
  readonly offset: number;
  readonly count: number;
}

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
  const runs = shape.results.map((slot) => runOf(job, batch, slot, firstItem, itemCount));
  const arrays =
    chunks === undefined
      ? runs.map((run) => memory.view(run.slot.slot.dtype, run.offset, run.count))
      : copyRuns(runs, memory, chunks);
  const columns: Record<string, unknown> = {};
  for (let i = 0; i < runs.length; i++) {
    const { slot } = runs[i]!.slot;
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

function runOf(job: Job, batch: Batch, slot: SlotShape, firstItem: number, itemCount: number): Run {
  const { extent, elementBytes } = slot;
  let start = job.firstItem + firstItem;
  let count = itemCount;
  if (extent.by === 'array') {
    start = 0;
    count = batch.countOfSlot(slot);
  } else if (extent.by === 'room') {
    const offsets = extent.list < 0 ? undefined : job.inputs.offsets[extent.list]!;
    const base = extent.list < 0 ? 0 : job.elementBases[extent.list]!;
    const elements = offsets === undefined ? 0 : offsets[firstItem + itemCount]! - offsets[firstItem]!;
    start = extent.a * (base + (offsets?.[firstItem] ?? 0)) + extent.b * (job.firstItem + firstItem);
    count = extent.a * elements + extent.b * itemCount;
  }
  return { slot, offset: batch.offsetOf(slot) + start * elementBytes, count };
}

function copyRuns(runs: readonly Run[], memory: DeviceMemory, chunks: ResultChunks): StoredColumn[] {
  let bytes = 0;
  for (const run of runs) bytes += run.count * run.slot.elementBytes + 8;
  const target = ResultChunks.isLarge(bytes) ? new ResultChunks() : chunks;
  target.reserve(bytes);
  return runs.map(({ slot, offset, count }) => {
    const to = storedColumn(target.buffer, slot.slot.dtype, target.take(count * slot.elementBytes), count);
    const from = memory.view(slot.slot.dtype, offset, count);
    (to as Float32Array).set(from as Float32Array);
    return to;
  });
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
