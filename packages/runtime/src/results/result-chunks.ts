import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { ownColumn, storedColumn } from '../columns/stored-column.js';
import type { StoredColumn } from '../columns/stored-column.js';

const CHUNK_BYTES = 256 * 1024;
/** Results from this size on get memory of their own, so that a long-lived one keeps no chunk alive. */
const LARGE_BYTES = CHUNK_BYTES / 4;
/** Typed arrays up to this size need no memory outside the engine's heap. */
const SMALL_BYTES = 64;
const ALIGN = 8;

/**
 * Memory for copied results: views cut from large chunks one after the other, because a typed array of its own costs
 * more than everything else a small job does. A chunk is freed by the garbage collector with its last view.
 */
export class ResultChunks {
  private chunk = new ArrayBuffer(0);
  private used = 0;

  /** Makes the next `sizeBytes` lie in one piece; call before `take` for each part of one result. */
  reserve(sizeBytes: number): void {
    if (this.used + sizeBytes <= this.chunk.byteLength) return;
    this.chunk = new ArrayBuffer(Math.max(CHUNK_BYTES, sizeBytes));
    this.used = 0;
  }

  /** A zeroed column of its own, or a view of the chunk. The engine keeps a typed array of few bytes in its heap, which is cheaper. */
  column(dtype: DType, count: number): StoredColumn {
    const sizeBytes = count * sizeOf(dtype);
    if (sizeBytes <= SMALL_BYTES) return ownColumn(dtype, count);
    return storedColumn(this.chunk, dtype, this.take(sizeBytes), count);
  }

  /** Offset in `buffer` of the next `sizeBytes`. */
  take(sizeBytes: number): number {
    const at = this.used;
    this.used = at + Math.ceil(sizeBytes / ALIGN) * ALIGN;
    return at;
  }

  get buffer(): ArrayBuffer {
    return this.chunk;
  }

  static isLarge(sizeBytes: number): boolean {
    return sizeBytes >= LARGE_BYTES;
  }
}
