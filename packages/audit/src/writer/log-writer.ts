import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFramePrefix, frameLayout } from '../format/frame.js';
import type { FrameLayout } from '../format/frame.js';
import { encodeHead, HEAD_FILE } from '../format/head.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from '../format/segment.js';
import type { RecoveryRecord } from '../format/record.js';
import { HASH_BYTES, sha256 } from '../format/sha256.js';
import { findEnd } from './open-log.js';
import type { LogEnd } from './open-log.js';

export interface LogSettings {
  readonly folder: string;
  /** A segment that has so many bytes is ended. */
  readonly segmentBytes: number;
  /** Noted in the head, for whoever finds the log not closed. */
  readonly lossWindowMs: number;
  readonly lossWindowBytes: number;
}

/** One column of a record that is to be written. */
export interface WrittenColumn {
  readonly bytes: Uint8Array;
  readonly isStored: boolean;
  readonly hasDigest: boolean;
}

/** Records are gathered in memory up to so many bytes before they are written. */
const BATCH_BYTES = 1 << 20;

/**
 * Appends records to the log, one segment after the other, and keeps the head. Everything is synchronous: it has a thread of
 * its own. After an error it is of no use any more.
 */
export class LogWriter {
  records: number;

  private readonly logId: string;
  private segment: number;
  /** Of the segment, what is in the batch included. */
  private bytes: number;
  private fd: number | undefined;
  /** Begins with the 32 bytes before the batch, so that what a record's hash covers lies in one piece. */
  private readonly batch = Buffer.alloc(HASH_BYTES + BATCH_BYTES);
  private used = HASH_BYTES;

  private constructor(
    private readonly settings: LogSettings,
    end: LogEnd,
  ) {
    this.logId = end.logId;
    this.segment = end.segment;
    this.bytes = end.bytes;
    this.records = end.records;
    this.batch.write(end.hash, 0, 'hex');
  }

  /** Opens the log of a folder that nobody else writes. @throws Error. */
  static open(settings: LogSettings): LogWriter {
    const end = findEnd(settings.folder);
    const writer = new LogWriter(settings, end);
    if (end.recovered !== undefined) {
      const record: RecoveryRecord = { jobId: '', kind: 'recovery', atMs: Date.now(), ...end.recovered };
      writer.append(Buffer.from(JSON.stringify(record)), []);
    }
    writer.sync();
    return writer;
  }

  append(header: Uint8Array, columns: readonly WrittenColumn[]): void {
    let blobBytes = 0;
    for (const { bytes, isStored } of columns) if (isStored) blobBytes += bytes.byteLength;
    const layout = frameLayout(header.byteLength, columns.length, blobBytes);
    if (this.fd === undefined || this.bytes >= this.settings.segmentBytes) this.beginSegment();
    if (this.used + layout.totalBytes > this.batch.length) this.write();
    if (layout.totalBytes > BATCH_BYTES) this.appendLarge(layout, header, columns);
    else this.appendSmall(layout, header, columns);
    this.bytes += layout.totalBytes;
    this.records++;
  }

  /** Gives everything to the operating system: it survives the end of the process. */
  write(): void {
    if (this.used === HASH_BYTES) return;
    writeFully(this.openFile, this.batch.subarray(HASH_BYTES, this.used));
    this.batch.copyWithin(0, this.used - HASH_BYTES, this.used);
    this.used = HASH_BYTES;
  }

  /** Everything is on disk, and confirmed in the head. */
  sync(): void {
    this.write();
    if (this.fd !== undefined) fdatasyncSync(this.fd);
    this.writeHead(false);
  }

  close(): void {
    this.sync();
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.writeHead(true);
  }

  private appendSmall(layout: FrameLayout, header: Uint8Array, columns: readonly WrittenColumn[]): void {
    const { batch, used } = this;
    encodeFramePrefix(layout, batch, used);
    batch.set(header, used + layout.digestsOffset - layout.headerBytes);
    let digestAt = used + layout.digestsOffset;
    let blobAt = used + layout.blobsOffset;
    for (const column of columns) {
      batch.set(digestOf(column), digestAt);
      digestAt += HASH_BYTES;
      if (!column.isStored) continue;
      batch.set(column.bytes, blobAt);
      blobAt += column.bytes.byteLength;
    }
    const hashAt = used + layout.hashOffset;
    batch.set(sha256(batch.subarray(used - HASH_BYTES, hashAt)), hashAt);
    this.used += layout.totalBytes;
  }

  /** Written as it comes: a copy of it would take as much memory again. */
  private appendLarge(layout: FrameLayout, header: Uint8Array, columns: readonly WrittenColumn[]): void {
    const fd = this.openFile;
    const hash = createHash('sha256').update(this.batch.subarray(0, HASH_BYTES));
    const put = (bytes: Uint8Array): void => {
      hash.update(bytes);
      writeFully(fd, bytes);
    };
    const prefix = Buffer.alloc(layout.digestsOffset - layout.headerBytes);
    encodeFramePrefix(layout, prefix, 0);
    put(prefix);
    put(header);
    for (const column of columns) put(digestOf(column));
    for (const { bytes, isStored } of columns) if (isStored) put(bytes);
    const digest = hash.digest();
    writeFully(fd, digest);
    digest.copy(this.batch);
  }

  /** What is behind is confirmed first: at most one segment is not. */
  private beginSegment(): void {
    const { folder } = this.settings;
    if (this.fd !== undefined) {
      this.sync();
      closeSync(this.fd);
      this.fd = undefined;
    }
    const index = this.segment + 1;
    const fd = openSync(join(folder, segmentName(index)), 'wx', 0o600);
    const previousHash = Buffer.from(this.batch.subarray(0, HASH_BYTES));
    const header = { index, firstRecord: this.records, createdAtMs: Date.now(), logId: this.logId, previousHash };
    const bytes = encodeSegmentHeader(header);
    writeFully(fd, bytes);
    fdatasyncSync(fd);
    syncFolder(folder);
    bytes.copy(this.batch, 0, SEGMENT_HEADER_BYTES - HASH_BYTES);
    this.fd = fd;
    this.segment = index;
    this.bytes = SEGMENT_HEADER_BYTES;
    this.writeHead(false);
  }

  private get openFile(): number {
    if (this.fd === undefined) throw new Error('no segment is open');
    return this.fd;
  }

  private writeHead(closed: boolean): void {
    const { folder, lossWindowMs, lossWindowBytes } = this.settings;
    const { logId, segment, bytes, records } = this;
    const hash = this.batch.toString('hex', 0, HASH_BYTES);
    const head = { logId, segment, bytes, records, hash, closed, lossWindowMs, lossWindowBytes };
    const draft = join(folder, `${HEAD_FILE}.new`);
    const fd = openSync(draft, 'w', 0o600);
    try {
      writeFully(fd, Buffer.from(encodeHead(head)));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, join(folder, HEAD_FILE));
    syncFolder(folder);
  }
}

const NO_DIGEST = Buffer.alloc(HASH_BYTES);

function digestOf({ bytes, hasDigest }: WrittenColumn): Buffer {
  return hasDigest ? sha256(bytes) : NO_DIGEST;
}

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at, bytes.byteLength - at);
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
