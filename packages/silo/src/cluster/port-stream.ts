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
    const consumer = await this.join(name, subject, signal);
    if (consumer === undefined) return;
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

  /** The consumer of this name, as soon as the engine can be reached; undefined once the signal is aborted. */
  private async join(
    name: string,
    subject: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StreamConsumer | undefined> {
    while (signal?.aborted !== true) {
      const { port } = this;
      port.checkOpen();
      if (!port.connected) {
        await firstOf(signal, (wake) => port.onStateChange(wake));
        continue;
      }
      let abandoned = false;
      let joined: StreamConsumer | undefined;
      try {
        await port.request(`consume ${this.name}/${name}`, () => {
          if (!abandoned) joined = this.store.join(name, subject);
        });
        return joined;
      } catch (error) {
        // The request may have been heard, or be heard even later.
        abandoned = true;
        if (joined !== undefined) this.store.leave(joined);
        if (!GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) throw error;
      }
    }
    return undefined;
  }

  /** The next entry of the consumer; undefined once the signal is aborted. */
  private async next(
    consumer: StreamConsumer,
    { maxUnacknowledged, acknowledgeWithinMs = ACKNOWLEDGE_WITHIN_MS, signal }: ConsumeOptions,
    held: Set<StoredEntry>,
  ): Promise<Delivery | undefined> {
    while (signal?.aborted !== true) {
      const { port } = this;
      port.checkOpen();
      this.store.expire();
      const delivery = port.connected ? consumer.take(maxUnacknowledged, acknowledgeWithinMs) : undefined;
      if (delivery === undefined) {
        await firstOf(
          signal,
          (wake) => consumer.onWake(wake),
          (wake) => port.onStateChange(wake),
        );
        continue;
      }
      held.add(delivery.entry);
      const what = `${this.name}/${delivery.entry.subject}`;
      // One that got lost is delivered again when nobody acknowledges it.
      if (await port.receive(what, signal)) return delivery;
    }
    return undefined;
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

/** Resolves when one of them calls, or the signal is aborted. */
async function firstOf(
  signal: AbortSignal | undefined,
  ...starts: readonly ((wake: () => void) => () => void)[]
): Promise<void> {
  const endings: (() => void)[] = [];
  await new Promise<void>((resolve) => {
    const wake = (): void => resolve();
    signal?.addEventListener('abort', wake);
    endings.push(() => signal?.removeEventListener('abort', wake));
    for (const start of starts) endings.push(start(wake));
  });
  for (const end of endings) end();
}

export function checkCount(field: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw GpuBridgeError.invalidArgument(field, value, `a whole number of at least ${least}`);
}
