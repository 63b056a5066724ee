import type {
  ClusterStream,
  ConsumeOptions,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
} from '@gpu-bridge/abstractions';
import { GpuBridgeError, checkClusterAddress, checkClusterName, checkClusterPayload } from '@gpu-bridge/abstractions';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { NatsLink } from '../connection/nats-link.js';
import type { Place } from '../naming/names.js';
import { StreamConsumer } from './stream-consumer.js';

/** "stream store failed"; the text says of what. */
const STORE_FAILED = 10_077;

/** A stream is a JetStream stream whose entries go when they are acknowledged (work queue) and which refuses when it is full. */
export class NatsStream implements ClusterStream {
  constructor(
    private readonly link: NatsLink,
    readonly name: string,
    private readonly place: Place,
    private readonly maxEntries: number,
    /** Ends every iteration. */
    private readonly closing: AbortSignal,
  ) {}

  async publish(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishReceipt | undefined> {
    checkClusterAddress(subject, 'subject');
    checkClusterPayload(payload, this.link.maxPayloadBytes);
    const fields = headersOf(options);
    return this.link.attempt(`append to ${this.name}`, async ({ connection }) => {
      try {
        const to = this.place.prefix + subject;
        const receipt = await this.link.ask<{ seq: number; duplicate?: boolean }>(connection, to, payload, fields);
        return { sequence: receipt.seq, duplicate: receipt.duplicate ?? false };
      } catch (error) {
        if (!(error instanceof JetStreamApiError)) throw error;
        if (error.code === JetStreamApiCodes.StreamWrongLastSequence) return undefined;
        if (error.code === STORE_FAILED && error.message.includes('maximum messages')) throw this.full();
        throw error;
      }
    });
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

function headersOf({ messageId, expectedLastSequence }: PublishOptions): MsgHdrs | undefined {
  if (messageId === undefined && expectedLastSequence === undefined) return undefined;
  const fields = headers();
  if (messageId !== undefined) {
    if (!isHeaderValue(messageId))
      throw GpuBridgeError.invalidArgument('options.messageId', messageId, '1 … 256 characters, no control characters');
    fields.set('Nats-Msg-Id', messageId);
  }
  if (expectedLastSequence !== undefined) {
    atLeast(0, 'options.expectedLastSequence', expectedLastSequence);
    fields.set('Nats-Expected-Last-Subject-Sequence', `${expectedLastSequence}`);
  }
  return fields;
}

/** What a header can hold, which has no room for lines and loses outer spaces. */
function isHeaderValue(text: string): boolean {
  return (
    typeof text === 'string' &&
    text.length >= 1 &&
    text.length <= 256 &&
    /^[^\p{Cc}]+$/u.test(text) &&
    text === text.trim()
  );
}

function atLeast(low: number, field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < low)
    throw GpuBridgeError.invalidArgument(field, value, `an integer of at least ${low}`);
}
