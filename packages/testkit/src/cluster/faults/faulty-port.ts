import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  ClusterEndpoint,
  ClusterPort,
  ClusterStorage,
  ClusterStream,
  ClusterTable,
  MessageListener,
  StreamOptions,
  TableOptions,
} from '@gpu-bridge/abstractions';
import type { FaultyEngine } from './faulty-cluster.js';
import { allowed } from './allowed-name.js';
import type { ClusterPortFault } from './cluster-port-fault.js';
import { FaultyEndpoint } from './faulty-endpoint.js';
import { FaultyStream } from './faulty-stream.js';
import { FaultyTable } from './faulty-table.js';

/** A port that hands everything on to another, but for one fault. */
export class FaultyPort implements ClusterPort {
  /** The connection is lost. */
  broken = false;
  hadBreak = false;
  closed = false;
  private readonly endpoints: ClusterEndpoint[] = [];

  constructor(
    readonly inner: ClusterPort,
    readonly engine: FaultyEngine,
    readonly index: number,
  ) {}

  get name(): string {
    return this.inner.name;
  }

  get storage(): ClusterStorage {
    return this.inner.storage;
  }

  get maxPayloadBytes(): number {
    return this.engine.is('small-messages') ? 65_536 : this.inner.maxPayloadBytes;
  }

  open(): Promise<void> {
    return this.inner.open();
  }

  async close(): Promise<void> {
    const { engine, closed } = this;
    if (closed && engine.is('second-close-fails')) throw new Error('the port is closed already');
    this.closed = true;
    if (engine.is('close-leaves-iteration')) for (const endpoint of this.endpoints) await endpoint.close();
    if (engine.is('close-does-nothing', 'close-leaves-endpoints', 'close-leaves-iteration')) return;
    engine.losing = engine.is('close-loses-messages');
    await this.inner.close();
    if (engine.losing) await new Promise((go) => setTimeout(go, 20));
    engine.losing = false;
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    return this.inner.onConnectionChange((connected) => {
      if (!this.engine.is(connected ? 'return-untold' : 'loss-untold')) listener(connected);
    });
  }

  async listen(address: string, listener: MessageListener): Promise<ClusterEndpoint> {
    this.checkOpen();
    const endpoint = new FaultyEndpoint(this, address, listener);
    endpoint.inner = await this.inner.listen(this.addressOf(address), endpoint);
    this.endpoints.push(endpoint);
    this.engine.listeners.set(address, (payload) => endpoint.onMessage(payload));
    return endpoint;
  }

  async openTable(name: string, options?: TableOptions): Promise<ClusterTable> {
    this.checkOpen();
    await this.connection();
    const { engine } = this;
    if (engine.is('bad-names-accepted')) name = allowed(name, /[^A-Za-z0-9_-]/g, 64);
    if (engine.is('tables-shared') && name === 'other') name = 'one';
    if (engine.is('rows-forgotten') && engine.restarts > 0) name += `-${engine.restarts}`;
    const late = engine.is('rows-never-expire') && options?.expireAfterMs !== undefined;
    const given = late ? { expireAfterMs: options.expireAfterMs * 1_000 } : options;
    const inner = await this.inner.openTable(name, given).catch(async (error: unknown) => {
      if (!engine.is('table-options-ignored') || !GpuBridgeError.is(error, 'INVALID_ARGUMENT')) throw error;
      if (options?.expireAfterMs !== undefined) return this.inner.openTable(name);
      return this.inner.openTable(name, { expireAfterMs: 60_000 });
    });
    return new FaultyTable(this, inner, options);
  }

  async openStream(name: string, options: StreamOptions): Promise<ClusterStream> {
    this.checkOpen();
    const { engine } = this;
    if (engine.is('bad-names-accepted')) name = allowed(name, /[^A-Za-z0-9_-]/g, 64);
    if (engine.is('streams-forgotten') && engine.restarts > 0) name += `-${engine.restarts}`;
    const times = (fault: ClusterPortFault): number => (engine.is(fault) ? 1_000 : 1);
    const { maxEntries, expireAfterMs, dedupeWindowMs } = options;
    const inner = await this.inner.openStream(name, {
      maxEntries: maxEntries * times('never-full'),
      expireAfterMs: expireAfterMs && expireAfterMs * times('entries-never-expire'),
      dedupeWindowMs,
    });
    return new FaultyStream(this, inner, options);
  }

  /** Where an address that the contract does not allow is accepted, it becomes one that it allows. */
  addressOf(address: string): string {
    return this.engine.is('bad-addresses-accepted')
      ? allowed(address, /[^A-Za-z0-9_.-]|^\.|\.$|(?<=\.)\./g, 128)
      : address;
  }

  checkOpen(): void {
    if (!this.closed || !this.engine.is('close-leaves-endpoints', 'close-leaves-iteration')) return;
    const details = { engine: this.name, reason: 'the port is closed' };
    throw new GpuBridgeError('CLUSTER_UNAVAILABLE', details, details.reason);
  }

  /** Waits for it, as a port with that fault does. */
  async connection(): Promise<void> {
    while (this.engine.is('waits-while-disconnected') && this.broken) await new Promise((go) => setTimeout(go, 1));
  }
}
