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
export type AtomicElement = ScalarType<'i32'> | ScalarType<'u32'> | ScalarType<'i64'> | ScalarType<'u64'>;

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

export function uniform<const T extends ScalarType>(type: T): UniformParam<T> {
  return { role: 'uniform', type };
}
