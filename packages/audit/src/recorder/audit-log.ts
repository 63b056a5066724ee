import { mkdirSync } from 'node:fs';
import { resolve as absolute } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GpuBridgeError, LifecycleStage } from '@gpu-bridge/abstractions';
import type {
  AuditInfo,
  AuditPolicy,
  Clock,
  EndedJob,
  JobRecorder,
  KernelDescriptor,
  LifecycleParticipant,
  Logger,
} from '@gpu-bridge/abstractions';
import type { ResolvedAuditOptions } from '../options.js';
import { FolderLock } from './folder-lock.js';
import { RecordFrame } from './record-frame.js';
import { Control, createRing, FrameKind, RingWriter, UNIT_BYTES } from './record-ring.js';
import { RoomLedger } from './room-ledger.js';
import type { WorkerReport, WorkerStart } from './worker-messages.js';

/** Who waits until a record is on disk. */
interface Flush {
  readonly record: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const MIB = 2 ** 20;

/**
 * Records jobs in a folder. Here a record is put together and copied into the ring; hashing, writing and syncing are the
 * thread's. A record that was made is written: jobs are refused while there is no room for theirs, and for good when the
 * disk fails.
 */
export class AuditLog implements JobRecorder, LifecycleParticipant {
  readonly name = 'audit log';
  readonly stage = LifecycleStage.Audit;

  private readonly ring: RingWriter;
  private readonly ledger: RoomLedger;
  private readonly setting: WorkerStart;
  private lock: FolderLock | undefined;
  private worker: Worker | undefined;
  private unavailable: string | undefined = 'the log is not open';
  private failure: string | undefined;
  private lostRecords = 0;
  private flushes: Flush[] = [];
  private isClosed = false;
  /** Resolves when the thread has ended. */
  private exited: Promise<void> | undefined;
  private isHeld = false;
  private isStopping = false;

  constructor(
    private readonly options: ResolvedAuditOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    const { bufferMiB, lossWindowMs, segmentMiB } = options;
    const lossWindowBytes = bufferMiB * MIB;
    const ring = createRing(lossWindowBytes);
    const folder = absolute(options.folder);
    this.setting = { ring, settings: { folder, segmentBytes: segmentMiB * MIB, lossWindowMs, lossWindowBytes } };
    this.ring = new RingWriter(ring);
    this.ledger = new RoomLedger(this.ring.control, lossWindowBytes, lossWindowMs);
  }

  /** Opens the log. @throws GpuBridgeError `AUDIT_UNAVAILABLE` when another process has it, or it is damaged. */
  async start(): Promise<void> {
    this.lockFolder();
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'gpu-bridge audit',
      workerData: this.setting,
      // Loader flags of the host (test runners, coverage) must not reach the thread.
      execArgv: [],
    });
    this.worker = worker;
    worker.on('message', (report: WorkerReport) => this.hear(report));
    worker.on('error', (error) => this.fail(error.message));
    this.exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.ended(code);
        resolve();
      });
    });
    await Promise.race([new Promise((resolve) => worker.once('message', resolve)), this.exited]);
    if (this.failure === undefined) return;
    await this.exited;
    throw this.error(this.failure);
  }

  /** Puts everything on disk and closes the log. */
  async stop(): Promise<void> {
    this.unavailable ??= 'the log is closed';
    this.hold(true);
    this.isStopping = true;
    Atomics.store(this.ring.control, Control.Stop, 1);
    this.ring.ring();
    await this.exited;
    this.settleFlushes();
  }

  policyOf({ name }: KernelDescriptor): AuditPolicy {
    return this.options.kernels[name] ?? this.options.policy;
  }

  reserve(columnBytes: number): boolean {
    if (this.unavailable !== undefined) throw this.error(this.unavailable);
    return this.ledger.reserve(columnBytes, this.clock.nowMs());
  }

  record(job: EndedJob, reservedBytes: number): void {
    if (this.unavailable !== undefined) {
      this.lose(job, reservedBytes);
      return;
    }
    this.hold(true);
    const frame = new RecordFrame(job, this.policyOf(job.kernel));
    if (this.ledger.settle(reservedBytes, frame.units, this.clock.nowMs()) === 'ring') {
      this.ring.write(frame.units, (memory, offset) => frame.fill(memory, offset));
      return;
    }
    const own = this.ownMemory(frame);
    if (own === undefined) return;
    this.worker!.postMessage(own);
    this.ring.write(1, (memory, offset) => {
      memory.writeUInt32LE(1, offset);
      memory.writeUInt32LE(FrameKind.Elsewhere, offset + 4);
    });
  }

  /** For a record that does not go through the ring. Without it nobody could tell which record is missing: that ends the log. */
  private ownMemory(frame: RecordFrame): SharedArrayBuffer | undefined {
    try {
      const own = new SharedArrayBuffer(frame.units * UNIT_BYTES);
      frame.fill(Buffer.from(own), 0);
      return own;
    } catch (error) {
      this.fail(`no memory for a record of ${frame.units * UNIT_BYTES} bytes: ${(error as Error).message}`);
      return undefined;
    }
  }

  flush(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.error(this.failure));
    this.ledger.refresh();
    if (this.ledger.pendingRecords === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.flushes.push({ record: this.ledger.recordedRecords, resolve, reject });
      Atomics.add(this.ring.control, Control.Flush, 1);
      this.ring.ring();
    });
  }

  getInfo(): AuditInfo {
    const { ledger, lostRecords, failure: failed } = this;
    ledger.refresh();
    const { pendingRecords, pendingBytes, syncedRecords: writtenRecords } = ledger;
    return { folder: this.setting.settings.folder, writtenRecords, pendingRecords, pendingBytes, failed, lostRecords };
  }

  private lockFolder(): void {
    const { folder } = this.setting.settings;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.lock = FolderLock.acquire(folder);
    } catch (error) {
      throw this.error((error as Error).message);
    }
  }

  private hear(report: WorkerReport): void {
    switch (report.kind) {
      case 'open':
        this.unavailable = undefined;
        this.worker?.unref();
        return;
      case 'synced':
        this.settleFlushes();
        if (this.ledger.pendingRecords === 0) this.hold(false);
        return;
      case 'failed':
        this.fail(report.reason);
        return;
      case 'closed':
        this.isClosed = true;
    }
  }

  private ended(code: number): void {
    this.worker = undefined;
    this.lock?.release();
    if (!this.isClosed) this.fail(`the log's thread ended with code ${code}`);
  }

  /** Nothing can be recorded any more. */
  private fail(reason: string): void {
    if (this.failure !== undefined) return;
    this.failure = reason;
    this.unavailable = reason;
    this.ledger.refresh();
    const { pendingRecords } = this.ledger;
    this.lostRecords += pendingRecords;
    this.logger.error('the audit log has failed; jobs of audited kernels are refused', {
      ...{ folder: this.options.folder, reason, lostRecords: pendingRecords },
    });
    for (const { reject } of this.flushes.splice(0)) reject(this.error(reason));
    this.hold(false);
  }

  private lose({ result: { jobId, tenant } }: EndedJob, reservedBytes: number): void {
    this.ledger.forget(reservedBytes);
    this.lostRecords++;
    this.logger.error('a job ended without a record, because the audit log has failed', { jobId, tenant });
  }

  private settleFlushes(): void {
    this.ledger.refresh();
    const { syncedRecords } = this.ledger;
    const done = this.flushes.filter(({ record }) => record <= syncedRecords);
    this.flushes = this.flushes.filter(({ record }) => record > syncedRecords);
    for (const { resolve } of done) resolve();
  }

  /** While something is not on disk, and during the stop, the process does not end by itself. */
  private hold(holds: boolean): void {
    if (holds === this.isHeld || this.isStopping) return;
    this.isHeld = holds;
    if (holds) this.worker?.ref();
    else this.worker?.unref();
  }

  private error(reason: string): GpuBridgeError<'AUDIT_UNAVAILABLE'> {
    const { folder } = this.setting.settings;
    return new GpuBridgeError(
      'AUDIT_UNAVAILABLE',
      { folder, reason },
      `jobs cannot be recorded in ${folder}: ${reason}`,
    );
  }
}
