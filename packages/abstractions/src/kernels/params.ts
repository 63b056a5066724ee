import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { checkExtent } from './schema.js';
import type { ScalarType } from './dtype.js';
import type { BoundedRaggedType, ElementType, Extent, RaggedType } from './schema.js';

/** Parameters of a kernel, by name; declaration order is the order of the argument block. */
export type KernelParams = Readonly<Record<string, KernelParam>>;
export type KernelParam = InputParam | OutputParam | InoutParam | AtomicParam | ScratchParam | UniformParam;

/** Read-only data. Map kernels see the item's own value, record or list; grid kernels see the whole array. */
export interface InputParam<T extends ElementType | RaggedType = ElementType | RaggedType> {
  readonly role: 'input';
  readonly type: T;
  /**
   * Grid kernels: every element is a valid index into the named parameter (an index column). It is validated once when
   * submitted, so loads through it need no bounds check. With `inclusive` it may also equal that array's length (CSR
   * row offsets).
   */
  readonly indexes?: string;
  readonly inclusive?: boolean;
}

/** Write-first data; its content before the kernel ran is unspecified. */
export interface OutputParam<T extends ElementType | BoundedRaggedType = ElementType | BoundedRaggedType> {
  readonly role: 'output';
  readonly type: T;
}

/** Grid kernels: an array that is read and written; the result is a new array, the caller's stays as it was. */
export interface InoutParam<T extends ElementType = ElementType> {
  readonly role: 'inout';
  readonly type: T;
}

/** Grid kernels: an array touched only through atomic intrinsics; starts as zeros. */
export interface AtomicParam<T extends AtomicElement = AtomicElement> {
  readonly role: 'atomic';
  readonly type: T;
}
/** Integers take every atomic; `f32` takes add, load, store and exchange. */
export type AtomicElement =
  ScalarType<'i32'> | ScalarType<'u32'> | ScalarType<'i64'> | ScalarType<'u64'> | ScalarType<'f32'>;

/**
 * Map kernels: working memory of one item, `a * length + b` elements where `length` is the item's element count in the
 * ragged input `per`. Its content is unspecified when an item starts.
 */
export interface ScratchParam<T extends ScalarType = ScalarType> {
  readonly role: 'scratch';
  readonly type: T;
  readonly max: Extent;
  readonly per?: string;
}

/** One scalar for the whole job. Jobs are coalesced only when all uniforms are equal. */
export interface UniformParam<T extends ScalarType = ScalarType> {
  readonly role: 'uniform';
  readonly type: T;
}

export function input<const T extends ElementType | RaggedType>(
  type: T,
  options: { readonly indexes?: string; readonly inclusive?: boolean } = {},
): InputParam<T> {
  return { role: 'input', type, ...options };
}

export function output<const T extends ElementType | BoundedRaggedType>(type: T): OutputParam<T> {
  return { role: 'output', type };
}

export function inout<const T extends ElementType>(type: T): InoutParam<T> {
  return { role: 'inout', type };
}

export function atomic<const T extends AtomicElement>(type: T): AtomicParam<T> {
  return { role: 'atomic', type };
}

export function scratch<const T extends ScalarType>(
  type: T,
  bound: { readonly max: Extent; readonly per?: string },
): ScratchParam<T> {
  checkExtent('max', bound.max);
  return { role: 'scratch', type, ...bound };
}

/**
 * Memory of one workgroup: every id of the group reads and writes the same elements, and no other group sees them.
 * Zeros when the group starts. With `atomic` it is reached only through the atomic intrinsics.
 */
export interface SharedArray<T extends ScalarType = ScalarType, A extends boolean = boolean> {
  readonly kind: 'shared';
  readonly dtype: T['dtype'];
  /** Elements. */
  readonly length: number;
  readonly atomic: A;
}
/** Shared arrays of a kernel, by name; the body finds them beside the parameters. */
export type KernelShared = Readonly<Record<string, SharedArray>>;

/**
 * Declares an array of `length` elements shared by a workgroup.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a length that is no integer from 1 to 65,536.
 */
export function shared<const T extends ScalarType>(type: T, length: number): SharedArray<T, false> {
  return { kind: 'shared', dtype: type.dtype, length: checkSharedLength(length), atomic: false };
}

/** Declares a {@link shared} array that is touched only through atomic intrinsics. */
export function sharedAtomic<const T extends AtomicElement>(type: T, length: number): SharedArray<T, true> {
  return { kind: 'shared', dtype: type.dtype, length: checkSharedLength(length), atomic: true };
}

function checkSharedLength(length: number): number {
  if (Number.isInteger(length) && length >= 1 && length <= 65_536) return length;
  throw GpuBridgeError.invalidArgument('length', length, 'an integer from 1 to 65,536');
}

export function uniform<const T extends ScalarType>(type: T): UniformParam<T> {
  return { role: 'uniform', type };
}
