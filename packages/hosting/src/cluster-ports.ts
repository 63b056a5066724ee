import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  Clock,
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
import type { NatsClusterOptions } from '@gpu-bridge/cluster-nats';
import { InProcessCluster } from '@gpu-bridge/silo';

const PACKAGE = '@gpu-bridge/cluster-nats';

/** What connects this silo to others, or keeps its state. One of the two. */
export interface ClusterOptions {
  /** NATS servers that connect silos; needs the package `@gpu-bridge/cluster-nats`. Its options stand there. */
  readonly nats?: NatsClusterOptions;
  /**
   * Folder that keeps the state and the reminders of a silo alone, made where it does not exist. Keep it to one process:
   * a second one is refused.
   */
  readonly storageFolder?: string;
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` unless one of the two is given. */
export function checkClusterOptions(options: ClusterOptions): void {
  if (typeof options !== 'object' || options === null)
    throw GpuBridgeError.invalidArgument('options.cluster', options, 'an object');
  const given = Object.keys(options).filter((field) => options[field as keyof ClusterOptions] !== undefined);
  if (given.length !== 1 || !['nats', 'storageFolder'].includes(given[0]!))
    throw GpuBridgeError.invalidArgument('options.cluster', given.join(', '), 'either nats or storageFolder');
  const { storageFolder } = options;
  if (storageFolder !== undefined && (typeof storageFolder !== 'string' || storageFolder === ''))
    throw GpuBridgeError.invalidArgument('options.cluster.storageFolder', storageFolder, 'the path of a folder');
}

/** @param options - checked. */
export function createClusterPort({ nats, storageFolder }: ClusterOptions, clock: Clock, logger: Logger): ClusterPort {
  if (nats !== undefined) return new LazyPort('nats', () => loadNatsPort(nats, logger));
  // Nobody else has a port of this cluster, so it ends with this one.
  const cluster = new InProcessCluster({ clock, logger, storage: 'file', folder: storageFolder! });
  return new LazyPort('in-process', () => Promise.resolve({ port: cluster.port(), close: () => cluster.close() }));
}

async function loadNatsPort(options: NatsClusterOptions, logger: Logger): Promise<LoadedPort> {
  const { NatsClusterPort } = await import('@gpu-bridge/cluster-nats').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const reason = `the option cluster.nats needs the package ${PACKAGE}: npm install ${PACKAGE}`;
    throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'nats', reason }, reason, { cause });
  });
  const port = new NatsClusterPort({ logger }, options);
  return { port, close: () => port.close() };
}

interface LoadedPort {
  readonly port: ClusterPort;
  close(): Promise<void>;
}

/** A port that is made only when it opens: hosts without a cluster need not have the packages of one. */
class LazyPort implements ClusterPort {
  private loaded: LoadedPort | undefined;
  private opening: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly load: () => Promise<LoadedPort>,
  ) {}

  get maxPayloadBytes(): number {
    return this.port.maxPayloadBytes;
  }

  get storage(): ClusterStorage {
    return this.port.storage;
  }

  open(): Promise<void> {
    return (this.opening ??= this.loadAndOpen());
  }

  async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.loaded?.close();
  }

  onConnectionChange(listener: (connected: boolean) => void): Disposable {
    return this.port.onConnectionChange(listener);
  }

  listen(address: string, listener: MessageListener): Promise<ClusterEndpoint> {
    return this.port.listen(address, listener);
  }

  openTable(name: string, options?: TableOptions): Promise<ClusterTable> {
    return this.port.openTable(name, options);
  }

  openStream(name: string, options: StreamOptions): Promise<ClusterStream> {
    return this.port.openStream(name, options);
  }

  private get port(): ClusterPort {
    if (this.loaded !== undefined) return this.loaded.port;
    throw new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: this.name, reason: 'not open' }, 'the port is not open');
  }

  private async loadAndOpen(): Promise<void> {
    this.loaded = await this.load();
    await this.loaded.port.open();
  }
}
