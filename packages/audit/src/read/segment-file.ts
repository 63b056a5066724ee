import { closeSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { decodeFramePrefix, FRAME_PREFIX_BYTES } from '../format/frame.js';
import type { FrameLayout } from '../format/frame.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentIndex, segmentName } from '../format/segment.js';
import type { SegmentHeader } from '../format/segment.js';
import { HASH_BYTES, sha256 } from '../format/sha256.js';

const WINDOW_BYTES = 1 << 20;

/** Indexes of the segments in a folder, rising. */
export function segmentsIn(folder: string): number[] {
  const indexes = readdirSync(folder).map(segmentIndex);
  return indexes.filter((index) => index !== undefined).sort((a, b) => a - b);
}

/** A segment that is read, through a window of 1 MiB. */
export class SegmentFile implements Disposable {
  readonly name: string;
  /** When it was opened; a log that is being written grows. */
  readonly sizeBytes: number;
  private readonly fd: number;
  private window = Buffer.alloc(0);
  private windowOffset = 0;

  constructor(
    folder: string,
    readonly index: number,
  ) {
    this.name = segmentName(index);
    this.fd = openSync(join(folder, this.name), 'r');
    this.sizeBytes = fstatSync(this.fd).size;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  header(): SegmentHeader | undefined {
    return decodeSegmentHeader(this.read(0, SEGMENT_HEADER_BYTES));
  }

  /** The record that begins at an offset; undefined where none can. */
  frameAt(offset: number): FrameLayout | undefined {
    return decodeFramePrefix(this.read(offset, FRAME_PREFIX_BYTES), this.sizeBytes - offset);
  }

  headerText(offset: number, { headerBytes }: FrameLayout): string {
    return this.read(offset + FRAME_PREFIX_BYTES, headerBytes).toString('utf8');
  }

  /** Bytes of the file, fewer at its end; a view that the next read may overwrite. */
  read(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.sizeBytes);
    if (offset >= end) return Buffer.alloc(0);
    if (offset < this.windowOffset || end > this.windowOffset + this.window.length) this.fill(offset, end - offset);
    return this.window.subarray(offset - this.windowOffset, end - this.windowOffset);
  }

  /** The hash that a record must have, given the 32 bytes before it. */
  hashOf(offset: number, { hashOffset }: FrameLayout, before: Uint8Array): Buffer {
    if (hashOffset <= WINDOW_BYTES) return sha256(Buffer.concat([before, this.read(offset, hashOffset)]));
    const hash = createHash('sha256').update(before);
    for (let at = 0; at < hashOffset; at += WINDOW_BYTES)
      hash.update(this.read(offset + at, Math.min(WINDOW_BYTES, hashOffset - at)));
    return hash.digest();
  }

  /** The hash that stands before an offset: of the record that ends there, or of the header. */
  hashBefore(offset: number): Buffer {
    return Buffer.from(this.read(offset - HASH_BYTES, HASH_BYTES));
  }

  private fill(offset: number, length: number): void {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.sizeBytes - offset);
    const window = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < wanted) {
      const read = readSync(this.fd, window, filled, wanted - filled, offset + filled);
      if (read === 0) break;
      filled += read;
    }
    this.window = window.subarray(0, filled);
    this.windowOffset = offset;
  }
}
