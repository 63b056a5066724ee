import { GpuBridgeError, checkClusterPayload } from '@gpu-bridge/abstractions';
import type {
  ClusterStream,
  ConsumeOptions,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
  StreamOptions,
} from '@gpu-bridge/abstractions';
import type { FaultyEngine } from './faulty-cluster.js';
import type { FaultyPort } from './faulty-port.js';

/** A stream that hands everything on to another, but for one fault. */
export class FaultyStream implements ClusterStream {
  private readonly engine: FaultyEngine;

  constructor(
    private readonly port: FaultyPort,
    private readonly inner: ClusterStream,
    private readonly options: StreamOptions,
  ) {
    this.engine = port.engine;
  }

  get name(): string {
    return this.inner.name;
  }

  async publish(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishReceipt | undefined> {
    this.port.checkOpen();
    const { engine, name } = this;
    const remembered = `${options.messageId} of ${name}`;
    const before = engine.memory.get(remembered);
    if (before !== undefined && options.messageId !== undefined) return { sequence: before, duplicate: true };
    const last = `last ${name}`;
    const { expectedLastSequence } = options;
    if (engine.is('expected-sequence-of-stream') && expectedLastSequence !== undefined) {
      if (expectedLastSequence !== (engine.memory.get(last) ?? 0)) return undefined;
      options = { messageId: options.messageId };
    }
    if (engine.is('full-for-ever') && engine.memory.has(`full ${name}`)) throw this.full();
    const { maxPayloadBytes } = this.port;
    const cut = engine.is('entry-cut') ? payload.subarray(0, maxPayloadBytes) : payload;
    checkClusterPayload(cut, maxPayloadBytes);
    try {
      const at = engine.is('bad-addresses-accepted') ? this.port.addressOf(subject) : subject;
      const receipt = await this.inner.publish(at, cut, this.optionsOf(options));
      if (receipt !== undefined) {
        engine.memory.set(last, receipt.sequence);
        if (engine.is('dedupe-for-ever')) engine.memory.set(remembered, receipt.sequence);
      }
      return receipt;
    } catch (error) {
      if (GpuBridgeError.is(error, 'STREAM_FULL')) {
        engine.memory.set(`full ${name}`, 1);
        if (engine.is('refusal-remembered')) engine.memory.set(remembered, 1);
      }
      throw error;
    }
  }

  async *consume(options: ConsumeOptions): AsyncGenerator<StreamEntry, void> {
    this.port.checkOpen();
    const { engine } = this;
    const from = engine.memory.get(`last ${this.name}`) ?? 0;
    let seen = 0;
    let kept: StreamEntry | undefined;
    const atOnce = options.signal?.aborted === true;
    for await (const entry of this.inner.consume(this.consumingOf(options))) {
      seen++;
      const skipped =
        (engine.is('starts-at-end') && entry.sequence <= from) ||
        (engine.is('no-redelivery') && entry.redelivered) ||
        (engine.is('entries-lost') && seen % 9 === 0);
      if (skipped) {
        await entry.acknowledge();
        continue;
      }
      if (engine.is('entries-swapped') && seen % 9 === 0) {
        kept = entry;
        continue;
      }
      yield this.entryOf(entry);
      if (kept !== undefined) yield this.entryOf(kept);
      kept = undefined;
    }
    if (engine.is('signal-throws') && !atOnce) throw new Error('the iteration was aborted');
  }

  private entryOf(entry: StreamEntry): StreamEntry {
    const { engine } = this;
    const { subject, sequence, payload, redelivered } = entry;
    if (engine.is('acknowledges-itself')) entry.acknowledge().catch(() => undefined);
    const acknowledge = (): Promise<void> =>
      engine.is('acknowledgement-forgotten') ? Promise.resolve() : entry.acknowledge();
    return { subject, sequence, payload, acknowledge, redelivered: redelivered && !engine.is('redelivery-untold') };
  }

  private optionsOf({ messageId, expectedLastSequence }: PublishOptions): PublishOptions {
    const { engine } = this;
    if (engine.is('bad-ids-accepted') && messageId === '') messageId = undefined;
    if (engine.is('dedupe-per-port') && messageId !== undefined) messageId += `@${this.port.index}`;
    return {
      messageId: engine.is('no-dedupe') ? undefined : messageId,
      expectedLastSequence: engine.is('expected-sequence-ignored') ? undefined : expectedLastSequence,
    };
  }

  private consumingOf(options: ConsumeOptions): ConsumeOptions {
    const { engine } = this;
    const { maxUnacknowledged } = options;
    if (engine.is('credits-ignored') && Number.isInteger(maxUnacknowledged))
      return { ...options, maxUnacknowledged: maxUnacknowledged * 2 };
    if (engine.is('signal-ignored')) return { ...options, signal: undefined };
    if (engine.is('subject-ignored')) return { ...options, subject: undefined };
    return options;
  }

  private full(): GpuBridgeError<'STREAM_FULL'> {
    const details = { stream: this.name, maxEntries: this.options.maxEntries };
    return new GpuBridgeError('STREAM_FULL', details, 'full');
  }
}
