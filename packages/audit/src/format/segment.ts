import { HASH_BYTES, sha256 } from './sha256.js';

/**
 * A segment is one file of the log: a header, then records, appended and never changed. Its header carries the hash of the last
 * record before it, so that segments hang together as records do.
 *
 * | bytes | |
 * |---|---|
 * | 0 … 8 | `GBAUDIT1` |
 * | 8 … 12 | u32 index of the segment |
 * | 16 … 24 | u64 number of its first record |
 * | 24 … 32 | f64 ms since 1970 UTC when it was begun |
 * | 32 … 48 | id of the log |
 * | 48 … 80 | hash of the last record before it; zeros in the first segment |
 * | 96 … 128 | SHA-256 of bytes 0 … 96 |
 */
export interface SegmentHeader {
  readonly index: number;
  readonly firstRecord: number;
  readonly createdAtMs: number;
  /** 32 hexadecimal digits. */
  readonly logId: string;
  readonly previousHash: Buffer;
}

export const SEGMENT_HEADER_BYTES = 128;
const MAGIC = 'GBAUDIT1';
const HASHED_BYTES = SEGMENT_HEADER_BYTES - HASH_BYTES;

export function segmentName(index: number): string {
  return `${String(index).padStart(8, '0')}.audit`;
}

/** @returns undefined for the name of another file. */
export function segmentIndex(name: string): number | undefined {
  const match = /^([0-9]{8})\.audit$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(header.index, 8);
  bytes.writeBigUInt64LE(BigInt(header.firstRecord), 16);
  bytes.writeDoubleLE(header.createdAtMs, 24);
  bytes.write(header.logId, 32, 'hex');
  header.previousHash.copy(bytes, 48);
  sha256(bytes.subarray(0, HASHED_BYTES)).copy(bytes, HASHED_BYTES);
  return bytes;
}

/** @returns undefined for bytes that are no header, or not as they were written. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const check = bytes.subarray(HASHED_BYTES, SEGMENT_HEADER_BYTES);
  if (bytes.toString('latin1', 0, 8) !== MAGIC || !sha256(bytes.subarray(0, HASHED_BYTES)).equals(check))
    return undefined;
  return {
    index: bytes.readUInt32LE(8),
    firstRecord: Number(bytes.readBigUInt64LE(16)),
    createdAtMs: bytes.readDoubleLE(24),
    logId: bytes.toString('hex', 32, 48),
    previousHash: Buffer.from(bytes.subarray(48, 80)),
  };
}
