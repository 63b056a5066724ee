import { fillWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { isArray } from './bound-inputs.js';
import type { SourceColumn } from './bound-inputs.js';
import { storedColumn } from './stored-column.js';
import type { StoredColumn } from './stored-column.js';

/** Up to so many elements a loop is faster than the engine's bulk copy and the view of a part that it may need. */
const FEW = 8;

/**
 * Typed views of a whole device memory; made once, so that staging a column makes no view of its own kind. Byte offsets
 * reach 2^32: they are shifted unsigned.
 */
export class DeviceMemory {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly u8: Uint8Array;

  constructor(readonly buffer: ArrayBufferLike) {
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  /** A view of `count` elements at a byte offset. */
  view(dtype: DType, offset: number, count: number): StoredColumn {
    return storedColumn(this.buffer, dtype, offset, count);
  }

  /** Copies the first `count` elements of a column to a byte offset, converting 64-bit integers from their other forms. */
  store(dtype: DType, offset: number, source: SourceColumn, count: number): void {
    if (!isArray(source)) {
      const at = offset >>> 2;
      for (let i = 0; i < count; i++) {
        this.u32[at + 2 * i] = source.low[i]!;
        this.u32[at + 2 * i + 1] = source.high[i]!;
      }
      return;
    }
    switch (dtype) {
      case 'f32':
        copy(this.f32, offset >>> 2, source as Float32Array, 0, count);
        return;
      case 'f64':
        copy(this.f64, offset >>> 3, source as Float64Array, 0, count);
        return;
      case 'i32':
        copy(this.i32, offset >>> 2, source as Int32Array, 0, count);
        return;
      case 'u32':
      case 'bool':
        copy(this.u32, offset >>> 2, source as Uint32Array, 0, count);
        return;
      case 'i64':
      case 'u64':
        this.storeWide(dtype, offset, source, count);
    }
  }

  /** Copies as many elements as fit into a column from a byte offset on. */
  load(dtype: DType, offset: number, into: StoredColumn): void {
    const { length } = into;
    switch (dtype) {
      case 'f32':
        copy(into as Float32Array, 0, this.f32, offset >>> 2, length);
        return;
      case 'f64':
        copy(into as Float64Array, 0, this.f64, offset >>> 3, length);
        return;
      case 'i32':
        copy(into as Int32Array, 0, this.i32, offset >>> 2, length);
        return;
      case 'u32':
      case 'bool':
        copy(into as Uint32Array, 0, this.u32, offset >>> 2, length);
        return;
      case 'i64':
      case 'u64':
        (into as BigInt64Array).set(this.view(dtype, offset, length) as BigInt64Array);
    }
  }

  private storeWide(dtype: 'i64' | 'u64', offset: number, source: SourceColumn, count: number): void {
    const part = isArray(source) && source.length !== count ? source.subarray(0, count) : source;
    if (part instanceof Float64Array) fillWide(this.view(dtype, offset, count) as BigInt64Array | BigUint64Array, part);
    else if (part instanceof BigUint64Array) this.u64.set(part, offset >>> 3);
    else this.i64.set(part as BigInt64Array, offset >>> 3);
  }

  /** Stores one scalar at a byte offset that is a multiple of 8. */
  storeScalar(dtype: DType, offset: number, value: number | bigint | boolean): void {
    this.u32[(offset >>> 2) + 1] = 0;
    switch (dtype) {
      case 'f32':
        this.f32[offset >>> 2] = Number(value);
        return;
      case 'f64':
        this.f64[offset >>> 3] = Number(value);
        return;
      case 'i64':
      case 'u64':
        this.u64[offset >>> 3] = BigInt.asUintN(64, value as bigint);
        return;
      default:
        this.u32[offset >>> 2] = Number(value);
    }
  }
}

function copy<T extends Float32Array | Float64Array | Int32Array | Uint32Array>(
  to: T,
  toIndex: number,
  from: T,
  fromIndex: number,
  count: number,
): void {
  if (count <= FEW) for (let i = 0; i < count; i++) to[toIndex + i] = from[fromIndex + i]!;
  else to.set(from.length === count ? from : from.subarray(fromIndex, fromIndex + count), toIndex);
}
