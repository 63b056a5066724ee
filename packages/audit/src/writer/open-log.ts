import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeHead, HEAD_FILE } from '../format/head.js';
import type { LogHead } from '../format/head.js';
import type { RecoveryRecord } from '../format/record.js';
import { SEGMENT_HEADER_BYTES } from '../format/segment.js';
import { HASH_BYTES } from '../format/sha256.js';
import { SegmentFile, segmentsIn } from '../read/segment-file.js';

/** Where a log goes on. */
export interface LogEnd extends Omit<LogHead, 'closed' | 'lossWindowMs' | 'lossWindowBytes'> {
  /** What was found behind the head, when the last writer had not closed the log. */
  readonly recovered: Omit<RecoveryRecord, 'jobId' | 'kind' | 'atMs'> | undefined;
}

/**
 * Finds the end of the log in a folder. Behind a writer that did not close it, records that arrived whole are kept, and the
 * torn one behind them is cut off.
 *
 * @throws Error when what the head names is not there: then the log was tampered with, or restored in part.
 */
export function findEnd(folder: string): LogEnd {
  const segments = segmentsIn(folder);
  const path = join(folder, HEAD_FILE);
  if (!existsSync(path)) {
    if (segments.length > 0) throw damaged(`there are segments, but no ${HEAD_FILE}`);
    const logId = randomBytes(16).toString('hex');
    const hash = Buffer.alloc(HASH_BYTES).toString('hex');
    return { logId, segment: -1, bytes: 0, records: 0, hash, recovered: undefined };
  }
  const head = decodeHead(readFileSync(path, 'utf8'));
  if (head === undefined) throw damaged(`${HEAD_FILE} is not as it was written`);
  checkHead(folder, head, segments);
  if (head.closed) return { ...head, recovered: undefined };
  return recover(folder, head, segments);
}

function checkHead(folder: string, head: LogHead, segments: readonly number[]): void {
  const last = segments.at(-1) ?? -1;
  if (last < head.segment) throw damaged(`segment ${head.segment} is missing`);
  // A writer makes the next segment after it has confirmed the one before.
  if (last > head.segment + (head.closed ? 0 : 1)) throw damaged(`segment ${last} is behind the end of the log`);
  if (head.segment < 0) return;
  using file = new SegmentFile(folder, head.segment);
  if (file.sizeBytes < head.bytes || file.hashBefore(head.bytes).toString('hex') !== head.hash)
    throw damaged(`records before number ${head.records} are missing or changed`);
  if (head.closed && file.sizeBytes > head.bytes) throw damaged('there are bytes behind its end');
}

/** Walks over what came after the head. */
function recover(folder: string, head: LogHead, segments: readonly number[]): LogEnd {
  let { segment, bytes, records, hash } = head;
  let tornBytes = 0;
  for (const index of segments.filter((candidate) => candidate >= Math.max(0, head.segment))) {
    using file = new SegmentFile(folder, index);
    if (index > segment) {
      const header = file.header();
      if (header === undefined && file.sizeBytes <= SEGMENT_HEADER_BYTES) {
        // It was being made and has no record yet.
        tornBytes += file.sizeBytes;
        rmSync(join(folder, file.name));
        break;
      }
      if (header?.previousHash.toString('hex') !== hash) throw damaged(`segment ${index} does not follow`);
      segment = index;
      bytes = SEGMENT_HEADER_BYTES;
      hash = file.hashBefore(bytes).toString('hex');
    }
    for (let frame = file.frameAt(bytes); frame !== undefined; frame = file.frameAt(bytes)) {
      const found = file.hashOf(bytes, frame, file.hashBefore(bytes));
      if (!found.equals(file.read(bytes + frame.hashOffset, HASH_BYTES))) break;
      bytes += frame.totalBytes;
      hash = found.toString('hex');
      records++;
    }
    if (file.sizeBytes > bytes) {
      tornBytes += file.sizeBytes - bytes;
      cut(folder, file.name, bytes);
    }
  }
  const { logId, lossWindowMs, lossWindowBytes } = head;
  const recovered = { keptRecords: records - head.records, tornBytes, lossWindowMs, lossWindowBytes };
  return { logId, segment, bytes, records, hash, recovered };
}

function cut(folder: string, name: string, bytes: number): void {
  const fd = openSync(join(folder, name), 'r+');
  try {
    ftruncateSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function damaged(reason: string): Error {
  return new Error(`the log is damaged: ${reason}; see gpu-bridge audit verify, and begin a new log in another folder`);
}
