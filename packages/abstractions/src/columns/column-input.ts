import type { DType, ScalarType, StorageOf } from '../kernels/dtype.js';
import type {
  AtomicParam,
  InoutParam,
  InputParam,
  KernelParam,
  KernelParams,
  OutputParam,
  UniformParam,
} from '../kernels/params.js';
import type { ElementType, RaggedType, StructType } from '../kernels/schema.js';
import type { OutputColumn, RaggedOutput } from './column-batch.js';

/** 64-bit integers as two word columns: value = high * 2^32 + low. Both have one element per value. */
export interface SplitColumn {
  readonly low: Uint32Array;
  readonly high: Int32Array | Uint32Array;
}

/**
 * What a caller may pass for one column. 64-bit integer columns take bigints, words, or a Float64Array of safe
 * integers (checked; about 60 times cheaper to fill than a BigInt64Array). Borrowed until the job completes.
 */
export type ColumnInput<D extends DType = DType> = D extends 'i64'
  ? BigInt64Array | Float64Array | SplitColumn
  : D extends 'u64'
    ? BigUint64Array | Float64Array | SplitColumn
    : StorageOf[D];

/** Columns of one element type: an object by field name, or the bare column of a scalar. */
export type ElementInput<T> =
  T extends StructType<infer F>
    ? { readonly [K in keyof F]: F[K] extends ScalarType<infer D> ? ColumnInput<D> : never }
    : T extends ScalarType<infer D>
      ? ColumnInput<D>
      : never;

/**
 * A list of elements per item.
 *
 * `offsets`: u32, `itemCount + 1` values from 0, rising, the last at most the columns' length; item `i` owns elements
 * `[offsets[i], offsets[i + 1])`. `columns`: one column per field, or `{ value }` for bare scalars.
 */
export interface RaggedInput<T extends ElementType = ElementType> {
  readonly offsets: Uint32Array;
  readonly columns: T extends ScalarType ? { readonly value: ElementInput<T> } : ElementInput<T>;
}

/** What `submitBatch` and `submitGrid` take for a kernel with these parameters: inputs, inouts and uniforms by name. */
export type KernelInputs<P extends KernelParams> = {
  readonly [K in keyof P as P[K] extends InputParam | InoutParam | UniformParam ? K : never]: InputOf<P[K]>;
};
type InputOf<P extends KernelParam> =
  P extends UniformParam<ScalarType<infer D>>
    ? D extends 'i64' | 'u64'
      ? bigint | number
      : D extends 'bool'
        ? boolean
        : number
    : P extends InputParam<infer T>
      ? T extends RaggedType<infer E>
        ? RaggedInput<E>
        : ElementInput<T>
      : P extends InoutParam<infer T>
        ? ElementInput<T>
        : never;

/** What a job of a kernel with these parameters gives back: outputs, inouts and atomics by name. */
export type KernelOutputs<P extends KernelParams> = {
  readonly [K in keyof P as P[K] extends OutputParam | InoutParam | AtomicParam ? K : never]: OutputOf<P[K]>;
};
type OutputOf<P extends KernelParam> =
  P extends OutputParam<infer T>
    ? T extends RaggedType<infer E>
      ? RaggedOutput<ElementOutput<E>>
      : ElementOutput<T>
    : P extends InoutParam<infer T>
      ? ElementOutput<T>
      : P extends AtomicParam<infer T>
        ? ElementOutput<T>
        : never;
type ElementOutput<T> =
  T extends StructType<infer F>
    ? { readonly [K in keyof F]: F[K] extends ScalarType<infer D> ? OutputColumn<D> : never }
    : T extends ScalarType<infer D>
      ? OutputColumn<D>
      : never;
