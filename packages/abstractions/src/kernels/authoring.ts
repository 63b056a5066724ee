/**
 * What a kernel body sees. These types exist for the editor: the body is never run as JavaScript, it is parsed,
 * checked and compiled.
 */
import type { HelperDefinition } from './definition.js';
import type { DType, ScalarType, bool, f32, f64, i32, i64, u32, u64, ValueOf } from './dtype.js';
import type {
  AtomicParam,
  InoutParam,
  InputParam,
  KernelParam,
  KernelParams,
  KernelShared,
  OutputParam,
  ScratchParam,
  SharedArray,
  UniformParam,
} from './params.js';
import type { ElementType, RaggedType, StructType } from './schema.js';

/** Read-only array in device memory. `get(i)` equals `a[i]` and is never `undefined` for the editor. */
export interface ReadonlyDeviceArray<V> {
  readonly length: u32;
  readonly [index: number]: V;
  get(index: u32 | i32): V;
}

/** Array in device memory. An index outside `length` reads 0, writes nothing, and is counted as a violation. */
export interface DeviceArray<V> {
  readonly length: u32;
  [index: number]: V;
  get(index: u32 | i32): V;
}

/** Array reachable only through the atomic intrinsics of the context. */
export interface AtomicArray<D extends DType> {
  readonly length: u32;
  readonly dtype: D;
}

type Value<T> = T extends ScalarType<infer D> ? ValueOf[D] : never;
type Fields<T> = T extends StructType<infer F> ? F : never;
type ReadColumns<T extends StructType> = { readonly [K in keyof Fields<T>]: ReadonlyDeviceArray<Value<Fields<T>[K]>> };
type WriteColumns<T extends StructType> = { readonly [K in keyof Fields<T>]: DeviceArray<Value<Fields<T>[K]>> };
type Row<T extends ElementType> = T extends StructType
  ? { readonly [K in keyof Fields<T>]: Value<Fields<T>[K]> }
  : Value<T>;
type MutableRow<T extends StructType> = { -readonly [K in keyof Fields<T>]: Value<Fields<T>[K]> };

/** An item's list in a ragged input: `lines.length`, `lines.amount[j]`; of bare scalars: `values[j]`. */
export type ItemList<T extends ElementType> = T extends StructType
  ? { readonly length: u32 } & ReadColumns<T>
  : ReadonlyDeviceArray<Value<T>>;

/**
 * An item's list in a ragged output: starts empty, grows by `push` up to `capacity`; existing elements can be read
 * and rewritten. A push beyond `capacity` is dropped and counted as a violation.
 */
export type ItemOutputList<T extends ElementType> = {
  readonly length: u32;
  readonly capacity: u32;
  push(row: Row<T>): void;
} & (T extends StructType ? WriteColumns<T> : DeviceArray<Value<T>>);

type MapView<P extends KernelParam> =
  P extends InputParam<infer T>
    ? T extends RaggedType<infer E>
      ? ItemList<E>
      : T extends ElementType
        ? Row<T>
        : never
    : P extends OutputParam<infer T>
      ? T extends RaggedType<infer E>
        ? ItemOutputList<E>
        : T extends StructType
          ? MutableRow<T>
          : { value: Value<T> }
      : P extends ScratchParam<infer T>
        ? DeviceArray<Value<T>>
        : P extends UniformParam<infer T>
          ? Value<T>
          : never;

type GridView<P extends KernelParam> =
  P extends InputParam<infer T>
    ? T extends StructType
      ? { readonly length: u32 } & ReadColumns<T>
      : ReadonlyDeviceArray<Value<T>>
    : P extends OutputParam<infer T> | InoutParam<infer T>
      ? T extends StructType
        ? { readonly length: u32 } & WriteColumns<T>
        : DeviceArray<Value<T>>
      : P extends AtomicParam<infer T>
        ? T extends ScalarType<infer D>
          ? AtomicArray<D>
          : never
        : P extends UniformParam<infer T>
          ? Value<T>
          : never;

export type MapBodyParams<P extends KernelParams> = { readonly [K in keyof P]: MapView<P[K]> };
/** Parameters and shared arrays of a grid kernel, side by side. */
export type GridBodyParams<P extends KernelParams, S extends KernelShared = Record<never, never>> = {
  readonly [K in keyof P]: GridView<P[K]>;
} & { readonly [K in keyof S]: SharedView<S[K]> };

type SharedView<S extends SharedArray> =
  S extends SharedArray<ScalarType<infer D>, infer A>
    ? A extends true
      ? AtomicArray<D>
      : DeviceArray<ValueOf[D]>
    : never;

/** Module constants handed to a kernel by name, because `fn.toString()` cannot see them: `k.constants.NAME`. */
export type KernelConstants = Readonly<Record<string, TypedConstant>>;
/** A literal with its dtype, made by `constant(u32, 65_536)`. */
export interface TypedConstant<D extends DType = DType> {
  readonly dtype: D;
  readonly value: number | bigint | boolean;
}
export type ConstantValues<C extends KernelConstants> = {
  readonly [K in keyof C]: C[K] extends TypedConstant<infer D> ? ValueOf[D] : never;
};

type AnyNumber = number | bigint;
/** The widened kind of a value: literals must not narrow an intrinsic's result. */
type Same<T> = T extends bigint ? bigint : T extends boolean ? boolean : number;

/** Intrinsics of every kernel. Semantics are the same on every target: docs/KERNELS.md "Exactness". */
export interface KernelContext<C extends KernelConstants = KernelConstants, U extends HelperUses = HelperUses> {
  readonly constants: ConstantValues<C>;
  /** The helper functions named in the kernel's `uses`, called with named arguments. */
  readonly uses: HelperCalls<U>;
  /** Casts. Float to integer saturates and NaN becomes 0; integer to integer wraps; a literal gets its type here. */
  f32(x: AnyNumber | boolean): f32;
  f64(x: AnyNumber | boolean): f64;
  i32(x: AnyNumber | boolean): i32;
  u32(x: AnyNumber | boolean): u32;
  i64(x: AnyNumber | boolean): i64;
  u64(x: AnyNumber | boolean): u64;
  bool(x: AnyNumber | boolean): bool;
  /** Same bits, other type; both sides must have the same size. The type is named by text: names of imports do not survive bundlers. */
  bitcast<D extends Exclude<DType, 'bool'>>(type: D, x: AnyNumber): ValueOf[D];
  /** Both values are evaluated. */
  select<T extends AnyNumber | boolean>(condition: boolean, whenTrue: T, whenFalse: T): Same<T>;
  min<T extends AnyNumber>(a: T, b: T): Same<T>;
  max<T extends AnyNumber>(a: T, b: T): Same<T>;
  clamp<T extends AnyNumber>(x: T, low: T, high: T): Same<T>;
  abs<T extends AnyNumber>(x: T): Same<T>;
  sqrt(x: number): number;
  floor(x: number): number;
  ceil(x: number): number;
  trunc(x: number): number;
  /** Of f32 and f64; accuracy: docs/KERNELS.md "Exactness". */
  exp(x: number): number;
  log(x: number): number;
  sin(x: number): number;
  cos(x: number): number;
  pow(x: number, y: number): number;
  /** `a * b + c`, rounded once. */
  fma(a: number, b: number, c: number): number;
  /** Bit counts of i32, u32, i64, u64; the result has the operand's type. */
  popcount<T extends AnyNumber>(x: T): Same<T>;
  clz<T extends AnyNumber>(x: T): Same<T>;
  ctz<T extends AnyNumber>(x: T): Same<T>;
}

/** Context of a map kernel. */
export interface MapContext<
  C extends KernelConstants = KernelConstants,
  U extends HelperUses = HelperUses,
> extends KernelContext<C, U> {
  /** Index of the item within the submitted batch; independent of chunking and coalescing. */
  readonly item: u32;
}

interface Ids {
  readonly x: u32;
  readonly y: u32;
  readonly z: u32;
}

type IntegerType = 'i32' | 'u32' | 'i64' | 'u64';

/**
 * Context of a grid kernel. The body runs once per id. Without `grid: 'full-groups'`, ids beyond the submitted global
 * size never run.
 */
export interface GridContext<
  C extends KernelConstants = KernelConstants,
  U extends HelperUses = HelperUses,
> extends KernelContext<C, U> {
  readonly global: Ids;
  readonly globalSize: Ids;
  /** The id within its workgroup; this and the next three need `workgroup`. */
  readonly local: Ids;
  /** Ids per workgroup, as declared. */
  readonly localSize: Ids;
  /** Which workgroup this is. */
  readonly group: Ids;
  /** Workgroups in all: the global size divided by the workgroup, rounded up. */
  readonly groupCount: Ids;
  /** Whether the id is inside the global size; false only for the ids that `full-groups` adds. */
  readonly inRange: bool;
  /**
   * Every id of the workgroup arrives here before any goes on; what they wrote before to shared and global arrays is
   * seen after. Needs `grid: 'full-groups'`, and every id of a group must come by: not under a condition that differs
   * between them.
   */
  barrier(): void;
  /** Atomics return the element's value before the operation. Relaxed order; integers wrap. */
  atomicAdd<D extends DType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicMin<D extends IntegerType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicMax<D extends IntegerType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicAnd<D extends IntegerType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicOr<D extends IntegerType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicXor<D extends IntegerType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  atomicLoad<D extends DType>(array: AtomicArray<D>, index: u32): ValueOf[D];
  atomicStore<D extends DType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): void;
  atomicExchange<D extends DType>(array: AtomicArray<D>, index: u32, x: ValueOf[D]): ValueOf[D];
  /** Stores `desired` where the element equals `expected`. */
  atomicCompareExchange<D extends IntegerType>(
    array: AtomicArray<D>,
    index: u32,
    expected: ValueOf[D],
    desired: ValueOf[D],
  ): ValueOf[D];
}

/** Parameter of a helper function: a scalar, an array of the calling kernel, or all columns of a struct list. */
export type HelperArg = ScalarType | ArrayArg | ColumnsArg;
/** The columns of a list or array of structs, with one length. */
export interface ColumnsArg<T extends StructType = StructType, W extends boolean = boolean> {
  readonly kind: 'columns';
  readonly type: T;
  readonly writable: W;
}
export interface ArrayArg<D extends DType = DType, W extends boolean = boolean> {
  readonly kind: 'array';
  readonly dtype: D;
  readonly writable: W;
}
export type HelperArgs = Readonly<Record<string, HelperArg>>;
export type HelperBodyArgs<A extends HelperArgs> = {
  readonly [K in keyof A]: A[K] extends ScalarType<infer D>
    ? ValueOf[D]
    : A[K] extends ArrayArg<infer D, infer W>
      ? W extends true
        ? DeviceArray<ValueOf[D]>
        : ReadonlyDeviceArray<ValueOf[D]>
      : A[K] extends ColumnsArg<infer T, infer W>
        ? { readonly length: u32 } & (W extends true ? WriteColumns<T> : ReadColumns<T>)
        : never;
};

/** What a helper gives back: one value, the fields of a struct, or nothing. */
export type HelperResult = ScalarType | StructType | undefined;
export type ResultOf<R extends HelperResult> = R extends ElementType ? Row<R> : void;

/** Helpers by the name under which a body calls them; property names survive minifiers and bundlers. */
export type HelperUses = Readonly<Record<string, HelperDefinition>>;
type HelperCalls<U extends HelperUses> = {
  readonly [K in keyof U]: U[K] extends HelperDefinition<infer A, infer R>
    ? (args: HelperBodyArgs<A>) => ResultOf<R>
    : never;
};
