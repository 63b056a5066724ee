import type { DType } from '@gpu-bridge/abstractions';

/** The typed arrays that store columns. */
export type StoredColumn = Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** A view of `count` elements of a dtype at a byte offset, which is a multiple of the element's size. */
export function storedColumn(buffer: ArrayBufferLike, dtype: DType, offset: number, count: number): StoredColumn {
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, offset, count);
    case 'f64':
      return new Float64Array(buffer, offset, count);
    case 'i32':
      return new Int32Array(buffer, offset, count);
    case 'u32':
    case 'bool':
      return new Uint32Array(buffer, offset, count);
    case 'i64':
      return new BigInt64Array(buffer, offset, count);
    case 'u64':
      return new BigUint64Array(buffer, offset, count);
  }
}

/** A column of zeros in memory of its own. */
export function ownColumn(dtype: DType, count: number): StoredColumn {
  switch (dtype) {
    case 'f32':
      return new Float32Array(count);
    case 'f64':
      return new Float64Array(count);
    case 'i32':
      return new Int32Array(count);
    case 'u32':
    case 'bool':
      return new Uint32Array(count);
    case 'i64':
      return new BigInt64Array(count);
    case 'u64':
      return new BigUint64Array(count);
  }
}
