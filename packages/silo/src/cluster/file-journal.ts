import { mkdir, open, realpath, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Logger } from '@gpu-bridge/abstractions';
import { FolderLock } from './folder-lock.js';
import { MAGIC, encodeFrame, readFrames } from './journal-frames.js';
import type { Journal } from './journal.js';
import { decodeRecords, encodeRecord } from './journal-record.js';
import type { JournalRecord } from './journal-record.js';

const COMPACT_ABOVE_BYTES = 4 * 2 ** 20;
/** Of a snapshot; a frame is checked and decoded as one. */
const FRAME_BYTES = 2 ** 20;

interface FileJournalServices {
  readonly logger: Logger;
  /** Takes over one record, in the order written. */
  readonly replay: (record: JournalRecord) => void;
  /** The state that all records together stand for. */
  readonly snapshot: () => Iterable<JournalRecord>;
  /** Nothing can be stored any more. */
  readonly onFailure: (reason: string) => void;
}

/** Records that are written together, and who waits for them. */
interface Batch {
  readonly records: Uint8Array[];
  readonly callbacks: (() => void)[];
}

/**
 * An append-only log, `cluster.log`. What is appended while a batch is being written and synchronised goes into the next
 * one, so that many callers share one fsync. When the log has doubled it is replaced by a snapshot, written aside and
 * renamed. A crash leaves at most one frame torn, the last; it is cut off.
 */
export class FileJournal implements Journal {
  private next: Batch = { records: [], callbacks: [] };
  private writing: Batch | undefined;
  private running: Promise<void> | undefined;
  private failed = false;
  private closed: Promise<void> | undefined;
  private compactAbove = COMPACT_ABOVE_BYTES;

  private constructor(
    private readonly folder: string,
    private readonly lock: FolderLock,
    private file: FileHandle,
    private sizeBytes: number,
    private readonly services: FileJournalServices,
  ) {}

  /** @throws GpuBridgeError `CLUSTER_UNAVAILABLE` when another process has the folder, or its log cannot be read. */
  static async open(folder: string, services: FileJournalServices): Promise<FileJournal> {
    let lock: FolderLock | undefined;
    let file: FileHandle | undefined;
    try {
      await mkdir(folder, { recursive: true });
      const real = await realpath(folder);
      lock = await FolderLock.acquire(real);
      // Appending keeps to the end of the file also after it was cut.
      file = await open(join(real, 'cluster.log'), 'a+');
      const sizeBytes = await restore(file, real, services);
      return new FileJournal(real, lock, file, sizeBytes, services);
    } catch (error) {
      await file?.close();
      await lock?.release();
      const reason = `cannot open folder ${folder}: ${reasonOf(error)}`;
      throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'in-process', reason }, reason, { cause: error });
    }
  }

  append(record: JournalRecord): void {
    this.next.records.push(encodeRecord(record));
    this.running ??= this.run();
  }

  whenStored(callback: () => void): void {
    if (this.failed) return;
    if (this.next.records.length > 0) this.next.callbacks.push(callback);
    else if (this.writing !== undefined) this.writing.callbacks.push(callback);
    else callback();
  }

  close(): Promise<void> {
    this.closed ??= this.end();
    return this.closed;
  }

  private async end(): Promise<void> {
    await this.running;
    await this.file.close();
    await this.lock.release();
  }

  /** Writes batches until there are none. */
  private async run(): Promise<void> {
    // What the rest of this tick appends goes along.
    await Promise.resolve();
    while (this.next.records.length > 0 && !this.failed) {
      const batch = this.next;
      this.writing = batch;
      this.next = { records: [], callbacks: [] };
      try {
        await this.store(batch);
      } catch (error) {
        this.failed = true;
        const reason = `cannot write to folder ${this.folder}: ${reasonOf(error)}`;
        this.services.logger.error(reason, { error });
        this.services.onFailure(reason);
        break;
      }
      // Whoever asks from within these sees the batch as stored.
      this.writing = undefined;
      for (const callback of batch.callbacks) callback();
    }
    this.writing = undefined;
    this.running = undefined;
  }

  private async store(batch: Batch): Promise<void> {
    const frame = encodeFrame(batch.records);
    if (this.sizeBytes + frame.byteLength > this.compactAbove) {
      const frames = [...snapshotFrames(this.services.snapshot())];
      // It holds what the batch says, and also what was appended after it.
      batch.callbacks.push(...this.next.callbacks);
      this.next = { records: [], callbacks: [] };
      return this.replace(frames);
    }
    await this.file.appendFile(frame);
    await this.file.datasync();
    this.sizeBytes += frame.byteLength;
  }

  private async replace(frames: readonly Uint8Array[]): Promise<void> {
    const path = join(this.folder, 'cluster.log');
    const replacement = await open(`${path}.new`, 'w');
    try {
      for (const frame of frames) await replacement.appendFile(frame);
      await replacement.sync();
    } finally {
      await replacement.close();
    }
    await rename(`${path}.new`, path);
    await syncFolder(this.folder);
    await this.file.close();
    this.file = await open(path, 'a+');
    this.sizeBytes = frames.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.compactAbove = Math.max(COMPACT_ABOVE_BYTES, 2 * this.sizeBytes);
  }
}

/** @returns how long the log is, without what was cut off. */
async function restore(file: FileHandle, folder: string, services: FileJournalServices): Promise<number> {
  const bytes = await file.readFile();
  if (bytes.byteLength < MAGIC.byteLength) {
    await file.truncate(0);
    await file.appendFile(MAGIC);
    await file.sync();
    await syncFolder(folder);
    return MAGIC.byteLength;
  }
  const { frames, endsAt } = readFrames(bytes);
  for (const frame of frames) for (const record of decodeRecords(frame)) services.replay(record);
  if (endsAt < bytes.byteLength) {
    const cutBytes = bytes.byteLength - endsAt;
    services.logger.warn('the log of the cluster ended in the middle of a write, which was never acknowledged', {
      folder,
      cutBytes,
    });
    await file.truncate(endsAt);
    await file.sync();
  }
  return endsAt;
}

function* snapshotFrames(records: Iterable<JournalRecord>): Generator<Uint8Array> {
  yield MAGIC;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for (const record of records) {
    const encoded = encodeRecord(record);
    held.push(encoded);
    heldBytes += encoded.byteLength;
    if (heldBytes < FRAME_BYTES) continue;
    yield encodeFrame(held);
    [held, heldBytes] = [[], 0];
  }
  if (held.length > 0) yield encodeFrame(held);
}

/** So that a new name in it survives a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
