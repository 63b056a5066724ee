import { GpuBridgeError, checkClusterAddress, checkClusterName } from '@gpu-bridge/abstractions';
import type {
  Cancellable,
  Clock,
  ClusterEndpoint,
  ClusterPort,
  ClusterStorage,
  ClusterStream,
  ClusterTable,
  MessageListener,
  StreamOptions,
  TableOptions,
} from '@gpu-bridge/abstractions';
import type { Journal } from './journal.js';
import type { ResolvedStreamOptions } from './journal-record.js';
import { Endpoint } from './message-exchange.js';
import type { MessageExchange, MessagePort } from './message-exchange.js';
import { ENGINE } from './network.js';
import type { Network } from './network.js';
import { PortStream, checkCount } from './port-stream.js';
import { PortTable } from './port-table.js';
import type { StreamStore } from './stream-store.js';
import type { TableStore } from './table-store.js';
import type { TableWatch } from './table-watch.js';

/** What a port needs of its cluster. */
export interface PortEngine {
  readonly clock: Clock;
  readonly network: Network;
  readonly exchange: MessageExchange;
  readonly storage: ClusterStorage;
  readonly maxPayloadBytes: number;
  readonly requestTimeoutMs: number;
  /** Known once the cluster is open. */
  readonly journal: Journal;
  /** Opened, and neither closed nor failed. */
  readonly running: boolean;
  open(): Promise<void>;
  table(name: string, expireAfterMs: number | undefined): TableStore;
  stream(name: string, options: ResolvedStreamOptions): StreamStore;
  forget(port: InProcessPort): void;
}

const DEDUPE_WINDOW_MS = 120_000;

type State = 'new' | 'connected' | 'disconnected' | 'closed';

/** One silo's connection to an in-process cluster. */
export class InProcessPort implements ClusterPort, MessagePort {
  readonly name = 'in-process';
  /** Watches that go on after a reconnect, and end with the port. */
  readonly watches = new Set<TableWatch>();
  private readonly endpoints = new Set<Endpoint>();
  /** Rejects what waits for an answer. */
  private readonly waiting = new Set<(reason: string) => void>();
  private readonly connectionListeners = new Set<(connected: boolean) => void>();
  private readonly stateListeners = new Set<() => void>();
  private state: State = 'new';
  /** Why it is not connected. */
  private reason = '';

  /** @param ownClock - on which it waits for answers; that of the cluster unless a simulation can freeze the port's silo. */
  constructor(
    readonly id: string,
    private readonly engine: PortEngine,
    private readonly ownClock: Clock,
  ) {}

  get storage(): ClusterStorage {
    return this.engine.storage;
  }

  get maxPayloadBytes(): number {
    return this.engine.maxPayloadBytes;
  }

  get connected(): boolean {
    return this.state === 'connected';
  }

  /** That of the engine. */
  get clock(): Clock {
    return this.engine.clock;
  }

  get network(): Network {
    return this.engine.network;
  }

  async open(): Promise<void> {
    this.checkOpen();
    await this.engine.open();
    this.checkOpen();
    if (this.state === 'new') this.state = 'connected';
  }

  close(): Promise<void> {
    // Messages are on their way from `send` on: there is nothing left to be sent.
    this.end('the port is closed');
    return Promise.resolve();
  }

  /** Closes the port, perhaps because the engine ends. */
  end(reason: string): void {
    if (this.state === 'closed') return;
    this.enter('closed', reason);
    for (const endpoint of this.endpoints) void endpoint.close();
    for (const watch of this.watches) watch[Symbol.dispose]();
    this.connectionListeners.clear();
    this.engine.forget(this);
  }

  /** For simulations: the connection breaks, and both sides know. What waits for an answer rejects. */
  disconnect(): void {
    if (this.state !== 'connected') return;
    this.enter('disconnected', 'the connection is lost');
    for (const listener of [...this.connectionListeners]) listener(false);
  }

  /** For simulations: the connection is there again, with every endpoint, watch and iteration. */
  reconnect(): void {
    if (this.state !== 'disconnected') return;
    this.enter('connected');
    for (const watch of this.watches) watch.resume();
    for (const listener of [...this.connectionListeners]) listener(true);
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    // Its own function, so that a listener given twice is two.
    const own = (connected: boolean): void => listener(connected);
    this.connectionListeners.add(own);
    return { [Symbol.dispose]: () => void this.connectionListeners.delete(own) };
  }

  /** Called at every change of the connection, closing included. @returns what ends it. */
  onStateChange(listener: () => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  async listen(address: string, listener: MessageListener): Promise<ClusterEndpoint> {
    checkClusterAddress(address);
    const endpoint = new Endpoint(this.engine.exchange, this, address, listener);
    this.endpoints.add(endpoint);
    try {
      await this.request(`listen ${address}`, () => this.engine.exchange.add(endpoint));
      return endpoint;
    } catch (error) {
      // The request may have been heard, or be heard even later.
      void endpoint.close();
      throw error;
    }
  }

  async openTable(name: string, { expireAfterMs }: TableOptions = {}): Promise<ClusterTable> {
    checkClusterName(name, 'table');
    checkSpan('expireAfterMs', expireAfterMs);
    return this.request(`openTable ${name}`, () => new PortTable(this, this.engine.table(name, expireAfterMs)));
  }

  async openStream(name: string, options: StreamOptions): Promise<ClusterStream> {
    checkClusterName(name, 'stream');
    const { maxEntries, expireAfterMs, dedupeWindowMs = DEDUPE_WINDOW_MS } = options;
    checkCount('maxEntries', maxEntries, 1);
    checkSpan('expireAfterMs', expireAfterMs);
    checkSpan('dedupeWindowMs', dedupeWindowMs);
    const resolved = { maxEntries, expireAfterMs, dedupeWindowMs };
    return this.request(`openStream ${name}`, () => new PortStream(this, this.engine.stream(name, resolved)));
  }

  /** @throws GpuBridgeError `CLUSTER_UNAVAILABLE` once closed. */
  checkOpen(): void {
    if (this.state === 'closed') throw unavailable(this.reason);
  }

  /**
   * Has the engine do something. The answer waits until what was done is stored.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE` when no answer comes; it may have been done, or be done even later.
   */
  async request<T>(what: string, act: () => T): Promise<T> {
    if (!this.connected) throw unavailable(this.state === 'new' ? 'the port is not open' : this.reason);
    const { network, journal, requestTimeoutMs } = this.engine;
    return new Promise<T>((resolve, reject) => {
      let timer: Cancellable | undefined = undefined;
      const fail = (reason: string): void => settle(() => reject(unavailable(reason)));
      const settle = (outcome: () => void): void => {
        timer?.cancel();
        if (this.waiting.delete(fail)) outcome();
      };
      this.waiting.add(fail);
      const answer = (outcome: () => void): void => {
        const hop = { kind: 'answer', from: ENGINE, to: this.id, what } as const;
        journal.whenStored(() => network.transmit(hop, { arrive: () => settle(outcome), lose: () => undefined }));
      };
      let arrived = false;
      const arrive = (): void => {
        if (arrived || !this.engine.running) return;
        arrived = true;
        const outcome = new Promise<T>((done) => done(act()));
        outcome.catch(() => undefined); // the answer may get lost
        answer(() => resolve(outcome));
      };
      network.transmit({ kind: 'request', from: this.id, to: ENGINE, what }, { arrive, lose: () => undefined });
      if (!this.waiting.has(fail)) return;
      timer = this.ownClock.schedule(() => fail(`no answer within ${requestTimeoutMs} ms`), requestTimeoutMs);
    });
  }

  /** Has the engine send an entry to this port. @returns whether it came, and the port and its caller still wait for it. */
  async receive(what: string, signal: AbortSignal | undefined): Promise<boolean> {
    const endings: (() => void)[] = [];
    const came = await new Promise<boolean>((resolve) => {
      const giveUp = (): void => resolve(false);
      signal?.addEventListener('abort', giveUp);
      endings.push(() => signal?.removeEventListener('abort', giveUp), this.onStateChange(giveUp));
      const hop = { kind: 'entry', from: ENGINE, to: this.id, what } as const;
      this.network.transmit(hop, { arrive: () => resolve(true), lose: giveUp });
    });
    for (const end of endings) end();
    return came;
  }

  private enter(state: State, reason = ''): void {
    this.state = state;
    this.reason = reason;
    for (const fail of [...this.waiting]) if (state !== 'connected') fail(reason);
    for (const listener of [...this.stateListeners]) listener();
  }
}

/** A lease, an age, a window: undefined for none. */
function checkSpan(field: string, ms: number | undefined): void {
  if (ms === undefined || (Number.isFinite(ms) && ms > 0)) return;
  throw GpuBridgeError.invalidArgument(field, ms, 'a number of milliseconds above 0');
}

function unavailable(reason: string): GpuBridgeError<'CLUSTER_UNAVAILABLE'> {
  return new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'in-process', reason }, reason);
}
