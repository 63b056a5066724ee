import type {
  ClusterEndpoint,
  ClusterPort,
  ClusterStorage,
  ClusterStream,
  ClusterTable,
  Logger,
  MessageListener,
  StreamOptions,
  TableOptions,
} from '@gpu-bridge/abstractions';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { clusterUnavailable } from '../connection/nats-failure.js';
import { NatsLink } from '../connection/nats-link.js';
import { NatsEndpoint } from '../endpoints/nats-endpoint.js';
import { Names } from '../naming/names.js';
import { NatsStream } from '../streams/nats-stream.js';
import { NatsTable } from '../tables/nats-table.js';
import { resolveNatsClusterOptions } from './nats-cluster-options.js';
import type { NatsClusterOptions } from './nats-cluster-options.js';

/** "stream name already in use with a different configuration": another silo made it between our look and our attempt. */
const NAME_IN_USE = 10_058;

/**
 * Connects the silos of a cluster over NATS, with JetStream for what is kept. Needs servers of 2.9 or later with JetStream.
 *
 * @see docs/OPERATIONS.md "Connecting to NATS"
 */
export class NatsClusterPort implements ClusterPort {
  readonly name = 'nats';
  readonly storage: ClusterStorage;

  private readonly link: NatsLink;
  private readonly names: Names;
  private readonly logger: Logger;
  private readonly replicas: number;
  private readonly endpoints = new Map<string, NatsEndpoint>();
  private readonly tables = new Set<NatsTable>();
  private readonly closing = new AbortController();
  private opening: Promise<void> | undefined;

  /** @throws GpuBridgeError `INVALID_ARGUMENT`, without secrets. */
  constructor(services: { readonly logger: Logger }, options: NatsClusterOptions) {
    const resolved = resolveNatsClusterOptions(options);
    this.logger = services.logger;
    this.storage = resolved.storage;
    this.replicas = resolved.replicas;
    this.names = new Names(resolved.clusterId);
    this.link = new NatsLink(resolved, services.logger);
  }

  get maxPayloadBytes(): number {
    return this.link.maxPayloadBytes;
  }

  open(): Promise<void> {
    if (this.closing.signal.aborted)
      return Promise.reject(clusterUnavailable('connect to NATS', 'the port was closed'));
    this.opening ??= this.link.open().catch((error: unknown) => {
      this.opening = undefined; // it may be tried again
      throw error;
    });
    return this.opening;
  }

  async close(): Promise<void> {
    this.closing.abort();
    for (const table of this.tables) table.close();
    await Promise.all([...this.endpoints.values()].map((endpoint) => endpoint.close()));
    await this.link.close();
    await this.opening?.catch(() => undefined);
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    return this.link.onConnectionChange(listener);
  }

  async listen(address: string, listener: MessageListener): Promise<ClusterEndpoint> {
    const { link, names, logger } = this;
    names.endpointSubject(address); // refuses a bad one before anything else does
    if (this.endpoints.has(address))
      throw GpuBridgeError.invalidArgument('address', address, 'one that nobody listens at');
    const forget = (): void => void this.endpoints.delete(address);
    const endpoint = new NatsEndpoint({ link, names, logger }, address, listener, forget);
    this.endpoints.set(address, endpoint);
    await endpoint.listen().catch((error: unknown) => {
      forget();
      throw error;
    });
    return endpoint;
  }

  async openTable(name: string, options: TableOptions = {}): Promise<ClusterTable> {
    const bucket = this.names.bucket(name);
    await this.ensure(`open table ${name}`, {
      name: bucket.stream,
      subjects: [`${bucket.prefix}>`],
      retention: RetentionPolicy.Limits,
      max_msgs_per_subject: 1,
      max_age: options.expireAfterMs === undefined ? 0 : nanos(milliseconds('expireAfterMs', options.expireAfterMs)),
      allow_direct: true,
      allow_rollup_hdrs: true,
    });
    const table = new NatsTable(this.link, name, bucket, this.logger);
    this.tables.add(table);
    return table;
  }

  async openStream(name: string, options: StreamOptions): Promise<ClusterStream> {
    const place = this.names.stream(name);
    const { maxEntries, expireAfterMs, dedupeWindowMs = 120_000 } = options;
    if (!Number.isSafeInteger(maxEntries) || maxEntries < 1)
      throw GpuBridgeError.invalidArgument('options.maxEntries', maxEntries, 'an integer of at least 1');
    const ageMs = expireAfterMs === undefined ? undefined : milliseconds('expireAfterMs', expireAfterMs);
    const windowMs = milliseconds('dedupeWindowMs', dedupeWindowMs);
    await this.ensure(`open stream ${name}`, {
      name: place.stream,
      subjects: [`${place.prefix}>`],
      retention: RetentionPolicy.Workqueue,
      max_msgs: maxEntries,
      max_age: ageMs === undefined ? 0 : nanos(ageMs),
      // The servers refuse to remember an entry's id for longer than the entry.
      duplicate_window: nanos(Math.min(windowMs, ageMs ?? windowMs)),
    });
    return new NatsStream(this.link, name, place, maxEntries, this.closing.signal);
  }

  /** Makes a stream of the servers where there is none, and waits for servers that start or elect. */
  private async ensure(what: string, wanted: Partial<StreamConfig> & { name: string }): Promise<void> {
    const storage = this.storage === 'file' ? StorageType.File : StorageType.Memory;
    const config = { ...wanted, storage, num_replicas: this.replicas, discard: DiscardPolicy.New };
    const found = await this.link.attempt(
      what,
      async ({ manager }) => {
        try {
          return (await manager.streams.info(config.name)).config;
        } catch (error) {
          if (!isApiError(error, JetStreamApiCodes.StreamNotFound)) throw error;
        }
        try {
          return (await manager.streams.add(config)).config;
        } catch (error) {
          if (!isApiError(error, NAME_IN_USE)) throw error;
          return (await manager.streams.info(config.name)).config;
        }
      },
      { isRead: true, forMs: this.link.timing.startTimeoutMs },
    );
    for (const field of ['max_age', 'max_msgs', 'duplicate_window', 'num_replicas', 'storage'] as const) {
      const value = config[field];
      if (value !== undefined && found[field] !== value)
        throw GpuBridgeError.invalidArgument(
          OPTION_OF[field],
          value,
          `what ${config.name} was made with: ${found[field]}`,
        );
    }
  }
}

const OPTION_OF = {
  max_age: 'options.expireAfterMs',
  max_msgs: 'options.maxEntries',
  duplicate_window: 'options.dedupeWindowMs',
  num_replicas: 'options.replicas',
  storage: 'options.storage',
} as const;

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

/** The servers take no age or window below 100 ms. */
function milliseconds(field: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 100 && value <= 2 ** 43) return value;
  throw GpuBridgeError.invalidArgument(`options.${field}`, value, 'an integer of at least 100');
}
