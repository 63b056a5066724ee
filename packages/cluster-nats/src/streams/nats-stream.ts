import type {
  ClusterStream,
  ConsumeOptions,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
} from '@gpu-bridge/abstractions';
import { GpuBridgeError, checkClusterAddress, checkClusterName, checkClusterPayload } from '@gpu-bridge/abstractions';
import { JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { ConditionalWriter } from '../connection/conditional-writer.js';
import type { NatsLink } from '../connection/nats-link.js';
import type { Place } from '../naming/names.js';
import { StreamConsumer } from './stream-consumer.js';

/** "stream store failed"; the text says of what. */
const STORE_FAILED = 10_077;

/** A stream is a JetStream stream whose entries go when they are acknowledged (work queue) and which refuses when it is full. */
export class NatsStream implements ClusterStream {
  private readonly writer: ConditionalWriter;

  constructor(
    private readonly link: NatsLink,
    readonly name: string,
    private readonly place: Place,
    private readonly maxEntries: number,
    /** Ends every iteration. */
    private readonly closing: AbortSignal,
  ) {
    this.writer = new ConditionalWriter(link);
  }

  async publish(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishReceipt | undefined> {
    checkClusterAddress(subject, 'subject');
    checkClusterPayload(payload, this.link.maxPayloadBytes);
    const { messageId, expectedLastSequence } = options;
    const fields = headers();
    if (messageId !== undefined) fields.set('Nats-Msg-Id', checkedId(messageId));
    if (expectedLastSequence !== undefined) atLeast(0, 'options.expectedLastSequence', expectedLastSequence);
    const what = `append to ${this.name}`;
    try {
      const written = await this.writer.write(what, this.place.prefix + subject, payload, fields, expectedLastSequence);
      return 'sequence' in written ? written : undefined;
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const isFull = cause instanceof JetStreamApiError && cause.code === STORE_FAILED;
      throw isFull && cause.message.includes('maximum messages') ? this.full() : error;
    }
  }

  async *consume(options: ConsumeOptions): AsyncGenerator<StreamEntry, void, undefined> {
    const { consumer, subject, maxUnacknowledged, acknowledgeWithinMs = 30_000, signal } = options;
    checkClusterName(consumer, 'options.consumer');
    if (subject !== undefined) checkClusterAddress(subject, 'options.subject');
    atLeast(1, 'options.maxUnacknowledged', maxUnacknowledged);
    atLeast(1, 'options.acknowledgeWithinMs', acknowledgeWithinMs);
    const { link, name, place, closing } = this;
    const settings = { name, ...place, consumer, subject, maxUnacknowledged, acknowledgeWithinMs };
    yield* new StreamConsumer(link, settings).entries(closing, signal);
  }

  private full(): GpuBridgeError<'STREAM_FULL'> {
    const { name, maxEntries } = this;
    return new GpuBridgeError('STREAM_FULL', { stream: name, maxEntries }, `${name} has its ${maxEntries} entries`);
  }
}

/** A header has no room for lines, and loses outer spaces. */
function checkedId(messageId: string): string {
  const isGood = typeof messageId === 'string' && messageId.length <= 256 && /^[^\p{Cc}]+$/u.test(messageId);
  if (isGood && messageId === messageId.trim()) return messageId;
  const expected = '1 … 256 characters, no control characters and no space at either end';
  throw GpuBridgeError.invalidArgument('options.messageId', messageId, expected);
}

function atLeast(low: number, field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < low)
    throw GpuBridgeError.invalidArgument(field, value, `an integer of at least ${low}`);
}
