/** The log's thread: takes records out of the ring, hashes them, writes them, and puts them on disk in time. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { LogWriter } from './writer/log-writer.js';
import { readFrame } from './recorder/record-frame.js';
import { Control, FrameKind, RingReader, ThreadState, UNIT_BYTES } from './recorder/record-ring.js';
import type { WorkerReport, WorkerStart } from './recorder/worker-messages.js';

/** While records come, it looks so often, ms: waking it for each would cost the broker's thread more than the record. */
const GATHER_MS = 5;
/** Syncs in a loss window: one of them may be slow. */
const SYNCS_PER_WINDOW = 4;
/** Put on disk at once when so much of the ring waits for that. */
const HASTY_SHARE = 1 / 4;

class LogThread {
  private readonly ring: RingReader;
  private readonly control: Int32Array;
  private readonly hastyUnits: number;
  private readonly syncAfterMs: number;
  /** Of what was appended; the counters in the control block follow when it is on disk. */
  private units = 0;
  private elsewhere = 0;
  private records = 0;
  private syncedRecords = 0;
  private syncDueMs = Infinity;
  private flushed = 0;

  constructor(
    { ring, settings }: WorkerStart,
    private readonly log: LogWriter,
    private readonly port: MessagePort,
  ) {
    this.ring = new RingReader(ring);
    this.control = this.ring.control;
    this.hastyUnits = (ring.data.byteLength / UNIT_BYTES) * HASTY_SHARE;
    this.syncAfterMs = settings.lossWindowMs / SYNCS_PER_WINDOW;
  }

  run(): void {
    for (;;) {
      const stops = Atomics.load(this.control, Control.Stop) === 1;
      const flush = Atomics.load(this.control, Control.Flush);
      const came = this.drain();
      if (flush !== this.flushed || stops || performance.now() >= this.syncDueMs) this.sync();
      this.flushed = flush;
      if (stops && this.ring.isEmpty) break;
      this.rest(came);
    }
    this.log.close();
    this.report({ kind: 'closed' });
  }

  /** @returns whether there was something. */
  private drain(): boolean {
    const before = this.records;
    while (this.ring.next(this.take)) {
      this.syncDueMs = Math.min(this.syncDueMs, performance.now() + this.syncAfterMs);
      if (this.isHasty || performance.now() >= this.syncDueMs) this.sync();
    }
    this.log.write();
    return this.records !== before;
  }

  private readonly take = (memory: Buffer, offset: number, units: number): void => {
    if (memory.readUInt32LE(offset + 4) === FrameKind.Elsewhere) {
      const { message } = receiveMessageOnPort(this.port) as { message: SharedArrayBuffer };
      const own = Buffer.from(message);
      this.elsewhere += own.readUInt32LE(0);
      this.append(own, 0);
    } else this.append(memory, offset);
    this.units += units;
    this.records++;
  };

  private append(memory: Buffer, offset: number): void {
    const { header, columns } = readFrame(memory, offset);
    this.log.append(header, columns);
  }

  private get isHasty(): boolean {
    const { control, hastyUnits } = this;
    const elsewhere = (this.elsewhere - Atomics.load(control, Control.SyncedElsewhere)) >>> 0;
    return (this.units - Atomics.load(control, Control.SyncedUnits)) >>> 0 > hastyUnits || elsewhere > hastyUnits;
  }

  private sync(): void {
    this.syncDueMs = Infinity;
    if (this.records === this.syncedRecords) return;
    this.log.sync();
    this.syncedRecords = this.records;
    Atomics.store(this.control, Control.SyncedUnits, this.units | 0);
    Atomics.store(this.control, Control.SyncedElsewhere, this.elsewhere | 0);
    Atomics.store(this.control, Control.SyncedRecords, this.records | 0);
    this.report({ kind: 'synced' });
  }

  /** Until records come, a sync is due, or somebody is in haste. */
  private rest(gathers: boolean): void {
    const { control } = this;
    const bell = Atomics.load(control, Control.Bell);
    // seq-cst: pairs with the writer's load of the state after it has published a frame.
    Atomics.store(control, Control.State, gathers ? ThreadState.Gathering : ThreadState.Parked);
    const isAsked = Atomics.load(control, Control.Flush) !== this.flushed || Atomics.load(control, Control.Stop) === 1;
    if (!isAsked && (gathers || this.ring.isEmpty)) {
      const untilSyncMs = Math.max(0, this.syncDueMs - performance.now());
      Atomics.wait(control, Control.Bell, bell, gathers ? Math.min(GATHER_MS, untilSyncMs) : untilSyncMs);
    }
    Atomics.store(control, Control.State, ThreadState.Busy);
  }

  private report(report: WorkerReport): void {
    this.port.postMessage(report);
  }
}

const port = parentPort!;
try {
  const start = workerData as WorkerStart;
  const log = LogWriter.open(start.settings);
  port.postMessage({ kind: 'open' } satisfies WorkerReport);
  new LogThread(start, log, port).run();
} catch (error) {
  // The broker's thread refuses jobs from now on; what was not synced is lost, as after a crash.
  const reason = error instanceof Error ? error.message : String(error);
  port.postMessage({ kind: 'failed', reason } satisfies WorkerReport);
}
