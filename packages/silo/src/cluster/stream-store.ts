import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, PublishOptions, PublishReceipt } from '@gpu-bridge/abstractions';
import { EntryLog } from './entry-log.js';
import type { StoredEntry } from './entry-log.js';
import type { Journal } from './journal.js';
import type { JournalRecord, ResolvedStreamOptions } from './journal-record.js';
import { StreamConsumer } from './stream-consumer.js';

interface Published {
  readonly sequence: number;
  readonly atMs: number;
}

interface StreamServices {
  readonly clock: Clock;
  readonly journal: Journal;
}

type StreamRecord = JournalRecord & { readonly kind: 'stream' | 'entry' | 'message-id' | 'acknowledgement' };

/** The entries of one stream as the engine has them; ports work on it through requests. */
export class StreamStore {
  private readonly all = new EntryLog();
  private readonly bySubject = new Map<string, EntryLog>();
  private readonly consumers = new Map<string, StreamConsumer>();
  /** In order of publication, which is that of forgetting. */
  private readonly messageIds = new Map<string, Published>();
  private sequence = 0;
  private restoredUpTo = 0;

  constructor(
    readonly name: string,
    readonly options: ResolvedStreamOptions,
    private readonly services: StreamServices,
  ) {}

  /**
   * @param payload - taken over.
   * @throws GpuBridgeError `STREAM_FULL`
   */
  publish(subject: string, payload: Uint8Array, options: PublishOptions): PublishReceipt | undefined {
    this.expire();
    const { messageId, expectedLastSequence } = options;
    const before = messageId === undefined ? undefined : this.messageIds.get(messageId);
    if (before !== undefined) return { sequence: before.sequence, duplicate: true };
    const last = this.bySubject.get(subject)?.last()?.sequence ?? 0;
    if (expectedLastSequence !== undefined && expectedLastSequence !== last) return undefined;
    const { maxEntries } = this.options;
    if (this.all.size >= maxEntries) {
      const details = { stream: this.name, maxEntries };
      throw new GpuBridgeError('STREAM_FULL', details, `stream ${this.name} holds its ${maxEntries} entries`);
    }
    const { clock, journal } = this.services;
    const [sequence, publishedAtMs, wallMs] = [++this.sequence, clock.nowMs(), clock.wallMs()];
    const entry = { subject, sequence, payload, publishedAtMs, stored: false, gone: false };
    this.append(entry);
    journal.append({ kind: 'entry', stream: this.name, sequence, subject, payload, wallMs });
    if (messageId !== undefined) {
      this.messageIds.set(messageId, { sequence, atMs: publishedAtMs });
      journal.append({ kind: 'message-id', stream: this.name, messageId, sequence, wallMs });
    }
    journal.whenStored(() => {
      entry.stored = true;
      this.wake(subject);
    });
    return { sequence, duplicate: false };
  }

  acknowledge(entry: StoredEntry): void {
    this.expire();
    if (entry.gone) return;
    this.remove(entry);
    this.services.journal.append({ kind: 'acknowledgement', stream: this.name, sequence: entry.sequence });
  }

  /**
   * The consumer of this name, for one more iteration.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` when another consumer has the subject, or this one another.
   */
  join(name: string, subject: string | undefined): StreamConsumer {
    let consumer = this.consumers.get(name);
    if (consumer === undefined || consumer.subject !== subject) {
      for (const other of this.consumers.values()) {
        if (other !== consumer && !overlap(other.subject, subject)) continue;
        const expected = `none of consumer ${other.name}, which has ${other.subject ?? 'all'}`;
        throw GpuBridgeError.invalidArgument('subject', subject, expected);
      }
      const log = subject === undefined ? this.all : this.logOf(subject);
      consumer = new StreamConsumer(name, subject, log, this.services.clock, this.restoredUpTo);
      this.consumers.set(name, consumer);
    }
    consumer.iterations++;
    return consumer;
  }

  /** An iteration has ended. What the last one holds nobody can have any more: its port may be closed, and did not give it back. */
  leave(consumer: StreamConsumer): void {
    consumer.iterations--;
    if (consumer.iterations === 0) consumer.releaseAll();
    this.forgetConsumer(consumer);
  }

  /** Lets go of what is too old; to be called before entries are taken. */
  expire(): void {
    const { expireAfterMs = Number.POSITIVE_INFINITY, dedupeWindowMs } = this.options;
    const now = this.services.clock.nowMs();
    for (let first = this.all.first(); first !== undefined; first = this.all.first()) {
      if (now - first.publishedAtMs < expireAfterMs) break;
      this.remove(first);
    }
    for (const [messageId, { atMs }] of this.messageIds) {
      if (now - atMs < dedupeWindowMs) break;
      this.messageIds.delete(messageId);
    }
  }

  /** Takes over what a journal holds. */
  replay(record: StreamRecord): void {
    this.sequence = Math.max(this.sequence, record.sequence);
    switch (record.kind) {
      case 'stream':
        return;
      case 'entry': {
        const { subject, sequence, payload, wallMs } = record;
        const publishedAtMs = this.monotonic(wallMs);
        this.append({ subject, sequence, payload, publishedAtMs, stored: true, gone: false });
        this.restoredUpTo = sequence;
        return;
      }
      case 'message-id':
        this.messageIds.set(record.messageId, { sequence: record.sequence, atMs: this.monotonic(record.wallMs) });
        return;
      case 'acknowledgement': {
        const entry = this.all.after(record.sequence - 1);
        if (entry?.sequence === record.sequence) this.remove(entry);
      }
    }
  }

  *snapshot(): Generator<JournalRecord> {
    this.expire();
    const stream = this.name;
    yield { kind: 'stream', stream, options: this.options, sequence: this.sequence };
    for (const { sequence, subject, payload, publishedAtMs } of this.all) {
      yield { kind: 'entry', stream, sequence, subject, payload, wallMs: this.wall(publishedAtMs) };
    }
    for (const [messageId, { sequence, atMs }] of this.messageIds) {
      yield { kind: 'message-id', stream, messageId, sequence, wallMs: this.wall(atMs) };
    }
  }

  private append(entry: StoredEntry): void {
    this.all.append(entry);
    this.logOf(entry.subject).append(entry);
  }

  private remove(entry: StoredEntry): void {
    entry.gone = true;
    this.all.removed();
    this.logOf(entry.subject).removed();
    for (const consumer of this.consumers.values()) {
      if (!overlap(consumer.subject, entry.subject)) continue;
      consumer.forget(entry);
      this.forgetConsumer(consumer);
    }
    this.forgetSubject(entry.subject);
  }

  private wake(subject: string): void {
    for (const consumer of this.consumers.values()) if (overlap(consumer.subject, subject)) consumer.wake();
  }

  private logOf(subject: string): EntryLog {
    let log = this.bySubject.get(subject);
    if (log === undefined) {
      log = new EntryLog();
      this.bySubject.set(subject, log);
    }
    return log;
  }

  /** One that nobody uses and that holds nothing starts anew as well from the entries that are kept. */
  private forgetConsumer(consumer: StreamConsumer): void {
    if (consumer.iterations > 0 || !consumer.idle) return;
    this.consumers.delete(consumer.name);
    if (consumer.subject !== undefined) this.forgetSubject(consumer.subject);
  }

  /** Subjects come and go with grains; the log of one that a consumer holds stays. */
  private forgetSubject(subject: string): void {
    if (this.bySubject.get(subject)?.size !== 0) return;
    for (const consumer of this.consumers.values()) if (consumer.subject === subject) return;
    this.bySubject.delete(subject);
  }

  /** A time of day on the clock of this process; one in the future, after the clock was set back, is now. */
  private monotonic(wallMs: number): number {
    const { clock } = this.services;
    return clock.nowMs() - Math.max(0, clock.wallMs() - wallMs);
  }

  private wall(atMs: number): number {
    const { clock } = this.services;
    return clock.wallMs() - (clock.nowMs() - atMs);
  }
}

function overlap(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}
