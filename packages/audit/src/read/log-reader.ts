import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { FrameLayout } from '../format/frame.js';
import { decodeRecord, headerStart } from '../format/record.js';
import type { JobRecord, LogRecord } from '../format/record.js';
import { SEGMENT_HEADER_BYTES } from '../format/segment.js';
import { HASH_BYTES, sha256 } from '../format/sha256.js';
import { SegmentFile, segmentsIn } from './segment-file.js';

/** A record and where it stands. */
export interface FoundRecord<R extends LogRecord = LogRecord> {
  /** Number in the log, from 0. */
  readonly record: number;
  /** File of its segment. */
  readonly segment: string;
  readonly header: R;
}

/** A job with what is kept of its columns, inputs first: digests, and bytes where they are stored. */
export interface StoredJob extends FoundRecord<JobRecord> {
  /** 64 hexadecimal digits; undefined where the column lies in a dataset. */
  readonly digests: readonly (string | undefined)[];
  readonly bytes: readonly (Buffer | undefined)[];
}

/**
 * The records of a log, oldest first; nothing is checked beyond what it takes to find them. A log that is being written can
 * be read: what arrived last may be missing.
 *
 * @throws GpuBridgeError `AUDIT_RECORD_INVALID` where a segment cannot be read on.
 */
export function* readLog(folder: string): Generator<FoundRecord> {
  for (const { file, record, offset, frame } of frames(folder))
    yield { record, segment: file.name, header: headerOf(file, offset, frame, record) };
}

/**
 * The record of a job, checked against its own hash.
 *
 * @throws GpuBridgeError `AUDIT_RECORD_NOT_FOUND`, `AUDIT_RECORD_INVALID`.
 */
export function readJob(folder: string, jobId: string): StoredJob {
  const start = headerStart(jobId);
  for (const { file, record, offset, frame } of frames(folder)) {
    if (file.read(offset + 16, start.length).toString('utf8') !== start) continue;
    const hash = file.hashOf(offset, frame, file.hashBefore(offset));
    if (!hash.equals(file.read(offset + frame.hashOffset, HASH_BYTES)))
      throw invalid(record, file.name, 'it is not as it was written');
    const header = headerOf(file, offset, frame, record);
    if (header.kind === 'job') return storedJob(file, offset, frame, record, header);
  }
  throw new GpuBridgeError('AUDIT_RECORD_NOT_FOUND', { jobId }, `${folder} has no record of job ${jobId}`);
}

/** Bytes of a stored column. @throws GpuBridgeError `AUDIT_RECORD_INVALID` when they do not have the digest of the column. */
export function checkedBytes(job: StoredJob, column: number): Buffer | undefined {
  const bytes = job.bytes[column];
  if (bytes === undefined || sha256(bytes).toString('hex') === job.digests[column]) return bytes;
  throw invalid(job.record, job.segment, `stored column ${column} does not have its digest`);
}

interface Frame {
  readonly file: SegmentFile;
  readonly record: number;
  readonly offset: number;
  readonly frame: FrameLayout;
}

function* frames(folder: string): Generator<Frame> {
  const segments = segmentsIn(folder);
  for (const index of segments) {
    using file = new SegmentFile(folder, index);
    const isLast = index === segments.at(-1);
    const header = file.header();
    if (header === undefined) {
      if (isLast) return;
      throw invalid(0, file.name, 'the header of its segment is not as it was written');
    }
    let record = header.firstRecord;
    for (let offset = SEGMENT_HEADER_BYTES; offset < file.sizeBytes; record++) {
      const frame = file.frameAt(offset);
      if (frame === undefined) {
        if (isLast) return;
        throw invalid(record, file.name, 'its length is not as it was written');
      }
      yield { file, record, offset, frame };
      offset += frame.totalBytes;
    }
  }
}

function headerOf(file: SegmentFile, offset: number, frame: FrameLayout, record: number): LogRecord {
  try {
    return decodeRecord(file.headerText(offset, frame));
  } catch {
    throw invalid(record, file.name, 'its header is not as it was written');
  }
}

function storedJob(
  file: SegmentFile,
  offset: number,
  { digestsOffset, blobsOffset }: FrameLayout,
  record: number,
  header: JobRecord,
): StoredJob {
  const columns = [...header.inputs, ...header.outputs];
  let blobAt = offset + blobsOffset;
  const digests = columns.map(({ dataset }, i) =>
    dataset === undefined ? file.read(offset + digestsOffset + i * HASH_BYTES, HASH_BYTES).toString('hex') : undefined,
  );
  const bytes = columns.map(({ stored, bytes: length }) => {
    if (!stored) return undefined;
    const column = Buffer.from(file.read(blobAt, length));
    blobAt += length;
    return column;
  });
  return { record, segment: file.name, header, digests, bytes };
}

function invalid(record: number, segment: string, reason: string): GpuBridgeError<'AUDIT_RECORD_INVALID'> {
  return new GpuBridgeError(
    'AUDIT_RECORD_INVALID',
    { record, segment, reason },
    `record ${record} in ${segment}: ${reason}; gpu-bridge audit verify says more`,
  );
}
