import { HASH_BYTES } from './sha256.js';

/**
 * A record as it lies in a segment.
 *
 * | part | |
 * |---|---|
 * | u64 | bytes of the whole record, its hash included |
 * | u32, u32 | bytes of the header; columns |
 * | header | JSON, UTF-8; its first member is `jobId` |
 * | digests | SHA-256 of each column; zeros where it has none |
 * | columns | the bytes of those that are stored, one after the other |
 * | hash | SHA-256 of everything before it in the record, and of the 32 bytes before the record |
 *
 * The 32 bytes before a record are the hash of the record before it, or of the segment's header: the chain is that of
 * consecutive bytes in the file.
 */
export interface FrameLayout {
  readonly totalBytes: number;
  readonly headerBytes: number;
  readonly columnCount: number;
  /** From the start of the record. */
  readonly digestsOffset: number;
  readonly blobsOffset: number;
  readonly hashOffset: number;
}

export const FRAME_PREFIX_BYTES = 16;

export function frameLayout(headerBytes: number, columnCount: number, blobBytes: number): FrameLayout {
  const digestsOffset = FRAME_PREFIX_BYTES + headerBytes;
  const blobsOffset = digestsOffset + columnCount * HASH_BYTES;
  const hashOffset = blobsOffset + blobBytes;
  return { totalBytes: hashOffset + HASH_BYTES, headerBytes, columnCount, digestsOffset, blobsOffset, hashOffset };
}

export function encodeFramePrefix(
  { totalBytes, headerBytes, columnCount }: FrameLayout,
  into: Buffer,
  at: number,
): void {
  into.writeUInt32LE(totalBytes % 2 ** 32, at);
  into.writeUInt32LE(Math.floor(totalBytes / 2 ** 32), at + 4);
  into.writeUInt32LE(headerBytes, at + 8);
  into.writeUInt32LE(columnCount, at + 12);
}

/**
 * @param limitBytes - bytes that there are from the record's start on.
 * @returns undefined for a prefix of no record that fits.
 */
export function decodeFramePrefix(prefix: Buffer, limitBytes: number): FrameLayout | undefined {
  if (prefix.length < FRAME_PREFIX_BYTES) return undefined;
  const totalBytes = prefix.readUInt32LE(0) + prefix.readUInt32LE(4) * 2 ** 32;
  const headerBytes = prefix.readUInt32LE(8);
  const columnCount = prefix.readUInt32LE(12);
  const blobBytes = totalBytes - frameLayout(headerBytes, columnCount, 0).totalBytes;
  if (blobBytes < 0 || totalBytes > limitBytes) return undefined;
  return frameLayout(headerBytes, columnCount, blobBytes);
}
