import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import type { DType, ScalarType } from './dtype.js';

/** A record of scalars, always stored as structure of arrays: one column per field, no padding rules. */
export interface StructType<F extends StructFields = StructFields> {
  readonly kind: 'struct';
  readonly fields: F;
}
export type StructFields = Readonly<Record<string, ScalarType>>;

/** What one element of a column batch can be. */
export type ElementType = ScalarType | StructType;

/**
 * A list of elements per item: element columns plus `itemCount + 1` relative u32 offsets starting at 0.
 * Item `i` owns the elements `[offsets[i], offsets[i + 1])`.
 */
export interface RaggedType<T extends ElementType = ElementType> {
  readonly kind: 'ragged';
  readonly element: T;
}

/**
 * A ragged result whose room is known beforehand: item `i` may push at most `a * length(i) + b` elements, where
 * `length(i)` is the item's element count in the ragged input `per`. Its elements start at `a * offsets[i] + b * i`,
 * so no prefix sum and no atomic cursor is needed and the order is fixed.
 */
export interface BoundedRaggedType<T extends ElementType = ElementType> extends RaggedType<T> {
  readonly max: Extent;
  /** Name of the ragged input that drives the bound; may be left out when the kernel has exactly one. */
  readonly per?: string;
}

/** `[a, b]`: at most `a * length + b` elements, both non-negative integers. */
export type Extent = readonly [a: number, b: number];

const RESERVED_FIELDS = new Set(['length', 'capacity', 'push', 'get', 'value']);

/**
 * Declares a record of scalars.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for no fields, a non-scalar field, or a field named like a member of the
 *   kernel-side list (`length capacity push get value`).
 */
export function struct<const F extends StructFields>(fields: F): StructType<F> {
  const names = Object.keys(fields);
  if (names.length === 0) {
    throw GpuBridgeError.invalidArgument('fields', fields, 'at least one scalar field');
  }
  for (const name of names) {
    if (RESERVED_FIELDS.has(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw GpuBridgeError.invalidArgument(
        'fields',
        name,
        `an identifier other than ${[...RESERVED_FIELDS].join(', ')}`,
      );
    }
    if (fields[name]?.kind !== 'scalar') {
      throw GpuBridgeError.invalidArgument(`fields.${name}`, fields[name], 'a scalar type such as f32');
    }
  }
  return { kind: 'struct', fields };
}

/** Declares a list of elements per item; with `max` it can be an output. See {@link BoundedRaggedType}. */
export function ragged<T extends ElementType>(element: T): RaggedType<T>;
export function ragged<T extends ElementType>(
  element: T,
  bound: { readonly max: Extent; readonly per?: string },
): BoundedRaggedType<T>;
export function ragged(element: ElementType, bound?: { max: Extent; per?: string }): RaggedType {
  if (bound === undefined) return { kind: 'ragged', element };
  checkExtent('max', bound.max);
  const type: BoundedRaggedType = { kind: 'ragged', element, ...bound };
  return type;
}

export function checkExtent(field: string, extent: Extent): void {
  const ok =
    Array.isArray(extent) &&
    extent.length === 2 &&
    extent.every((n: number) => Number.isInteger(n) && n >= 0 && n < 2 ** 20);
  if (!ok) throw GpuBridgeError.invalidArgument(field, extent, '[a, b] with integers 0 <= a, b < 2^20');
}

/** The scalar columns of an element type, in declaration order. A bare scalar has one column named `value`. */
export function columnsOf(element: ElementType): readonly { readonly name: string; readonly dtype: DType }[] {
  if (element.kind === 'scalar') return [{ name: 'value', dtype: element.dtype }];
  return Object.entries(element.fields).map(([name, type]) => ({ name, dtype: type.dtype }));
}
