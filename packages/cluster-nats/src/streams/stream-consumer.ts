import type { StreamEntry } from '@gpu-bridge/abstractions';
import { AckPolicy, DeliverPolicy, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { ConsumerInfo, ConsumerMessages, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import { clusterUnavailable, failureOf } from '../connection/nats-failure.js';
import type { NatsLink } from '../connection/nats-link.js';
import { plain } from '../naming/plain-bytes.js';

/** A request for entries lasts this long. With the library's 30 s, consumers stood still after their server was killed. */
const PULL_MS = 2_000;
/** Two of these missed, and the request is made again. */
const HEARTBEAT_MS = 500;
/** Entries asked for at a time; the consumer's credits bound what is delivered. */
const MOST_PULLED = 1_000;
const ACKNOWLEDGE = new TextEncoder().encode('+ACK');
/** A subject of the stream belongs to another consumer of it. */
const TAKEN = [10_099, 10_100];

export interface ConsumerSettings {
  readonly name: string;
  readonly stream: string;
  readonly prefix: string;
  readonly consumer: string;
  readonly subject: string | undefined;
  readonly maxUnacknowledged: number;
  readonly acknowledgeWithinMs: number;
}

/** One iteration over what a durable pull consumer delivers. */
export class StreamConsumer {
  private readonly arrived: JsMsg[] = [];
  /** Entries up to this sequence may have been delivered by an earlier iteration. */
  private deliveredBefore = 0;
  private wake: () => void = () => undefined;
  private hasEnded = false;
  private reason: Error | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly settings: ConsumerSettings,
  ) {}

  /**
   * @param closing - of the port: ends the iteration with an error.
   * @param ending - of the caller: ends it without one.
   */
  async *entries(closing: AbortSignal, ending?: AbortSignal): AsyncGenerator<StreamEntry, void, undefined> {
    const isEnded = (): boolean => ending?.aborted === true;
    if (isEnded()) return;
    const wake = (): void => this.wake();
    closing.addEventListener('abort', wake);
    ending?.addEventListener('abort', wake);
    let messages: ConsumerMessages | undefined;
    try {
      messages = await this.open(ending === undefined ? closing : AbortSignal.any([closing, ending]));
      void messages.closed().then((error) => this.end(error ?? undefined));
      for (;;) {
        if (isEnded()) return;
        if (closing.aborted) throw clusterUnavailable(`read ${this.settings.name}`, 'the port was closed');
        const message = this.arrived.shift();
        if (message !== undefined) yield this.entryOf(message);
        else if (this.hasEnded) throw this.failure();
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } catch (error) {
      if (!isEnded()) throw error;
    } finally {
      closing.removeEventListener('abort', wake);
      ending?.removeEventListener('abort', wake);
      messages?.stop();
    }
  }

  /** Waits for the connection as long as it takes: an iteration that was lost in the middle does, too. */
  private async open(signal: AbortSignal): Promise<ConsumerMessages> {
    const { name, maxUnacknowledged, subject } = this.settings;
    return this.link.attempt(
      `read ${name}`,
      async ({ client, manager }) => {
        try {
          const info = await this.ensureConsumer(manager);
          const max_messages = Math.min(maxUnacknowledged, MOST_PULLED);
          return await client.consumers
            .getConsumerFromInfo(info)
            .consume({ max_messages, expires: PULL_MS, idle_heartbeat: HEARTBEAT_MS, callback: (m) => this.take(m) });
        } catch (error) {
          if (!(error instanceof JetStreamApiError) || !TAKEN.includes(error.code)) throw error;
          throw GpuBridgeError.invalidArgument('options.subject', subject, 'a subject that no other consumer reads');
        }
      },
      { isRead: true, forMs: Infinity, signal },
    );
  }

  /**
   * A consumer that was left with unacknowledged entries would deliver them when their time is up, behind later ones. What
   * is not acknowledged is still in the stream, so a new consumer of the name delivers all of it, in order and at once.
   */
  private async ensureConsumer(manager: JetStreamManager): Promise<ConsumerInfo> {
    const { stream, prefix, consumer, subject, maxUnacknowledged, acknowledgeWithinMs } = this.settings;
    const config = {
      name: consumer,
      durable_name: consumer,
      ...(subject === undefined ? {} : { filter_subject: prefix + subject }),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(acknowledgeWithinMs),
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: maxUnacknowledged,
    };
    const found = await manager.consumers.info(stream, consumer).catch((error: unknown) => {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
      throw error;
    });
    if (found !== undefined) {
      this.deliveredBefore = Math.max(this.deliveredBefore, found.delivered.stream_seq);
      const { ack_wait, max_ack_pending, filter_subject } = found.config;
      const isAsWanted =
        ack_wait === config.ack_wait &&
        max_ack_pending === maxUnacknowledged &&
        filter_subject === config.filter_subject;
      if (found.num_ack_pending === 0 && isAsWanted) return found;
      await manager.consumers.delete(stream, consumer);
    }
    return manager.consumers.add(stream, config);
  }

  private take(message: JsMsg): void {
    this.arrived.push(message);
    this.wake();
  }

  private end(error: Error | undefined): void {
    this.hasEnded = true;
    this.reason = error;
    this.wake();
  }

  private failure(): GpuBridgeError {
    const { reason } = this;
    const why = reason === undefined ? 'the connection is closed' : failureOf(reason).reason;
    return clusterUnavailable(`read ${this.settings.name}`, why, reason);
  }

  private entryOf(message: JsMsg): StreamEntry {
    return {
      subject: message.subject.slice(this.settings.prefix.length),
      sequence: message.seq,
      payload: plain(message.data),
      redelivered: message.redelivered || message.seq <= this.deliveredBefore,
      acknowledge: () => this.acknowledge(message),
    };
  }

  /** Repeated until a server answers; acknowledging twice does no harm. */
  private async acknowledge(message: JsMsg): Promise<void> {
    const { link } = this;
    const timeout = link.timing.requestTimeoutMs;
    const reply = replyOf(message);
    await link.attempt(
      `acknowledge an entry of ${this.settings.name}`,
      ({ connection }) => connection.request(reply, ACKNOWLEDGE, { timeout }),
      { isRead: true },
    );
  }
}

/** Where the acknowledgement goes. The library has it in every message, and not in the type. */
function replyOf(message: JsMsg): string {
  const { reply } = message as { readonly reply?: unknown };
  invariant(typeof reply === 'string' && reply !== '', 'a delivered entry says where to acknowledge it');
  return reply;
}
