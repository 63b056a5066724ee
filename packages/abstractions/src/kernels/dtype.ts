/** The scalar element types of the kernel language, and what each one is in memory. */

/** Scalar element type. Sizes in bytes: `f32 i32 u32 bool` 4, `f64 i64 u64` 8; all little-endian. */
export type DType = 'f32' | 'f64' | 'i32' | 'u32' | 'i64' | 'u64' | 'bool';

declare const brand: unique symbol;

// The brand is optional, so plain numbers stay assignable and arithmetic decays to `number`: the editor catches mixed
// kinds where TypeScript can (i32 into f32, bigint with number); the kernel checker catches the rest.
export type f32 = number & { readonly [brand]?: 'f32' };
export type f64 = number & { readonly [brand]?: 'f64' };
export type i32 = number & { readonly [brand]?: 'i32' };
export type u32 = number & { readonly [brand]?: 'u32' };
export type i64 = bigint & { readonly [brand]?: 'i64' };
export type u64 = bigint & { readonly [brand]?: 'u64' };
export type bool = boolean;

/** What a value of each dtype is inside a kernel body. */
export interface ValueOf {
  f32: f32;
  f64: f64;
  i32: i32;
  u32: u32;
  i64: i64;
  u64: u64;
  bool: bool;
}

/** The typed array that stores a column of each dtype. `bool` is stored as u32 (0 or 1). */
export interface StorageOf {
  f32: Float32Array;
  f64: Float64Array;
  i32: Int32Array;
  u32: Uint32Array;
  i64: BigInt64Array;
  u64: BigUint64Array;
  bool: Uint32Array;
}

/** Bytes of one element of the dtype. Natural alignment equals the size. */
export function sizeOf(dtype: DType): 4 | 8 {
  return dtype === 'f64' || dtype === 'i64' || dtype === 'u64' ? 8 : 4;
}

/** Whether the dtype is a 64-bit integer, i.e. a bigint in TypeScript. */
export function isWide(dtype: DType): dtype is 'i64' | 'u64' {
  return dtype === 'i64' || dtype === 'u64';
}

/** One scalar per element. */
export interface ScalarType<D extends DType = DType> {
  readonly kind: 'scalar';
  readonly dtype: D;
}

// Each name is a type (the value inside a kernel body) and a constant (the declaration).
export const f32: ScalarType<'f32'> = { kind: 'scalar', dtype: 'f32' };
export const f64: ScalarType<'f64'> = { kind: 'scalar', dtype: 'f64' };
export const i32: ScalarType<'i32'> = { kind: 'scalar', dtype: 'i32' };
export const u32: ScalarType<'u32'> = { kind: 'scalar', dtype: 'u32' };
export const i64: ScalarType<'i64'> = { kind: 'scalar', dtype: 'i64' };
export const u64: ScalarType<'u64'> = { kind: 'scalar', dtype: 'u64' };
export const bool: ScalarType<'bool'> = { kind: 'scalar', dtype: 'bool' };
