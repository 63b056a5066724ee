import type {
  ClusterStream,
  ConsumeOptions,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
} from '@gpu-bridge/abstractions';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { NatsLink } from '../connection/nats-link.js';
import { checkConsumer, checkSubject } from '../naming/names.js';
import { checkPayload } from '../naming/payload.js';
import { StreamConsumer } from './stream-consumer.js';

/** "stream store failed"; the text says of what. */
const STORE_FAILED = 10_077;

/** A stream is a JetStream stream whose entries go when they are acknowledged (work queue) and which refuses when it is full. */
export class NatsStream implements ClusterStream {
  constructor(
    private readonly link: NatsLink,
    readonly name: string,
    private readonly place: { readonly stream: string; readonly prefix: string },
    private readonly maxEntries: number,
    /** Ends every iteration. */
    private readonly closing: AbortSignal,
  ) {}

  async publish(
    subject: string,
    payload: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishReceipt | undefined> {
    checkSubject(subject);
    checkPayload('payload', payload, this.link.maxPayloadBytes);
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

  consume(options: ConsumeOptions): AsyncIterable<StreamEntry> {
    const { consumer, subject, maxUnacknowledged, acknowledgeWithinMs = 30_000 } = options;
    checkConsumer(consumer);
    if (subject !== undefined) checkSubject(subject);
    positive('options.maxUnacknowledged', maxUnacknowledged);
    positive('options.acknowledgeWithinMs', acknowledgeWithinMs);
    const { link, place, closing } = this;
    const signal = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    const settings = { name: this.name, ...place, consumer, subject, maxUnacknowledged, acknowledgeWithinMs };
    return { [Symbol.asyncIterator]: () => new StreamConsumer(link, settings, signal).entries() };
  }

  private full(): GpuBridgeError<'STREAM_FULL'> {
    const { name, maxEntries } = this;
    return new GpuBridgeError('STREAM_FULL', { stream: name, maxEntries }, `${name} has its ${maxEntries} entries`);
  }
}

function headersOf({ messageId, expectedLastSequence }: PublishOptions): MsgHdrs | undefined {
  if (messageId === undefined && expectedLastSequence === undefined) return undefined;
  const fields = headers();
  if (messageId !== undefined) fields.set('Nats-Msg-Id', messageId);
  if (expectedLastSequence !== undefined) fields.set('Nats-Expected-Last-Subject-Sequence', `${expectedLastSequence}`);
  return fields;
}

function positive(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw GpuBridgeError.invalidArgument(field, value, 'an integer of at least 1');
}
