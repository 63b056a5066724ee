import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@gpu-bridge/abstractions';
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import type { ConsumerInfo } from '@nats-io/jetstream';
import { nanos, nuid } from '@nats-io/transport-node';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NatsLink } from '../connection/nats-link.js';

/** A server that has nothing to tell says so this often. */
const HEARTBEAT_MS = 1_000;
/** Silence after which the server that fed us is taken for gone. */
const SILENCE_MS = 3 * HEARTBEAT_MS;
const RESTART_PAUSE_MS = 250;

export interface ReaderListener {
  onEntry(entry: { readonly subject: string; readonly sequence: number; readonly message: Msg }): void;
  /** Everything that stood there when the reading began was told. */
  onCaughtUp(): void;
  onStop?(): void;
}

/**
 * Tells the last entry of every subject of a stream, then every later one, in order and without a gap.
 *
 * The library's ordered consumer does this too, but it takes a minute of silence to notice that its server is gone, and
 * does not compare heartbeats with what it got: what the last connection lost is missing until the next entry comes. Here
 * a reconnect, a gap or three seconds of silence start a new consumer behind the last entry that was told.
 */
export class TableReader {
  private readonly stopped = new AbortController();
  private subscription: Subscription | undefined;
  /** Sequence in the stream of the last entry told. */
  private told = 0;
  /** Entries delivered by the present consumer, and how many of them stood there when it was made. */
  private delivered = 0;
  private standing: number | undefined;
  private isCaughtUp = false;
  /** Of the consumer that is being listened to; what older ones still deliver is ignored. */
  private round = 0;
  private isRestarting = false;
  private heardMs = 0;
  private monitor: NodeJS.Timeout | undefined;
  private connectionListener: Disposable | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
    private readonly listener: ReaderListener,
    private readonly logger: Logger,
  ) {}

  async start(): Promise<void> {
    this.connectionListener = this.link.onConnectionChange((connected) => {
      if (connected) this.restart();
    });
    this.monitor = setInterval(() => {
      if (this.link.connected && performance.now() - this.heardMs > SILENCE_MS) this.restart();
    }, HEARTBEAT_MS);
    this.isRestarting = true;
    try {
      await this.begin();
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      this.isRestarting = false;
    }
  }

  stop(): void {
    if (this.stopped.signal.aborted) return;
    this.stopped.abort();
    this.listener.onStop?.();
    clearInterval(this.monitor);
    this.connectionListener?.[Symbol.dispose]();
    this.unsubscribe();
  }

  private restart(): void {
    if (this.isRestarting || this.stopped.signal.aborted) return;
    this.isRestarting = true;
    void this.restartUntilItWorks().finally(() => (this.isRestarting = false));
  }

  private async restartUntilItWorks(): Promise<void> {
    const { signal } = this.stopped;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await this.begin();
      } catch (error) {
        if (signal.aborted) return;
        // The loss of the connection is told by the link, once for all tables.
        if (attempt === 0 && this.link.connected)
          this.logger.warn('cannot follow a table', { stream: this.stream, error });
        await pause(RESTART_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** A consumer that goes on behind what was told. The server drops it by itself when nobody listens to it. */
  private async begin(): Promise<void> {
    this.unsubscribe();
    const round = ++this.round;
    this.delivered = 0;
    this.standing = undefined;
    const inbox = this.link.inbox();
    this.subscription = this.link.subscribe(inbox, (error, message) => {
      if (error === null && round === this.round) this.take(message);
    });
    const info = await this.link.attempt(
      `read ${this.stream}`,
      async ({ manager }): Promise<ConsumerInfo> => {
        await this.startAgainAfterARollback(async () => (await manager.streams.info(this.stream)).state.last_seq);
        return manager.consumers.add(this.stream, {
          name: nuid.next(),
          deliver_subject: inbox,
          filter_subject: '>',
          ack_policy: AckPolicy.None,
          ...(this.told === 0
            ? { deliver_policy: DeliverPolicy.LastPerSubject }
            : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.told + 1 }),
          max_deliver: 1,
          flow_control: true,
          idle_heartbeat: nanos(HEARTBEAT_MS),
          num_replicas: 1,
          mem_storage: true,
        });
      },
      { isRead: true },
    );
    if (round !== this.round) return;
    this.heardMs = performance.now();
    this.standing = info.delivered.consumer_seq + info.num_pending;
    this.checkCaughtUp();
  }

  /** A stream that ends before what was told lost its end: all of it is told again. */
  private async startAgainAfterARollback(lastSequence: () => Promise<number>): Promise<void> {
    if (this.told === 0) return;
    const last = await lastSequence();
    if (last >= this.told) return;
    this.logger.error('a table lost its last writes', { stream: this.stream, told: this.told, last });
    this.told = 0;
  }

  private take(message: Msg): void {
    this.heardMs = performance.now();
    const { headers } = message;
    if (headers !== undefined && headers.code !== 0) return this.takeStatus(message, headers.code);
    const place = placeOf(message.reply ?? '');
    if (place === undefined || place.consumerSequence !== this.delivered + 1) return this.restart();
    this.delivered = place.consumerSequence;
    this.told = place.streamSequence;
    this.listener.onEntry({ subject: message.subject, sequence: place.streamSequence, message });
    this.checkCaughtUp();
  }

  private takeStatus(message: Msg, code: number): void {
    if (code !== 100) return this.restart();
    // Flow control: the server goes on when it has an answer.
    if (message.reply !== undefined && message.reply !== '') return this.link.publish(message.reply);
    const stalled = message.headers?.get('Nats-Consumer-Stalled') ?? '';
    if (stalled !== '') this.link.publish(stalled);
    const last = Number(message.headers?.get('Nats-Last-Consumer') ?? 0);
    if (last > this.delivered) this.restart();
  }

  private checkCaughtUp(): void {
    if (this.isCaughtUp || this.standing === undefined || this.delivered < this.standing) return;
    this.isCaughtUp = true;
    this.listener.onCaughtUp();
  }

  private unsubscribe(): void {
    if (this.subscription?.isClosed() === false) this.subscription.unsubscribe();
    this.subscription = undefined;
  }
}

/** From `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERIES.STREAM-SEQUENCE.CONSUMER-SEQUENCE.TIME.PENDING[.…]`. */
function placeOf(reply: string): { readonly streamSequence: number; readonly consumerSequence: number } | undefined {
  const parts = reply.split('.');
  if (parts[0] !== '$JS' || parts[1] !== 'ACK' || parts.length < 9) return undefined;
  const at = parts.length === 9 ? 5 : 7;
  return { streamSequence: Number(parts[at]), consumerSequence: Number(parts[at + 1]) };
}
