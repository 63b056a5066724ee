import { GpuBridgeError, WideColumn } from '@gpu-bridge/abstractions';
import type { ColumnBatch, RaggedOutput } from '@gpu-bridge/abstractions';

/**
 * A column batch as plain data: a typed array stands for itself, everything else is a list that begins with its kind, so that
 * no name of a parameter or a field can be mistaken for one.
 */
interface PackedBatch {
  readonly jobId: string;
  readonly firstItem: number;
  readonly itemCount: number;
  readonly columns: PackedColumns;
}
type PackedColumns =
  | ArrayBufferView
  | readonly ['wide', BigInt64Array | BigUint64Array]
  | readonly ['lists', counts: Uint32Array, starts: Uint32Array, columns: PackedColumns]
  | readonly ['fields', Readonly<Record<string, PackedColumns>>];

export function packBatch({ jobId, firstItem, itemCount, columns }: ColumnBatch<unknown>): PackedBatch {
  return { jobId, firstItem, itemCount, columns: packColumns(columns) };
}

/** @throws GpuBridgeError `MESSAGE_INVALID` for what {@link packBatch} never makes. */
export function unpackBatch<TOut>(value: unknown): ColumnBatch<TOut> {
  const { jobId, firstItem, itemCount, columns } = (value ?? {}) as Partial<Record<keyof PackedBatch, unknown>>;
  if (typeof jobId !== 'string' || typeof firstItem !== 'number' || typeof itemCount !== 'number')
    throw notPacked('a batch');
  // The other side runs the kernel that the caller's reference is typed by.
  return { jobId, firstItem, itemCount, columns: unpackColumns(columns) as TOut };
}

/**
 * What is left of a batch that came from {@link unpackBatch} without its first items; undefined when nothing is.
 *
 * @param nextItem - index, within the job, of the first item that is wanted.
 */
export function batchFrom<TOut>(batch: ColumnBatch<TOut>, nextItem: number): ColumnBatch<TOut> | undefined {
  const { firstItem, itemCount, columns } = batch;
  const known = nextItem - firstItem;
  if (known <= 0) return batch;
  if (known >= itemCount) return undefined;
  return {
    ...batch,
    firstItem: nextItem,
    itemCount: itemCount - known,
    columns: columnsFrom(columns, known) as TOut,
  };
}

/** Columns have an element per item, lists say where theirs are; so only batches of map kernels are ever cut. */
function columnsFrom(columns: unknown, known: number): unknown {
  if (columns instanceof WideColumn) return new WideColumn(columns.array.subarray(known));
  if (columns instanceof PackedLists) return columns.from(known);
  if (ArrayBuffer.isView(columns)) return (columns as Float32Array).subarray(known);
  const fields = Object.entries(columns as object);
  return Object.fromEntries(fields.map(([name, column]) => [name, columnsFrom(column, known)]));
}

function packColumns(columns: unknown): PackedColumns {
  if (ArrayBuffer.isView(columns)) return columns;
  if (isWide(columns)) return ['wide', columns.array];
  if (isLists(columns)) {
    const starts = Uint32Array.from(columns.counts, (_, item) => columns.start(item));
    return ['lists', columns.counts, starts, packColumns(columns.columns)];
  }
  const fields: Record<string, PackedColumns> = {};
  for (const [name, column] of Object.entries(columns as object)) fields[name] = packColumns(column);
  return ['fields', fields];
}

function unpackColumns(packed: unknown): unknown {
  if (ArrayBuffer.isView(packed)) return packed;
  if (!Array.isArray(packed)) throw notPacked('columns');
  const [kind, first, second, third] = packed as unknown[];
  if (kind === 'wide' && (first instanceof BigInt64Array || first instanceof BigUint64Array))
    return new WideColumn(first);
  if (kind === 'lists' && first instanceof Uint32Array && second instanceof Uint32Array)
    return new PackedLists(first, second, unpackColumns(third));
  if (kind === 'fields' && typeof first === 'object' && first !== null)
    return Object.fromEntries(Object.entries(first).map(([name, column]) => [name, unpackColumns(column)]));
  throw notPacked('columns');
}

/** The lists of a batch that came from another silo. */
class PackedLists implements RaggedOutput {
  constructor(
    readonly counts: Uint32Array,
    private readonly starts: Uint32Array,
    readonly columns: unknown,
  ) {}

  start(item: number): number {
    return this.starts[item]!;
  }

  /** The lists behind the first `known`; elements stay where they are. */
  from(known: number): PackedLists {
    return new PackedLists(this.counts.subarray(known), this.starts.subarray(known), this.columns);
  }
}

/** By shape: another installed copy of the class is as good. */
function isWide(columns: unknown): columns is WideColumn {
  return typeof columns === 'object' && columns !== null && 'numberAt' in columns && 'array' in columns;
}

function isLists(columns: unknown): columns is RaggedOutput {
  return (
    typeof columns === 'object' &&
    columns !== null &&
    'start' in columns &&
    typeof columns.start === 'function' &&
    'counts' in columns
  );
}

function notPacked(what: string): GpuBridgeError {
  return new GpuBridgeError(
    'MESSAGE_INVALID',
    { reason: `no packed ${what}` },
    `${what} of a remote job came malformed`,
  );
}
