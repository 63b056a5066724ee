import { GpuBridgeError, checkWide, isWide } from '@gpu-bridge/abstractions';
import type { DType, GridLaunch, SplitColumn } from '@gpu-bridge/abstractions';
import { boundsOfFixed } from './index-bounds.js';
import { ARRAY_NAME } from './kernel-shape.js';
import type { KernelShape, SlotShape } from './kernel-shape.js';
import type { StoredColumn } from './stored-column.js';

/** A caller's column after its type was checked; `SplitColumn` and Float64Array stand for 64-bit integers too. */
export type SourceColumn = StoredColumn | SplitColumn;

/** A job's inputs, checked and flattened to slots; the arrays are still the caller's. */
export interface BoundInputs {
  /** What runs are counted in: items (map), ids (grid), or workgroups (grid with a workgroup). */
  readonly itemCount: number;
  /** What the caller submitted: items (map) or the product of the global size (grid). */
  readonly submittedCount: number;
  /** By slot index; undefined for slots that are no inputs. */
  readonly sources: readonly (SourceColumn | undefined)[];
  /** By slot index of uniforms, in declaration order. */
  readonly uniforms: readonly (number | bigint | boolean)[];
  /** Per ragged input: its offsets, its elements and the longest item's elements. */
  readonly offsets: readonly Uint32Array[];
  readonly elements: readonly number[];
  readonly longest: readonly number[];
  /** Elements by slot index of the arrays of a grid kernel; empty for map kernels. */
  readonly arrayLengths: readonly number[];
  readonly grid: readonly [number, number, number];
}

const MAX_ITEMS = 2 ** 31 - 1;
const NONE: readonly never[] = [];

/**
 * Checks everything a map kernel's caller passed, before anything is queued.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` naming the parameter, `NOT_SAFE_INTEGER` naming the element.
 */
export function bindMapInputs(shape: KernelShape, items: Readonly<Record<string, unknown>>): BoundInputs {
  checkNames(shape, items);
  const sources: (SourceColumn | undefined)[] = new Array<undefined>(shape.slots.length).fill(undefined);
  const { lists, uniforms } = shape;
  const offsets = lists.length === 0 ? NONE : lists.map((name) => offsetsOf(items, name));
  let itemCount = -1;
  let counted = '';
  for (const slot of shape.inputs) {
    const source = sourceOf(slot, items);
    const { param } = slot.slot;
    const { extent } = slot;
    if (extent.by === 'elements') {
      const needed = offsets[extent.list]!.at(-1)!;
      if (lengthOf(source) < needed) {
        throw GpuBridgeError.invalidArgument(
          `${param}.columns.${slot.slot.column}`,
          lengthOf(source),
          `at least the ${needed} elements that offsets promise`,
        );
      }
    } else {
      const count = extent.by === 'offsets' ? lengthOf(source) - 1 : lengthOf(source);
      if (itemCount >= 0 && count !== itemCount) {
        throw GpuBridgeError.invalidArgument(param, `${count} items`, `as many items as ${counted} has, ${itemCount}`);
      }
      itemCount = count;
      counted = param;
    }
    sources[slot.index] = source;
  }
  if (itemCount < 0)
    throw GpuBridgeError.invalidArgument('items', items, 'at least one input column, whose length is the item count');
  if (itemCount > MAX_ITEMS) throw GpuBridgeError.invalidArgument('items', itemCount, `at most ${MAX_ITEMS} items`);
  return {
    itemCount,
    submittedCount: itemCount,
    sources,
    uniforms: uniforms.length === 0 ? NONE : uniforms.map((slot) => uniformOf(slot, items)),
    offsets,
    elements: lists.length === 0 ? NONE : offsets.map((o) => o.at(-1)!),
    longest: lists.length === 0 ? NONE : lists.map((name, i) => checkOffsets(name, offsets[i]!)),
    arrayLengths: NONE,
    grid: [itemCount, 1, 1],
  };
}

/** As `bindMapInputs`, for a grid kernel and its launch; also checks declared index columns (`INDEX_OUT_OF_RANGE`). */
export function bindGridInputs(
  shape: KernelShape,
  args: Readonly<Record<string, unknown>>,
  launch: GridLaunch,
): BoundInputs {
  checkNames(shape, args);
  const grid = gridOf(launch);
  const submittedCount = grid[0] * grid[1] * grid[2];
  const sources: (SourceColumn | undefined)[] = new Array<undefined>(shape.slots.length).fill(undefined);
  const arrayLengths: number[] = new Array<number>(shape.slots.length).fill(0);
  const paramLengths = new Map<string, number>();
  for (const slot of shape.inputs) {
    const source = sourceOf(slot, args);
    const length = lengthOf(source);
    const known = paramLengths.get(slot.slot.param);
    if (known !== undefined && known !== length) {
      throw GpuBridgeError.invalidArgument(
        `${slot.slot.param}.${slot.slot.column}`,
        length,
        `as long as its other columns, ${known}`,
      );
    }
    paramLengths.set(slot.slot.param, length);
    sources[slot.index] = source;
    arrayLengths[slot.index] = length;
  }
  checkSizes(shape, launch);
  for (const slot of shape.results) {
    if (slot.role === 'inout') continue;
    const size = launch.sizes?.[slot.slot.param] ?? submittedCount;
    arrayLengths[slot.index] = size;
    paramLengths.set(slot.slot.param, size);
  }
  for (const slot of shape.inputs) checkIndexes(shape, slot, sources[slot.index]!, paramLengths);
  const uniforms = shape.uniforms.map((slot) => uniformOf(slot, args));
  const itemCount = groupCount(grid, shape.descriptor.workgroup);
  const lists = { offsets: [], elements: [], longest: [] };
  return { itemCount, submittedCount, sources, uniforms, ...lists, arrayLengths, grid };
}

function checkNames(shape: KernelShape, given: Readonly<Record<string, unknown>>): void {
  if (typeof given !== 'object' || given === null)
    throw GpuBridgeError.invalidArgument('items', given, 'an object of columns by parameter name');
  for (const name in given) {
    const role = shape.descriptor.params[name]?.role;
    if (role === 'input' || role === 'inout' || role === 'uniform') continue;
    const wanted = Object.entries(shape.descriptor.params).filter(
      ([, p]) => p.role === 'input' || p.role === 'inout' || p.role === 'uniform',
    );
    throw GpuBridgeError.invalidArgument('items', name, `only ${wanted.map(([n]) => n).join(', ')}`);
  }
}

function offsetsOf(items: Readonly<Record<string, unknown>>, name: string): Uint32Array {
  const list = items[name] as { offsets?: unknown } | undefined;
  const offsets = list?.offsets;
  if (offsets instanceof Uint32Array && offsets.length >= 1) return offsets;
  throw GpuBridgeError.invalidArgument(`${name}.offsets`, offsets, 'a Uint32Array of itemCount + 1 offsets');
}

/** @returns the longest item's element count. */
function checkOffsets(name: string, offsets: Uint32Array): number {
  let before = offsets[0]!;
  if (before !== 0) throw GpuBridgeError.invalidArgument(`${name}.offsets[0]`, before, '0');
  let longest = 0;
  for (let i = 1; i < offsets.length; i++) {
    const here = offsets[i]!;
    if (here < before)
      throw GpuBridgeError.invalidArgument(`${name}.offsets[${i}]`, here, `at least offsets[${i - 1}], ${before}`);
    if (here - before > longest) longest = here - before;
    before = here;
  }
  return longest;
}

function sourceOf(slot: SlotShape, given: Readonly<Record<string, unknown>>): SourceColumn {
  const { param, part, column } = slot.slot;
  const value = given[param];
  if (part === 'offsets') return (value as { offsets: Uint32Array }).offsets;
  const isList = slot.extent.by === 'elements';
  const record = isList ? (value as { columns?: unknown } | undefined)?.columns : value;
  const bare = column === 'value' && !isList;
  const found = bare ? record : (record as Readonly<Record<string, unknown>> | undefined)?.[column];
  return checkColumn(slot.slot.dtype, found, () => pathOf(slot));
}

/** How a caller names the column; made for errors only. */
function pathOf({ slot: { param, column }, extent }: SlotShape): string {
  if (extent.by === 'elements') return `${param}.columns.${column}`;
  return column === 'value' ? param : `${param}.${column}`;
}

/**
 * Checks what a caller passed for one column.
 *
 * @param path - how the caller names it, for errors.
 */
export function checkColumn(dtype: DType, value: unknown, path: () => string): SourceColumn {
  switch (dtype) {
    case 'f32':
      if (value instanceof Float32Array) return value;
      break;
    case 'f64':
      if (value instanceof Float64Array) return value;
      break;
    case 'i32':
      if (value instanceof Int32Array) return value;
      break;
    case 'u32':
      if (value instanceof Uint32Array) return value;
      break;
    case 'bool':
      if (value instanceof Uint32Array) return checkBool(value, path);
      break;
    case 'i64':
    case 'u64':
      if (dtype === 'i64' ? value instanceof BigInt64Array : value instanceof BigUint64Array)
        return value as StoredColumn;
      if (value instanceof Float64Array) {
        checkWide(value, dtype);
        return value;
      }
      if (isSplit(value)) return value;
  }
  throw GpuBridgeError.invalidArgument(path(), value, ARRAY_NAME[dtype]);
}

function checkBool(column: Uint32Array, path: () => string): Uint32Array {
  for (let i = 0; i < column.length; i++) {
    if (column[i]! > 1) throw GpuBridgeError.invalidArgument(`${path()}[${i}]`, column[i], '0 or 1');
  }
  return column;
}

function isSplit(value: unknown): value is SplitColumn {
  if (typeof value !== 'object' || value === null || !('low' in value) || !('high' in value)) return false;
  const { low, high } = value;
  return (
    low instanceof Uint32Array &&
    (high instanceof Int32Array || high instanceof Uint32Array) &&
    low.length === high.length
  );
}

export function lengthOf(source: SourceColumn): number {
  return isArray(source) ? source.length : source.low.length;
}

export function isArray(source: SourceColumn): source is StoredColumn {
  return ArrayBuffer.isView(source);
}

const WIDE_LIMITS = { i64: [-(2n ** 63n), 2n ** 63n - 1n], u64: [0n, 2n ** 64n - 1n] } as const;
const INT_LIMITS = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;

function uniformOf(slot: SlotShape, given: Readonly<Record<string, unknown>>): number | bigint | boolean {
  const { param, dtype } = slot.slot;
  const value = given[param];
  if (dtype === 'bool') {
    if (typeof value === 'boolean') return value;
    throw GpuBridgeError.invalidArgument(param, value, 'a boolean');
  }
  if (isWide(dtype)) {
    const [low, high] = WIDE_LIMITS[dtype];
    const wide = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof wide === 'bigint' && wide >= low && wide <= high) return wide;
    throw GpuBridgeError.invalidArgument(param, value, `a bigint or safe integer of ${low}..${high}`);
  }
  if (dtype === 'i32' || dtype === 'u32') {
    const [low, high] = INT_LIMITS[dtype];
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
    throw GpuBridgeError.invalidArgument(param, value, `an integer of ${low}..${high}`);
  }
  if (typeof value === 'number') return value;
  throw GpuBridgeError.invalidArgument(param, value, 'a number');
}

function gridOf(launch: GridLaunch): readonly [number, number, number] {
  const size = launch?.globalSize;
  const ok =
    Array.isArray(size) &&
    size.length >= 1 &&
    size.length <= 3 &&
    size.every((n: unknown) => Number.isInteger(n) && (n as number) >= 1);
  const product = ok ? (size as number[]).reduce((a, b) => a * b, 1) : 0;
  if (!ok || product > MAX_ITEMS) {
    throw GpuBridgeError.invalidArgument(
      'launch.globalSize',
      size,
      `one to three positive integers with a product of at most ${MAX_ITEMS}`,
    );
  }
  const [x, y = 1, z = 1] = size as [number, number?, number?];
  return [x, y, z];
}

/** Workgroups of a grid; without a workgroup every id counts. */
function groupCount(grid: BoundInputs['grid'], workgroup: BoundInputs['grid'] | null): number {
  return grid.reduce((count, size, axis) => count * Math.ceil(size / (workgroup?.[axis] ?? 1)), 1);
}

function checkSizes(shape: KernelShape, launch: GridLaunch): void {
  for (const [name, size] of Object.entries(launch.sizes ?? {})) {
    const role = shape.descriptor.params[name]?.role;
    if (role !== 'output' && role !== 'atomic')
      throw GpuBridgeError.invalidArgument('launch.sizes', name, 'names of outputs and atomic arrays');
    if (!Number.isInteger(size) || size < 0 || size > MAX_ITEMS) {
      throw GpuBridgeError.invalidArgument(`launch.sizes.${name}`, size, `an integer of 0..${MAX_ITEMS}`);
    }
  }
}

/** An index column is checked here, those of datasets once for all jobs, so that kernels need no check at every use. */
function checkIndexes(
  shape: KernelShape,
  slot: SlotShape,
  source: SourceColumn,
  lengths: ReadonlyMap<string, number>,
): void {
  const { param } = slot.slot;
  const declaration = shape.descriptor.params[param];
  if (declaration?.role !== 'input' || declaration.indexes === undefined || !isArray(source)) return;
  const length = lengths.get(declaration.indexes);
  if (length === undefined)
    throw GpuBridgeError.invalidArgument(`${param}.indexes`, declaration.indexes, 'an array parameter of the kernel');
  const limit = declaration.inclusive === true ? length + 1 : length;
  const bounds = boundsOfFixed(source);
  if (bounds !== undefined && bounds.least >= 0 && bounds.greatest < limit) return;
  for (let i = 0; i < source.length; i++) {
    const index = source[i]!;
    if (index >= 0 && index < limit) continue;
    throw new GpuBridgeError(
      'INDEX_OUT_OF_RANGE',
      { param, element: i, index, limit },
      `${param}[${i}] is ${index}, not an index below ${limit} of ${declaration.indexes}`,
    );
  }
}
