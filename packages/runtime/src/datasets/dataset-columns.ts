import { GpuBridgeError, columnsOf, sizeOf } from '@gpu-bridge/abstractions';
import type { DType, DatasetColumns, DatasetData } from '@gpu-bridge/abstractions';
import { checkColumn, lengthOf } from '../columns/bound-inputs.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import type { DeviceMemory } from '../columns/device-memory.js';
import { storedColumn } from '../columns/stored-column.js';
import type { StoredColumn } from '../columns/stored-column.js';

/** Columns start at multiples of this. */
const ALIGN = 64;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One column, or one field of a struct. */
export interface FlatColumn {
  /** `column`, or `column.field` of a struct. */
  readonly name: string;
  readonly column: string;
  readonly field: string | undefined;
  readonly dtype: DType;
}

/** A column where it lies, from the start of its epoch's block. */
export interface PlacedColumn extends FlatColumn {
  readonly start: number;
  readonly count: number;
}

/** How the columns of an epoch follow each other in one block. */
export interface EpochLayout {
  readonly columns: readonly PlacedColumn[];
  readonly sizeBytes: number;
}

/** @throws GpuBridgeError `INVALID_ARGUMENT`. */
export function flatColumns(columns: DatasetColumns): readonly FlatColumn[] {
  const entries = typeof columns === 'object' && columns !== null ? Object.entries(columns) : [];
  if (entries.length === 0)
    throw GpuBridgeError.invalidArgument('dataset.columns', columns, 'at least one column by name');
  return entries.flatMap(([column, type]) => {
    const kind: unknown = type?.kind;
    if (!NAME.test(column))
      throw GpuBridgeError.invalidArgument('dataset.columns', column, 'names that are identifiers');
    if (kind !== 'scalar' && kind !== 'struct')
      throw GpuBridgeError.invalidArgument(`dataset.columns.${column}`, type, 'f32 or another scalar, or struct({…})');
    return columnsOf(type).map(({ name, dtype }) => {
      const field = kind === 'struct' ? name : undefined;
      return { name: field === undefined ? column : `${column}.${field}`, column, field, dtype };
    });
  });
}

/**
 * Checks data as kernel inputs are checked.
 *
 * @returns a source for each column, in their order.
 * @throws GpuBridgeError `INVALID_ARGUMENT` naming the column, `NOT_SAFE_INTEGER` naming the element.
 */
export function checkData(columns: readonly FlatColumn[], data: unknown): readonly SourceColumn[] {
  if (typeof data !== 'object' || data === null)
    throw GpuBridgeError.invalidArgument('data', data, 'an object of columns by name');
  const given = data as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (columns.some(({ column }) => column === name)) continue;
    throw GpuBridgeError.invalidArgument('data', name, `only ${columns.map(({ column }) => column).join(', ')}`);
  }
  const lengths = new Map<string, number>();
  return columns.map(({ name, column, field, dtype }) => {
    const whole = given[column];
    const value = field === undefined ? whole : (whole as Readonly<Record<string, unknown>> | undefined)?.[field];
    const source = checkColumn(dtype, value, () => `data.${name}`);
    const length = lengthOf(source);
    const known = lengths.get(column);
    if (known !== undefined && known !== length)
      throw GpuBridgeError.invalidArgument(`data.${name}`, length, `as long as its other fields, ${known}`);
    lengths.set(column, length);
    return source;
  });
}

export function layOut(columns: readonly FlatColumn[], sources: readonly SourceColumn[]): EpochLayout {
  let sizeBytes = 0;
  const placed = columns.map((column, i) => {
    const start = sizeBytes;
    const count = lengthOf(sources[i]!);
    sizeBytes = roundUp(start + count * sizeOf(column.dtype));
    return { ...column, start, count };
  });
  return { columns: placed, sizeBytes: Math.max(ALIGN, sizeBytes) };
}

/** Writes an epoch, gaps between its columns included, to a byte offset. */
export function storeColumns(
  { columns, sizeBytes }: EpochLayout,
  sources: readonly SourceColumn[],
  memory: DeviceMemory,
  offset: number,
): void {
  columns.forEach(({ dtype, start, count }, i) => {
    memory.store(dtype, offset + start, sources[i]!, count);
    const end = start + count * sizeOf(dtype);
    memory.u8.fill(0, offset + end, offset + (columns[i + 1]?.start ?? sizeBytes));
  });
}

/** The columns of an epoch that lies at a byte offset, as kernels take them. */
export function dataViews({ columns }: EpochLayout, buffer: ArrayBufferLike, offset: number): DatasetData {
  return named(columns, ({ dtype, start, count }) => storedColumn(buffer, dtype, offset + start, count));
}

/** The same of columns that lie apart; each starts where an array of its type may. */
export function dataOfBytes(
  columns: readonly Pick<PlacedColumn, 'name' | 'dtype' | 'count'>[],
  bytes: readonly Uint8Array[],
): DatasetData {
  return named(columns, ({ dtype, count }, i) => storedColumn(bytes[i]!.buffer, dtype, bytes[i]!.byteOffset, count));
}

function named<C extends { readonly name: string }>(
  columns: readonly C[],
  view: (column: C, index: number) => StoredColumn,
): DatasetData {
  const data: Record<string, StoredColumn | Record<string, StoredColumn>> = {};
  columns.forEach((each, i) => {
    const [column, field] = each.name.split('.') as [string, string?];
    if (field === undefined) data[column] = view(each, i);
    else ((data[column] ??= {}) as Record<string, StoredColumn>)[field] = view(each, i);
  });
  return data;
}

/** The columns of an epoch as bytes. */
export function columnBytes({ columns }: EpochLayout, buffer: ArrayBufferLike, offset: number): readonly Uint8Array[] {
  return columns.map(({ dtype, start, count }) => new Uint8Array(buffer, offset + start, count * sizeOf(dtype)));
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN;
}
