import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Logger } from '@gpu-bridge/abstractions';
import { JetStreamApiError, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { connect, createInbox, errors } from '@nats-io/transport-node';
import type {
  Msg,
  MsgHdrs,
  NatsConnection,
  NodeConnectionOptions,
  Status,
  Subscription,
} from '@nats-io/transport-node';
import type { ResolvedNatsClusterOptions } from '../port/nats-cluster-options.js';
import { authenticatorOf } from './credentials.js';
import { clusterUnavailable, connectFailureOf, failureOf } from './nats-failure.js';

const RETRY_PAUSE_MS = 50;
/** The longest that timers take. */
const NEVER_MS = 2 ** 31 - 1;
const MOST_UNANSWERED_PINGS = 2;
const FIRST_RECONNECT_DELAY_MS = 10;
/** The server's default; known exactly once it was met. */
const DEFAULT_MAX_PAYLOAD_BYTES = 2 ** 20;
/** The limit of a server counts headers; ours are shorter than this, ids of messages included. */
const HEADER_BYTES = 1_024;
/** How long `close` waits for what was accepted to leave, where the connection is stuck. */
const DRAIN_LIMIT_MS = 2_000;

/** Replicated streams of older servers need help to compare; this is the oldest that was seen to do without. */
const COMPARES_WHEN_APPLIED = [2, 10, 27] as const;

type Timing = Pick<
  ResolvedNatsClusterOptions,
  'startTimeoutMs' | 'requestTimeoutMs' | 'retryForMs' | 'maxReconnectDelayMs' | 'pingIntervalMs'
>;

export interface Attempt {
  /** A read: repeated although it may have run. */
  readonly isRead?: boolean;
  /** For starting servers: how long to try, instead of `retryForMs`. */
  readonly forMs?: number;
  /** Ends the trying. */
  readonly signal?: AbortSignal;
}

/** The connection to NATS: comes back by itself, and turns what goes wrong into `CLUSTER_UNAVAILABLE`. */
export class NatsLink {
  readonly inboxPrefix: string;
  readonly timing: Timing;
  /** Several servers keep each table and stream. */
  readonly isReplicated: boolean;
  maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES - HEADER_BYTES;

  private readonly connectOptions: () => NodeConnectionOptions;
  private readonly listeners = new Set<(connected: boolean) => void>();
  private connection: NatsConnection | undefined;
  private manager: JetStreamManager | undefined;
  private client: JetStreamClient | undefined;
  private isConnected = false;
  private closing: Promise<void> | undefined;
  private reconnects = 0;

  constructor(
    options: ResolvedNatsClusterOptions,
    private readonly logger: Logger,
  ) {
    this.inboxPrefix = `_INBOX.${options.clusterId}`;
    const { connectionName, tls, connectTimeoutMs } = options;
    const { startTimeoutMs, requestTimeoutMs, retryForMs, maxReconnectDelayMs, pingIntervalMs } = options;
    this.timing = { startTimeoutMs, requestTimeoutMs, retryForMs, maxReconnectDelayMs, pingIntervalMs };
    this.isReplicated = options.replicas > 1;
    const servers = [...options.servers];
    // A closure, so that nothing which prints this object prints what it holds.
    this.connectOptions = () => {
      const authenticator = authenticatorOf(options);
      return {
        servers,
        name: connectionName,
        inboxPrefix: this.inboxPrefix,
        timeout: connectTimeoutMs,
        // Ours is better: see `watchOver`.
        pingInterval: NEVER_MS,
        maxReconnectAttempts: -1,
        // Credentials that are being replaced are refused for a while; who gives up then never comes back.
        ignoreAuthErrorAbort: true,
        reconnectDelayHandler: () => this.reconnectDelayMs(),
        // A stack per request costs more than the request.
        noAsyncTraces: true,
        ...(tls === undefined ? {} : { tls: { ...tls } }),
        ...(authenticator === undefined ? {} : { authenticator }),
      };
    };
  }

  /** Connects, and waits for JetStream; tries for `startTimeoutMs`. */
  async open(): Promise<void> {
    const endMs = performance.now() + this.timing.startTimeoutMs;
    const connection = await this.connect(endMs);
    if (this.isClosing) {
      await connection.close();
      throw clusterUnavailable('connect to NATS', 'the port was closed');
    }
    this.connection = connection;
    this.isConnected = true;
    this.maxPayloadBytes = (connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES) - HEADER_BYTES;
    void this.follow(connection);
    try {
      await this.openJetStream(connection);
    } catch (error) {
      this.isConnected = false;
      this.connection = undefined;
      await connection.close();
      throw error;
    }
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  private get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** Whether the server compares expected sequences of replicated streams before it applies a write, and not then. */
  get comparesOnArrivalOnly(): boolean {
    return this.isReplicated && isOlder(this.connection?.info?.version ?? '', COMPARES_WHEN_APPLIED);
  }

  get connected(): boolean {
    return this.isConnected;
  }

  inbox(): string {
    return createInbox(this.inboxPrefix);
  }

  /** At most once: dropped while there is no connection, so that nothing old is sent by the next one. */
  publish(subject: string, payload?: Uint8Array, options?: { reply?: string }): void {
    if (this.isConnected) this.connection?.publish(subject, payload, options);
  }

  /** @param callback - must not throw: that would end the reading of the connection. */
  subscribe(subject: string, callback: (error: Error | null, message: Msg) => void): Subscription {
    return this.opened('subscribe').subscribe(subject, { callback });
  }

  /** Resolves when the server has worked off what was sent, subscriptions included. */
  async flush(what: string): Promise<void> {
    await this.attempt(
      what,
      async ({ connection }) => {
        const { requestTimeoutMs } = this.timing;
        const timeUp = pause(requestTimeoutMs, 'time-up' as const, { ref: false });
        if ((await Promise.race([connection.flush(), timeUp])) === 'time-up') throw new errors.TimeoutError();
      },
      { isRead: true },
    );
  }

  /** One request of JetStream. @throws JetStreamApiError what the server answered, in `attempt`. */
  async ask<T>(connection: NatsConnection, subject: string, payload?: Uint8Array, headers?: MsgHdrs): Promise<T> {
    const timeout = this.timing.requestTimeoutMs;
    const answer = await connection.request(
      subject,
      payload,
      headers === undefined ? { timeout } : { timeout, headers },
    );
    const parsed = answer.json<{ error?: ConstructorParameters<typeof JetStreamApiError>[0] }>();
    if (parsed.error !== undefined) throw new JetStreamApiError(parsed.error);
    return parsed as T;
  }

  /**
   * Runs what talks to the servers, again while it certainly did not run.
   *
   * @param what - for the error: `write table members`.
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE`; whether it ran is unknown, unless the reason excludes it.
   */
  async attempt<T>(
    what: string,
    run: (services: { connection: NatsConnection; client: JetStreamClient; manager: JetStreamManager }) => Promise<T>,
    { isRead = false, forMs = this.timing.retryForMs, signal }: Attempt = {},
  ): Promise<T> {
    const endMs = performance.now() + forMs;
    for (;;) {
      const connection = this.opened(what);
      const { client, manager } = this;
      let reason = 'not connected';
      let cause: unknown;
      if (this.isConnected && client !== undefined && manager !== undefined) {
        try {
          return await run({ connection, client, manager });
        } catch (error) {
          if (GpuBridgeError.is(error)) throw error;
          const failure = failureOf(error);
          reason = failure.reason;
          cause = error;
          const mayRepeat = failure.fate === 'did-not-run' || (failure.fate === 'unknown' && isRead);
          if (!mayRepeat) throw clusterUnavailable(what, reason, cause);
        }
      }
      const isOver = performance.now() + RETRY_PAUSE_MS > endMs || signal?.aborted === true;
      if (isOver) throw clusterUnavailable(what, reason, cause);
      await pause(RETRY_PAUSE_MS);
    }
  }

  /** Sends what was accepted and disconnects. */
  close(): Promise<void> {
    return (this.closing ??= this.disconnect());
  }

  private async disconnect(): Promise<void> {
    const { connection } = this;
    if (connection === undefined || connection.isClosed()) return;
    // Draining waits for an answer of the server; a connection that is broken gives none.
    const limit = new AbortController();
    const timeUp = pause(DRAIN_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined);
    const drained = this.isConnected ? connection.drain().catch(() => undefined) : undefined;
    this.isConnected = false;
    if (drained !== undefined) await Promise.race([drained, timeUp]);
    limit.abort();
    await connection.close();
  }

  private opened(what: string): NatsConnection {
    const { connection } = this;
    if (connection === undefined) throw clusterUnavailable(what, 'the port is not open');
    if (this.isClosing || connection.isClosed()) throw clusterUnavailable(what, 'the connection is closed');
    return connection;
  }

  private async connect(endMs: number): Promise<NatsConnection> {
    for (;;) {
      try {
        return await connect(this.connectOptions());
      } catch (error) {
        const { reason, isLasting } = connectFailureOf(error);
        if (isLasting || this.isClosing || performance.now() + RETRY_PAUSE_MS > endMs)
          throw clusterUnavailable('connect to NATS', reason, error);
      }
      await pause(RETRY_PAUSE_MS);
    }
  }

  private async openJetStream(connection: NatsConnection): Promise<void> {
    const options = { timeout: this.timing.requestTimeoutMs, checkAPI: false };
    this.manager = await jetstreamManager(connection, options);
    this.client = jetstream(connection, options);
    const { info } = connection;
    const cannotHaveIt = info?.jetstream !== true && info?.cluster === undefined;
    if (cannotHaveIt) throw clusterUnavailable('use JetStream', 'it is not enabled in the configuration of the server');
    await this.attempt('use JetStream', ({ manager }) => manager.getAccountInfo(), {
      isRead: true,
      forMs: this.timing.startTimeoutMs,
    });
  }

  /** Doubling, with a random half so that silos do not all return at the same moment. */
  private reconnectDelayMs(): number {
    const fullMs = Math.min(
      FIRST_RECONNECT_DELAY_MS * 2 ** Math.min(this.reconnects++, 20),
      this.timing.maxReconnectDelayMs,
    );
    return Math.ceil(fullMs * (0.5 + Math.random() / 2));
  }

  private async follow(connection: NatsConnection): Promise<void> {
    const pings = this.watchOver(connection);
    for await (const status of connection.status()) this.onStatus(status);
    clearInterval(pings);
    const error = await connection.closed();
    if (this.isClosing || this.connection !== connection) return;
    this.change(false);
    this.logger.error('the connection to NATS ended for good', { reason: error?.message ?? 'unknown' });
  }

  /**
   * Ends a connection to a server that is frozen or cut off. The library counts unanswered pings only, and answers queue
   * behind messages: a receiver that is seconds behind would cut its own connection and lose what it was about to read.
   * Here whatever was read is a sign of life.
   */
  private watchOver(connection: NatsConnection): NodeJS.Timeout {
    let read = 0;
    let unanswered = 0;
    return setInterval(() => {
      const { inMsgs } = connection.stats();
      if (inMsgs !== read || !this.isConnected) unanswered = 0;
      read = inMsgs;
      if (!this.isConnected) return;
      if (unanswered++ >= MOST_UNANSWERED_PINGS) return breakOff(connection);
      const answer = (): void => void (unanswered = 0);
      connection.flush().then(answer, () => undefined);
    }, this.timing.pingIntervalMs);
  }

  private onStatus(status: Status): void {
    switch (status.type) {
      case 'disconnect':
        this.change(false);
        break;
      case 'reconnect':
        this.reconnects = 0;
        this.change(true);
        break;
      case 'error':
        // Nobody waits for the answer to a message; this log is all that tells of one that is not permitted.
        this.logger.warn('NATS reports an error', { reason: failureOf(status.error).reason });
        break;
      default:
    }
  }

  private change(connected: boolean): void {
    if (this.isClosing || this.isConnected === connected) return;
    this.isConnected = connected;
    if (connected) this.logger.info('connected to NATS again');
    else this.logger.warn('lost the connection to NATS');
    for (const listener of this.listeners) listener(connected);
  }
}

/** A version that is not understood is taken for old: asking for more than is needed does no harm. */
function isOlder(version: string, than: readonly number[]): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0, 0];
  const at = parts.findIndex((part, i) => part !== than[i]);
  return at >= 0 && parts[at]! < than[at]!;
}

/**
 * Ends a connection whose server does not answer. The library first waits until everything is written, which a frozen
 * server never takes; then only the system's own limit, of a quarter of an hour, would end it. Without the socket nothing
 * is left to wait for. It is not in the library's types: should it move, what remains is what the library does.
 */
function breakOff(connection: NatsConnection): void {
  void connection.reconnect();
  const { protocol } = connection as { readonly protocol?: { readonly transport?: { readonly socket?: unknown } } };
  const socket = protocol?.transport?.socket;
  if (socket instanceof Socket) socket.destroy();
}
