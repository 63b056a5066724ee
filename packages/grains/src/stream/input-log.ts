import { createHash } from 'node:crypto';
import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, ClusterStream, Logger, PublishReceipt, StreamEntry } from '@gpu-bridge/abstractions';
import type { InputLayout, ItemColumns } from './item-columns.js';
import { decodePush, encodePush } from './logged-push.js';
import type { ProducerStamp } from './producer-memory.js';
import type { StreamDefinition } from './stream-definition.js';

/** A push as it comes back from the log. */
export interface LoggedPush {
  readonly items: ItemColumns;
  readonly sequence: number;
  /** It was made here, and its room is reserved. */
  readonly isOwn: boolean;
}

export interface InputLogServices {
  readonly port: ClusterPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly definition: StreamDefinition;
  readonly layouts: readonly InputLayout[];
  /** Of the grain. */
  readonly key: string;
  readonly activationId: string;
}

/** Pushes that the log of one stream type keeps, over all keys. */
const MAX_ENTRIES = 1_000_000;
/** An entry is acknowledged when its items have been read, which may take as long as subscribers like. */
const ACKNOWLEDGE_WITHIN_MS = 600_000;
const RETRY_NS = 200_000_000n;

/**
 * The inputs of one key of a durable stream, in a stream of the cluster: a subject per key. What is appended comes back through
 * `read`, in the log's order, also what an activation before this one, or one that only thinks it is the owner, has appended.
 */
export class InputLog {
  private readonly subject: string;
  private readonly closing = new AbortController();
  /** Numbers of the pushes that are being appended here, and have not come back. */
  private readonly own = new Set<number>();
  /** What has come back and is not acknowledged. */
  private readonly entries = new Map<number, StreamEntry>();
  private appended = 0;
  private lastSequence = 0;
  private tail: Promise<unknown> = Promise.resolve();
  private reading: Promise<void> | undefined;

  private constructor(
    private readonly stream: ClusterStream,
    private readonly services: InputLogServices,
  ) {
    // Keys are any text, subjects are not.
    this.subject = createHash('sha256').update(services.key).digest('base64url');
  }

  /** @throws GpuBridgeError `STORAGE_UNAVAILABLE` where nothing keeps a log; `CLUSTER_UNAVAILABLE`. */
  static async open(services: Omit<InputLogServices, 'port'> & { readonly port: ClusterPort | undefined }) {
    const { port, definition } = services;
    if (port === undefined) {
      const reason = 'a durable stream needs the option cluster';
      throw new GpuBridgeError('STORAGE_UNAVAILABLE', { what: `stream ${definition.name}`, reason }, reason);
    }
    const stream = await port.openStream(`gpu-stream-${definition.name}`, { maxEntries: MAX_ENTRIES });
    return new InputLog(stream, { ...services, port });
  }

  /**
   * Appends one push behind those before it. Where it was appended before, this is the entry it was then.
   *
   * @param unreserve - called unless the push comes back as its own: its room is free.
   * @returns the entry's sequence.
   */
  append(items: ItemColumns, stamp: ProducerStamp, unreserve: () => void): Promise<number> {
    const number = ++this.appended;
    this.own.add(number);
    const free = (): void => {
      // A push whose receipt was lost may have come back by now, or comes back as nobody's.
      if (this.own.delete(number)) unreserve();
    };
    const result = this.tail.then(() => this.publish(items, stamp, number));
    this.tail = result.then(({ duplicate }) => {
      if (duplicate) free();
    }, free);
    return result.then(({ sequence }) => sequence);
  }

  /** Begins to hand over what the log has and gets, one push after the other. */
  read(take: (push: LoggedPush) => void): void {
    this.reading ??= this.readOn(take);
  }

  /** The push of this entry need not come again. */
  acknowledge(sequence: number): void {
    const entry = this.entries.get(sequence);
    if (entry === undefined) return;
    this.entries.delete(sequence);
    this.forget(entry);
  }

  /** Leaves what was not acknowledged to the next activation. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.reading;
  }

  private async publish(
    items: ItemColumns,
    { producerId, sequence }: ProducerStamp,
    number: number,
  ): Promise<PublishReceipt> {
    const { layouts, activationId } = this.services;
    const payload = encodePush(layouts, items, { activationId, number });
    const messageId = `${this.subject}/${producerId}/${sequence}`;
    for (;;) {
      try {
        const receipt = await this.stream.publish(this.subject, payload, { messageId });
        invariant(receipt !== undefined, 'an append that expects nothing has a receipt');
        return receipt;
      } catch (error) {
        // Other keys have filled the log; those behind this push wait with it.
        const passes = GpuBridgeError.is(error, 'STREAM_FULL') && this.services.definition.overflow === 'wait';
        if (!passes || this.closing.signal.aborted) throw error;
        await this.services.clock.sleepNs(RETRY_NS);
      }
    }
  }

  private async readOn(take: (push: LoggedPush) => void): Promise<void> {
    const { definition, clock, logger } = this.services;
    const { signal } = this.closing;
    const options = {
      consumer: `key-${this.subject}`,
      subject: this.subject,
      maxUnacknowledged: Math.min(1e6, definition.queueItems + definition.retainItems + definition.waitingPushes),
      acknowledgeWithinMs: ACKNOWLEDGE_WITHIN_MS,
      signal,
    };
    while (!signal.aborted) {
      try {
        for await (const entry of this.stream.consume(options)) this.received(entry, take);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn('the log of a stream cannot be read; it is tried again', { stream: definition.name, error });
        await clock.sleepNs(RETRY_NS);
      }
    }
  }

  private received(entry: StreamEntry, take: (push: LoggedPush) => void): void {
    const { sequence } = entry;
    if (sequence <= this.lastSequence) {
      // Delivered again: it is still being read, or its acknowledgement was lost.
      if (this.entries.has(sequence)) this.entries.set(sequence, entry);
      else this.forget(entry);
      return;
    }
    this.lastSequence = sequence;
    const { layouts, activationId, logger, definition } = this.services;
    const push = decodePush(layouts, entry.payload);
    if (push === undefined) {
      logger.error('an entry in the log of a stream is malformed, and left out', { stream: definition.name, sequence });
      this.forget(entry);
      return;
    }
    this.entries.set(sequence, entry);
    const isOwn = push.origin.activationId === activationId && this.own.delete(push.origin.number);
    take({ items: push.items, sequence, isOwn });
  }

  /** What the engine does not hear of is delivered again, and acknowledged then. */
  private forget(entry: StreamEntry): void {
    entry.acknowledge().catch(() => undefined);
  }
}
