import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  DatasetColumns,
  DatasetCounters,
  DatasetData,
  DatasetDefinition,
  DatasetLease,
  DatasetOptions,
  DatasetStore,
  EpochInfo,
  Logger,
  OpenDatasetOptions,
  ResolvedDatasetsOptions,
} from '@gpu-bridge/abstractions';
import type { LocalGpuBridge } from '../bridge/local-gpu-bridge.js';
import type { DeviceBroker } from '../broker/device-broker.js';
import { isOpen, leastLoaded } from '../placement/device-selector.js';
import { Dataset, checkName } from './dataset.js';
import { flatColumns } from './dataset-columns.js';
import { Epoch } from './epoch.js';
import type { EpochCopy } from './epoch.js';
import { EpochLoad } from './epoch-load.js';
import { EpochPlacing } from './epoch-placing.js';
import { Eviction } from './eviction.js';
import { SpillFolder } from './spill-folder.js';

/** Epochs of one dataset that are remembered. */
const MAX_EPOCHS = 256;

/** Datasets of one silo in the arenas of its devices. Everything but loading, hashing and spilling happens at once, on the broker's thread. */
export class LocalDatasetStore implements DatasetStore {
  private readonly datasets = new Map<string, Dataset>();
  private readonly spill: SpillFolder;
  private readonly placing: EpochPlacing;
  /** Devices that had a dataset. */
  private readonly equipped = new Set<DeviceBroker>();
  private readonly stopping = new AbortController();
  private epochsMade = 0;
  private opens = 0;
  private readonly counts = {
    published: 0,
    hits: 0,
    loads: 0,
    reloads: 0,
    copies: 0,
    evictions: 0,
    spills: 0,
    forgotten: 0,
  };

  constructor(
    private readonly bridge: Pick<LocalGpuBridge, 'openBrokers' | 'foreignHandle'>,
    options: ResolvedDatasetsOptions,
    private readonly logger: Logger,
    maxPendingBytes?: number,
  ) {
    const written = ({ dataset }: Epoch): void => {
      for (const { staging } of this.equipped) staging.residents.roomMade(dataset.tenant);
    };
    this.spill = new SpillFolder(options, logger, (epoch) => this.leaveBehind(epoch), written, maxPendingBytes);
    this.placing = new EpochPlacing(this.spill, this.counts, this.stopping.signal);
  }

  define<C extends DatasetColumns>(dataset: DatasetDefinition<C>, options: DatasetOptions<C> = {}): void {
    if (this.datasets.has(dataset.id)) this.defined(dataset);
    else this.datasets.set(dataset.id, new Dataset(dataset, options));
  }

  async publish<C extends DatasetColumns>(
    definition: DatasetDefinition<C>,
    epoch: string,
    data: DatasetData<C>,
    options: { readonly device?: string } = {},
  ): Promise<EpochInfo> {
    const dataset = this.defined(definition);
    checkName('epoch', epoch, 64);
    const publish = async (): Promise<EpochInfo> => {
      if (dataset.epochs.has(epoch))
        throw GpuBridgeError.invalidArgument('epoch', epoch, `one that dataset ${dataset.id} does not have`);
      const broker = this.deviceFor(dataset.current, options.device);
      const shadow = new Epoch(dataset, epoch, ++this.epochsMade, false);
      dataset.publishing = epoch;
      try {
        const copy = await this.placing.fromCaller(shadow, broker, data);
        copy.settle();
      } finally {
        dataset.publishing = undefined;
      }
      this.counts.published++;
      return this.commit(shadow);
    };
    return dataset.inTurn(publish, () => this.tooMany(dataset));
  }

  async adopt(id: string, epoch: string): Promise<EpochInfo> {
    const dataset = this.named(id);
    checkName('epoch', epoch, 64);
    const adopt = (): Promise<EpochInfo> => {
      const known = dataset.epochs.get(epoch);
      if (known === undefined && dataset.source === undefined) return Promise.reject(notFound(dataset, epoch));
      return Promise.resolve(this.commit(known ?? new Epoch(dataset, epoch, ++this.epochsMade, true)));
    };
    return dataset.inTurn(adopt, () => this.tooMany(dataset));
  }

  async open<C extends DatasetColumns>(
    definition: DatasetDefinition<C>,
    options: OpenDatasetOptions = {},
  ): Promise<DatasetLease<C>> {
    const dataset = this.defined(definition);
    const { tenant = 'default', signal } = options;
    checkName('options.tenant', tenant, 64);
    if (!dataset.isOpenTo(tenant)) throw this.bridge.foreignHandle(`dataset ${dataset.id}`, tenant);
    const copy = await this.lease(dataset, options, signal);
    return leaseOf(copy) as DatasetLease<C>;
  }

  async pin(id: string, epoch: string): Promise<Disposable> {
    const dataset = this.named(id);
    return leaseOf(await this.lease(dataset, { epoch }, undefined));
  }

  drop(id: string, name: string): void {
    const dataset = this.named(id);
    const epoch = dataset.epochs.get(name);
    if (epoch === undefined) throw notFound(dataset, name);
    const copies = [...epoch.copies.values()];
    if (epoch.loads.size > 0 || copies.some(({ isIdle }) => !isIdle))
      throw GpuBridgeError.invalidArgument('epoch', name, 'one that is not leased, pinned, loaded or read');
    this.forget(epoch);
    if (dataset.current === epoch) dataset.current = undefined;
  }

  list(): readonly EpochInfo[] {
    const byId = [...this.datasets.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return byId.flatMap(({ epochs }) => [...epochs.values()].map((epoch) => this.describe(epoch)));
  }

  counters(): DatasetCounters {
    return { ...this.counts, spilledBytes: this.spill.spilledBytes };
  }

  /** Lifecycle, called by `DatasetService`: nothing is opened or published any more, and nobody waits; what jobs read stays where it is. */
  async stop(): Promise<void> {
    this.stopping.abort(stopped());
    for (const { loads } of this.epochs()) for (const load of loads.values()) load.fail(stopped());
    await this.spill.stop();
  }

  /** Nobody uses it. */
  private forget(epoch: Epoch): void {
    const { dataset, name } = epoch;
    for (const copy of epoch.copies.values()) {
      copy.free();
      copy.broker.staging.residents.roomMade(dataset.tenant);
    }
    this.spill.forget(epoch);
    dataset.epochs.delete(name);
  }

  /** In one step: who opens the dataset from now on gets this epoch. */
  private commit(epoch: Epoch): EpochInfo {
    const { dataset, name } = epoch;
    this.refuseWhenStopped();
    dataset.epochs.set(name, epoch);
    dataset.current = epoch;
    epoch.openedAt = ++this.opens;
    if (dataset.epochs.size > MAX_EPOCHS) {
      const oldest = [...dataset.epochs.values()].find(({ isForgettable }) => isForgettable);
      if (oldest !== undefined) this.leaveBehind(oldest);
    }
    return this.describe(epoch);
  }

  /** There are too many epochs, or no room for all that are spilled. */
  private leaveBehind(epoch: Epoch): void {
    this.counts.forgotten++;
    if (!epoch.isInSource)
      this.logger.warn('a superseded epoch is forgotten', { dataset: epoch.dataset.id, epoch: epoch.name });
    this.forget(epoch);
  }

  /** A copy of an epoch that somebody holds from now on. */
  private async lease(dataset: Dataset, options: OpenDatasetOptions, signal?: AbortSignal): Promise<EpochCopy> {
    const aborted = (): Error =>
      new GpuBridgeError('CANCELLED', { what: `open of dataset ${dataset.id}` }, 'the signal was aborted');
    if (signal?.aborted === true) throw aborted();
    const epoch = this.epochOf(dataset, options.epoch);
    const broker = this.deviceFor(epoch, options.device);
    dataset.epochs.set(epoch.name, epoch);
    epoch.openedAt = ++this.opens;
    const copy = epoch.copies.get(broker.description.id);
    if (copy === undefined) return this.load(epoch, broker).wait(signal, aborted);
    this.counts.hits++;
    copy.leases++;
    return copy;
  }

  /** Brings an epoch to a device, once however many ask. */
  private load(epoch: Epoch, broker: DeviceBroker): EpochLoad {
    const { id } = broker.description;
    const running = epoch.loads.get(id);
    if (running !== undefined) return running;
    const load = new EpochLoad();
    epoch.loads.set(id, load);
    this.placing.fromElsewhere(epoch, broker).then(
      (copy) => {
        epoch.loads.delete(id);
        copy.settle();
        load.end(copy);
      },
      (error: unknown) => {
        epoch.loads.delete(id);
        this.forgetUnknown(epoch);
        load.fail(error);
      },
    );
    return load;
  }

  /** A name that somebody asked for and that never was an epoch. */
  private forgetUnknown(epoch: Epoch): void {
    if (epoch.content === undefined && epoch.loads.size === 0 && !epoch.isCurrent)
      epoch.dataset.epochs.delete(epoch.name);
  }

  /** The wanted epoch, which the source may have though nobody has opened it here. */
  private epochOf(dataset: Dataset, name: string | undefined): Epoch {
    const known = name === undefined ? dataset.current : dataset.epochs.get(name);
    if (known !== undefined) return known;
    if (name === undefined || dataset.source === undefined || name === dataset.publishing)
      throw notFound(dataset, name);
    return new Epoch(dataset, checkName('epoch', name, 64), ++this.epochsMade, true);
  }

  /** The named device, one that has the epoch, or the one that is least busy; where that is quarantined, another. */
  private deviceFor(epoch: Epoch | undefined, wanted: string | undefined): DeviceBroker {
    const brokers = this.bridge.openBrokers();
    const named = wanted === undefined ? undefined : brokers.find(({ description }) => description.id === wanted);
    const open = brokers.filter(isOpen);
    if ((wanted !== undefined && named === undefined) || open.length === 0) {
      const known = brokers.map(({ description }) => description.id);
      throw new GpuBridgeError(
        'DEVICE_NOT_FOUND',
        { wanted: wanted ?? 'any device', known },
        `no device ${wanted ?? ''} is open`,
      );
    }
    const having = open.find(
      ({ description: { id } }) => epoch?.copies.has(id) === true || epoch?.loads.has(id) === true,
    );
    const chosen = named !== undefined && isOpen(named) ? named : (having ?? leastLoaded(open));
    this.equip(chosen);
    return chosen;
  }

  /** Datasets of a device make way when its arena is full. */
  private equip(broker: DeviceBroker): void {
    if (this.equipped.has(broker)) return;
    this.equipped.add(broker);
    broker.staging.arena.reclaimer = new Eviction(
      broker,
      () => this.epochs(),
      this.spill,
      (isSpilled) => {
        this.counts.evictions++;
        if (isSpilled) this.counts.spills++;
      },
    );
  }

  private *epochs(): Iterable<Epoch> {
    for (const { epochs } of this.datasets.values()) yield* epochs.values();
  }

  private defined({ id, columns }: DatasetDefinition): Dataset {
    const dataset = this.named(id);
    if (dataset.matches(flatColumns(columns))) return dataset;
    const expected = dataset.columns.map(({ name, dtype }) => `${name}: ${dtype}`).join(', ');
    throw GpuBridgeError.invalidArgument(`columns of dataset ${id}`, columns, `as defined before: ${expected}`);
  }

  private named(id: string): Dataset {
    this.refuseWhenStopped();
    const dataset = this.datasets.get(id);
    if (dataset !== undefined) return dataset;
    const known = [...this.datasets.keys()];
    throw new GpuBridgeError(
      'DATASET_NOT_FOUND',
      { dataset: id, epoch: undefined, known },
      `no dataset ${id} is defined`,
    );
  }

  private describe(epoch: Epoch): EpochInfo {
    const { dataset, name, isCurrent, copies, content, pins } = epoch;
    const evicted = this.spill.has(epoch) ? 'spilled' : 'evicted';
    return {
      id: dataset.id,
      epoch: name,
      tenant: dataset.tenant,
      isCurrent,
      residency: copies.size > 0 ? 'resident' : evicted,
      deviceIds: [...copies.keys()],
      sizeBytes: content?.layout.sizeBytes ?? 0,
      pins,
    };
  }

  private refuseWhenStopped(): void {
    if (this.stopping.signal.aborted) throw stopped();
  }

  private tooMany({ id, tenant }: Dataset): GpuBridgeError {
    const deviceId = this.bridge.openBrokers()[0]?.description.id ?? 'none';
    return new GpuBridgeError(
      'QUEUE_FULL',
      { deviceId, tenant, retryAfterNs: 100_000_000n },
      `too many epochs of dataset ${id} wait to be published`,
    );
  }
}

function leaseOf(copy: EpochCopy): DatasetLease {
  const { epoch, deviceId, data, resident } = copy;
  let isHeld = true;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    copy.leases--;
    if (copy.isIdle) copy.broker.staging.residents.roomMade(epoch.dataset.tenant);
  };
  return {
    id: epoch.dataset.id,
    epoch: epoch.name,
    deviceId,
    data,
    sizeBytes: resident.block.sizeBytes,
    release,
    [Symbol.dispose]: release,
  };
}

function notFound({ id, epochs }: Dataset, epoch: string | undefined): GpuBridgeError {
  const known = [...epochs.keys()];
  return new GpuBridgeError(
    'DATASET_NOT_FOUND',
    { dataset: id, epoch, known },
    epoch === undefined ? `dataset ${id} has no epoch yet` : `dataset ${id} has no epoch ${epoch}`,
  );
}

function stopped(): GpuBridgeError {
  return new GpuBridgeError('DRAINING', { what: 'the dataset store' }, 'the dataset store has stopped');
}
