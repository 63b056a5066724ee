import { fillWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { isArray } from './bound-inputs.js';
import type { SourceColumn } from './bound-inputs.js';
import { storedColumn } from './stored-column.js';
import type { StoredColumn } from './stored-column.js';

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
    const all = source.length === count;
    switch (dtype) {
      case 'f32':
        this.f32.set((all ? source : source.subarray(0, count)) as Float32Array, offset >>> 2);
        return;
      case 'f64':
        this.f64.set((all ? source : source.subarray(0, count)) as Float64Array, offset >>> 3);
        return;
      case 'i32':
        this.i32.set((all ? source : source.subarray(0, count)) as Int32Array, offset >>> 2);
        return;
      case 'u32':
      case 'bool':
        this.u32.set((all ? source : source.subarray(0, count)) as Uint32Array, offset >>> 2);
        return;
      case 'i64':
      case 'u64':
        this.storeWide(dtype, offset, source, count);
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
