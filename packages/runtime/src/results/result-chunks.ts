const CHUNK_BYTES = 256 * 1024;
/** Results from this size on get memory of their own, so that a long-lived one keeps no chunk alive. */
const LARGE_BYTES = CHUNK_BYTES / 4;
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
