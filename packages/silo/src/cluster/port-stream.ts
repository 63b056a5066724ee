import { GpuBridgeError, checkClusterAddress, checkClusterName, checkClusterPayload } from '@gpu-bridge/abstractions';
import type {
  ClusterStream,
  ConsumeOptions,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
} from '@gpu-bridge/abstractions';
import type { StoredEntry } from './entry-log.js';
import type { InProcessPort } from './in-process-port.js';
import type { Delivery, StreamConsumer } from './stream-consumer.js';
import type { StreamStore } from './stream-store.js';

const ACKNOWLEDGE_WITHIN_MS = 30_000;

/** A stream as one port reaches it. */
export class PortStream implements ClusterStream {
  constructor(
    private readonly port: InProcessPort,
    private readonly store: StreamStore,
  ) {}

  get name(): string {
    return this.store.name;
  }

  async publish(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishReceipt | undefined> {
    checkClusterAddress(subject, 'subject');
    checkClusterPayload(payload, this.port.maxPayloadBytes);
    const { messageId, expectedLastSequence } = options;
    if (messageId === '') throw GpuBridgeError.invalidArgument('messageId', messageId, 'a text that is not empty');
    if (expectedLastSequence !== undefined) checkCount('expectedLastSequence', expectedLastSequence, 0);
    const kept = payload.slice(); // the caller may change its array again as soon as the call returns
    return this.port.request(`publish ${this.name}/${subject}`, () => this.store.publish(subject, kept, options));
  }

  async *consume(options: ConsumeOptions): AsyncGenerator<StreamEntry, void> {
    const { consumer: name, subject, maxUnacknowledged, signal } = options;
    checkClusterName(name, 'consumer');
    if (subject !== undefined) checkClusterAddress(subject, 'subject');
    checkCount('maxUnacknowledged', maxUnacknowledged, 1);
    if (signal?.aborted === true) return;
    const consumer = await this.port.request(`consume ${this.name}/${name}`, () => this.store.join(name, subject));
    const held = new Set<StoredEntry>();
    try {
      for (;;) {
        const delivery = await this.next(consumer, options, held);
        if (delivery === undefined) return;
        yield this.entryOf(delivery, held);
      }
    } finally {
      this.release(consumer, held);
    }
  }

  /** The next entry of the consumer; undefined once the signal is aborted. */
  private async next(
    consumer: StreamConsumer,
    { maxUnacknowledged, acknowledgeWithinMs = ACKNOWLEDGE_WITHIN_MS, signal }: ConsumeOptions,
    held: Set<StoredEntry>,
  ): Promise<Delivery | undefined> {
    while (signal?.aborted !== true) {
      this.port.checkOpen();
      this.store.expire();
      const delivery = this.port.connected ? consumer.take(maxUnacknowledged, acknowledgeWithinMs) : undefined;
      if (delivery === undefined) {
        await this.wake(consumer, signal);
        continue;
      }
      held.add(delivery.entry);
      const what = `${this.name}/${delivery.entry.subject}`;
      // One that got lost is delivered again when nobody acknowledges it.
      if (await this.port.receive(what, signal)) return delivery;
    }
    return undefined;
  }

  /** Resolves when there may be something to take, or a reason to take no more. */
  private async wake(consumer: StreamConsumer, signal: AbortSignal | undefined): Promise<void> {
    const endings: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      const wake = (): void => resolve();
      signal?.addEventListener('abort', wake);
      endings.push(() => signal?.removeEventListener('abort', wake));
      endings.push(consumer.onWake(wake), this.port.onStateChange(wake));
    });
    for (const end of endings) end();
  }

  private entryOf({ entry, redelivered }: Delivery, held: Set<StoredEntry>): StreamEntry {
    const { subject, sequence, payload } = entry;
    return {
      subject,
      sequence,
      payload: payload.slice(),
      redelivered,
      acknowledge: async () => {
        const what = `acknowledge ${this.name}/${subject}`;
        await this.port.request(what, () => this.store.acknowledge(entry));
        held.delete(entry);
      },
    };
  }

  /** Leaves to the next iteration what this one did not acknowledge; without a connection, time does. */
  private release(consumer: StreamConsumer, held: Set<StoredEntry>): void {
    this.port
      .request(`release ${this.name}/${consumer.name}`, () => consumer.release(held))
      .catch(() => undefined)
      .finally(() => this.store.leave(consumer));
  }
}

export function checkCount(field: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw GpuBridgeError.invalidArgument(field, value, `a whole number of at least ${least}`);
}
