import { GpuBridgeError, checkWide, columnsOf, fillWide, isWide } from '@gpu-bridge/abstractions';
import type { DType, KernelParams, SplitColumn } from '@gpu-bridge/abstractions';

/** How columns are kept: one typed array each; 64-bit integers as such, booleans as u32. */
export type StoredArray = Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** One input of some items. */
export interface InputColumns {
  /** Of lists: `itemCount + 1` values from 0. */
  readonly offsets: Uint32Array | undefined;
  /** In order of declaration. */
  readonly columns: readonly StoredArray[];
}

/** Items by input, in order of declaration; checked. */
export interface ItemColumns {
  readonly itemCount: number;
  readonly inputs: readonly InputColumns[];
}

/** One input of a kernel. */
export interface InputLayout {
  readonly name: string;
  readonly kind: 'scalar' | 'struct' | 'list';
  /** A list of bare scalars, or a bare scalar: its one column has no name of its own. */
  readonly bare: boolean;
  readonly columns: readonly { readonly name: string; readonly dtype: DType }[];
}

const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  bool: Uint32Array,
} as const;

export function newColumn(dtype: DType, length: number): StoredArray {
  return new ARRAYS[dtype](length);
}

/** The inputs of a map kernel, in order of declaration. */
export function inputLayouts(params: KernelParams): readonly InputLayout[] {
  return Object.entries(params).flatMap(([name, param]): InputLayout[] => {
    if (param.role !== 'input') return [];
    const { type } = param;
    const element = type.kind === 'ragged' ? type.element : type;
    const kind = type.kind === 'ragged' ? 'list' : type.kind;
    return [{ name, kind, bare: element.kind === 'scalar', columns: columnsOf(element) }];
  });
}

/**
 * Checks columns as the bridge would, before anything is accepted. Arrays stay the caller's, except those of 64-bit integers
 * that came in another form.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` naming the column, `NOT_SAFE_INTEGER` naming the element.
 */
export function checkedColumns(layouts: readonly InputLayout[], items: unknown): ItemColumns {
  const given = checkedRecord('items', items, layouts);
  let itemCount = -1;
  const inputs = layouts.map((layout): InputColumns => {
    const { name, kind } = layout;
    const value = given[name];
    const list = kind === 'list' ? checkedList(name, value) : undefined;
    const source = list === undefined ? value : list.columns;
    const columns = layout.columns.map((column) => {
      const wholeInput = layout.bare && kind === 'scalar';
      const field = wholeInput ? name : `${name}.${list === undefined ? '' : 'columns.'}${column.name}`;
      return checkedColumn(field, wholeInput ? source : fieldOf(name, source, column.name), column.dtype);
    });
    const count = list === undefined ? columns[0]!.length : list.offsets.length - 1;
    if (itemCount >= 0 && count !== itemCount)
      throw GpuBridgeError.invalidArgument(name, `${count} items`, `as many items as the others have, ${itemCount}`);
    itemCount = count;
    const needed = list === undefined ? count : list.offsets[count]!;
    for (const column of columns) {
      if (list === undefined ? column.length !== needed : column.length < needed)
        throw GpuBridgeError.invalidArgument(name, `a column of ${column.length}`, `${needed} elements in each column`);
    }
    return { offsets: list?.offsets, columns };
  });
  if (itemCount < 1) throw GpuBridgeError.invalidArgument('items', `${itemCount} items`, 'at least one item');
  return { itemCount, inputs };
}

/** One item as columns. @throws GpuBridgeError `INVALID_ARGUMENT` naming the value. */
export function columnsOfItem(layouts: readonly InputLayout[], item: unknown): ItemColumns {
  const given = checkedRecord('item', item, layouts);
  const inputs = layouts.map(({ name, kind, bare, columns }): InputColumns => {
    const value = given[name];
    if (kind === 'list' && !Array.isArray(value)) throw GpuBridgeError.invalidArgument(name, value, 'an array');
    const elements: readonly unknown[] = kind === 'list' ? (value as readonly unknown[]) : [value];
    const offsets = kind === 'list' ? Uint32Array.of(0, elements.length) : undefined;
    return {
      offsets,
      columns: columns.map(({ name: field, dtype }) => {
        const path = bare ? name : `${name}.${field}`;
        const column = newColumn(dtype, elements.length);
        elements.forEach((element, i) => {
          column[i] = checkedScalar(path, bare ? element : fieldOf(name, element, field), dtype);
        });
        return column;
      }),
    };
  });
  return { itemCount: 1, inputs };
}

/** As a kernel takes them. */
export function kernelInputs(layouts: readonly InputLayout[], items: ItemColumns): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  layouts.forEach(({ name, kind, bare, columns }, i) => {
    const input = items.inputs[i]!;
    if (kind === 'scalar' && bare) {
      given[name] = input.columns[0];
      return;
    }
    const fields = Object.fromEntries(columns.map((column, c) => [column.name, input.columns[c]]));
    given[name] = kind === 'list' ? { offsets: input.offsets, columns: fields } : fields;
  });
  return given;
}

function checkedRecord(what: string, value: unknown, layouts: readonly InputLayout[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw GpuBridgeError.invalidArgument(what, value, 'an object with a property per input');
  const names = layouts.map(({ name }) => name);
  for (const name of Object.keys(value)) {
    if (!names.includes(name))
      throw GpuBridgeError.invalidArgument(`${what}.${name}`, name, `one of ${names.join(', ')}`);
  }
  return value as Record<string, unknown>;
}

function fieldOf(name: string, value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null)
    throw GpuBridgeError.invalidArgument(name, value, 'an object with its fields');
  return (value as Record<string, unknown>)[field];
}

function checkedList(name: string, value: unknown): { readonly offsets: Uint32Array; readonly columns: unknown } {
  const { offsets, columns } = (value ?? {}) as { readonly offsets?: unknown; readonly columns?: unknown };
  if (!(offsets instanceof Uint32Array) || offsets.length === 0 || offsets[0] !== 0)
    throw GpuBridgeError.invalidArgument(`${name}.offsets`, offsets, 'a Uint32Array that begins with 0');
  for (let i = 1; i < offsets.length; i++) {
    if (offsets[i]! < offsets[i - 1]!)
      throw GpuBridgeError.invalidArgument(`${name}.offsets[${i}]`, offsets[i], `at least ${offsets[i - 1]}`);
  }
  return { offsets, columns };
}

function checkedColumn(field: string, value: unknown, dtype: DType): StoredArray {
  if (value instanceof ARRAYS[dtype]) {
    if (dtype === 'bool') checkBooleans(field, value as Uint32Array);
    return value;
  }
  if (isWide(dtype)) {
    const wide = newColumn(dtype, lengthOf(value)) as BigInt64Array | BigUint64Array;
    if (value instanceof Float64Array) {
      checkWide(value, dtype);
      fillWide(wide, value);
      return wide;
    }
    if (isSplit(value, dtype)) return joined(wide, value);
  }
  throw GpuBridgeError.invalidArgument(field, value, `a column of ${dtype}, as ${ARRAYS[dtype].name}`);
}

function lengthOf(value: unknown): number {
  const { length, low } = (value ?? {}) as { readonly length?: unknown; readonly low?: { readonly length?: unknown } };
  const count = length ?? low?.length;
  return typeof count === 'number' ? count : 0;
}

function isSplit(value: unknown, dtype: 'i64' | 'u64'): value is SplitColumn {
  const { low, high } = (value ?? {}) as Partial<SplitColumn>;
  const High = dtype === 'i64' ? Int32Array : Uint32Array;
  return low instanceof Uint32Array && high instanceof High && low.length === high.length;
}

function joined<T extends BigInt64Array | BigUint64Array>(wide: T, { low, high }: SplitColumn): T {
  const words = new Uint32Array(wide.buffer);
  for (let i = 0; i < low.length; i++) {
    words[2 * i] = low[i]!;
    words[2 * i + 1] = high[i]!;
  }
  return wide;
}

function checkBooleans(field: string, values: Uint32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > 1) throw GpuBridgeError.invalidArgument(`${field}[${i}]`, values[i], '0 or 1');
  }
}

function checkedScalar(field: string, value: unknown, dtype: DType): number | bigint {
  if (dtype === 'bool' && typeof value === 'boolean') return value ? 1 : 0;
  if ((dtype === 'f32' || dtype === 'f64') && typeof value === 'number') return value;
  if (dtype === 'i32' && typeof value === 'number' && (value | 0) === value) return value;
  if (dtype === 'u32' && typeof value === 'number' && value >>> 0 === value) return value;
  if (isWide(dtype)) {
    const whole = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof whole === 'bigint' && wrapped(whole, dtype) === whole) return whole;
  }
  throw GpuBridgeError.invalidArgument(field, value, `a value of ${dtype}`);
}

function wrapped(value: bigint, dtype: 'i64' | 'u64'): bigint {
  return dtype === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
}
