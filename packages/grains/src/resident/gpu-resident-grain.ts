import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  DatasetColumns,
  DatasetData,
  DatasetDefinition,
  EpochInfo,
  GpuExecutionHints,
  GpuKernel,
  Grain,
  GrainContext,
  GrainStorage,
  KernelDefinition,
  KernelHandle,
  KernelInputs,
  KernelOutputs,
  KernelParams,
} from '@gpu-bridge/abstractions';
import { AdmittedBatch } from '../batch/batch-execution.js';
import type { BatchExecution } from '../batch/batch-execution.js';
import { requestHints } from '../batch/job-hints.js';
import { ownersOf } from '../batch/published-jobs.js';
import { checkComputeOptions, columnsByParam, inputsOf } from './compute-call.js';
import type { ComputeArgs, ComputeOptions } from './compute-call.js';
import type { ResidentServices } from './resident-definition.js';
import { NEW_RECORD, residentRecord } from './resident-record.js';
import type { CurrentEpoch, ResidentRecord } from './resident-record.js';

/** What a resident grain is, and has where it is active. */
export interface ResidentInfo {
  /** Of the dataset. */
  readonly id: string;
  /** The current one; undefined before the first is published. */
  readonly epoch: string | undefined;
  /** The source of the dataset has it, so it outlives this silo. */
  readonly isSaved: boolean;
  readonly siloId: string;
  readonly fencingToken: number;
  readonly pins: readonly string[];
  /** Epochs that this silo knows. */
  readonly epochs: readonly EpochInfo[];
}

type UntypedKernel = GpuKernel<Record<string, unknown>, Record<string, unknown>>;

const MOST_PINS = 64;

/**
 * A dataset with a name: large inputs that stay on a device, in epochs, and kernels that compute on them where they are. The
 * epoch that is current stands in grain storage, in a silo alone in that silo's memory; the data are the dataset store's and its
 * source's.
 *
 * Publishing is in order, one after the other. Computing waits for neither: it goes to the epoch that is current when it is
 * called, and its result names it.
 *
 * Subclasses add methods, and state that is plain data. One that has an `onActivate` or an `onDeactivate` calls this one's.
 */
export class GpuResidentGrain<TState = undefined, C extends DatasetColumns = DatasetColumns> implements Grain {
  /** The dataset, for methods of subclasses that open it themselves. */
  protected readonly dataset: DatasetDefinition<C>;
  private readonly source: 'none' | 'read-only' | 'saves';
  private record: ResidentRecord = NEW_RECORD;
  /** Undefined in a silo alone: what the store of the silo knows is all there is then. */
  private storage: GrainStorage | undefined;
  private writing: Promise<unknown> = Promise.resolve();
  private readonly pinned = new Map<string, Disposable>();

  constructor(
    protected readonly services: ResidentServices<C>,
    protected readonly context: GrainContext,
  ) {
    const { type, columns, source } = services.definition;
    this.dataset = { id: `${type}/${context.id.key}`, columns };
    this.source = source === undefined ? 'none' : source.save === undefined ? 'read-only' : 'saves';
  }

  /** Takes up the epoch that storage names, and has it loaded before calls come, if it can be had. */
  async onActivate(): Promise<void> {
    const { store, definition } = this.services;
    const { source, tenant, sharedWith } = definition;
    store.define(this.dataset, {
      ...(source && { source }),
      ...(tenant !== undefined && { tenant }),
      ...(sharedWith !== undefined && { sharedWith }),
    });
    this.storage = storageOf(this.context);
    this.record =
      this.storage === undefined ? this.recordOfStore() : residentRecord(await this.storage.read(), this.dataset.id);
    const { current, pins } = this.record;
    if (current === null) return;
    // Whatever is wrong with it, whoever computes hears of it; and a new epoch can be published.
    await this.warm(current.epoch).catch(() => undefined);
    for (const epoch of pins) await this.hold(epoch).catch(() => undefined);
  }

  /** Epochs stay on the device as long as nothing else wants their room, and jobs keep what they read. */
  async onDeactivate(): Promise<void> {
    for (const pin of this.pinned.values()) pin[Symbol.dispose]();
    this.pinned.clear();
  }

  /**
   * Makes a new epoch of these data, and the current one: who computes from then on computes on it. Until then, and where it
   * fails, nothing changes.
   *
   * @param epoch - 1 … 64 characters, not all of them digits; no epoch there was. Default: the next number.
   * @returns its name.
   * @throws GpuBridgeError `LEASE_FENCED` when another silo has the grain; `FOREIGN_HANDLE`, `INVALID_ARGUMENT`,
   *   `ARENA_EXHAUSTED`, `QUOTA_EXCEEDED`, what the source's `save` threw; `CLUSTER_UNAVAILABLE`: it may become the current one
   *   with the next activation.
   */
  async publish(data: DatasetData<C>, epoch?: string): Promise<string> {
    this.refuseForeigners();
    return this.commit(data, epoch);
  }

  /**
   * Publishes the current epoch with other data in some of its columns.
   *
   * @throws GpuBridgeError as `publish`; `DATASET_NOT_FOUND` without a current epoch.
   */
  async update(patch: Partial<DatasetData<C>>, epoch?: string): Promise<string> {
    this.refuseForeigners();
    const known = Object.keys(this.dataset.columns);
    const changed = typeof patch === 'object' && patch !== null ? Object.keys(patch) : [];
    if (changed.length === 0 || changed.some((column) => !known.includes(column)))
      throw GpuBridgeError.invalidArgument('patch', changed.join(', '), `some of the columns ${known.join(', ')}`);
    const lease = await this.open(this.currentEpoch(), this.owner);
    try {
      return await this.commit({ ...lease.data, ...patch }, epoch);
    } finally {
      lease.release();
    }
  }

  /**
   * Submits a kernel on one epoch of the dataset; resolves when admitted, not when done. Columns go to the parameters of
   * their names, or to those that `bind` says; everything else is in `args`. Other than for a batch grain, whatever is repeated
   * after the death of a silo is repeated on the same epoch.
   *
   * @param kernel - registered where the grain is; its name will do.
   * @param options - a tenant in `hints` goes over that of the request.
   * @param signal - aborting cancels the job, before and after admission.
   * @throws GpuBridgeError `DATASET_NOT_FOUND`, `FOREIGN_HANDLE`, `INVALID_ARGUMENT`, and what batches and opening a dataset throw.
   */
  async compute<P extends KernelParams, B extends string = never>(
    kernel: KernelDefinition<P> | string,
    args: ComputeArgs<P, C, B>,
    options: ComputeOptions<B, keyof C & string> = {},
    signal?: AbortSignal,
  ): Promise<BatchExecution<KernelOutputs<P>>> {
    checkComputeOptions(options);
    const { request, siloId } = this.context;
    const hints: GpuExecutionHints = requestHints(options.hints, request) ?? {};
    const owners = ownersOf(hints, request);
    const found = this.kernel(kernel);
    const given = args as Readonly<Record<string, unknown>>;
    const bound = columnsByParam(found.descriptor, this.dataset.columns, given, options.bind);
    const epoch = options.epoch ?? this.currentEpoch();
    const wanted = this.services.devices.choose(found.descriptor.id, hints, this.dataset.id, epoch);
    const lease = await this.open(epoch, hints.tenant, wanted.device, signal);
    try {
      // A named device stays named, so that the result says when it was another.
      const preferredDevice = hints.preferredDevice ?? (wanted.isThere ? lease.deviceId : undefined);
      const placed = { ...hints, epoch, ...(preferredDevice !== undefined && { preferredDevice }) };
      const handle = await submit(found, inputsOf(given, bound, lease.data), options, placed, signal);
      const { jobs } = this.services;
      const { mode } = options;
      const job = new AdmittedBatch(found, handle, mode === undefined ? {} : { mode }, { siloId, jobs }, owners, epoch);
      // The caller's kernel is typed; here it is known by its name.
      return job as BatchExecution<unknown> as BatchExecution<KernelOutputs<P>>;
    } finally {
      lease.release();
    }
  }

  /**
   * Keeps an epoch on the device, superseded ones too, also on the silos that the grain moves to. Idempotent.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` above 64 pins, and what opening a dataset throws.
   */
  async pin(epoch: string): Promise<void> {
    this.refuseForeigners();
    const { pins } = this.record;
    if (pins.includes(epoch) && this.pinned.has(epoch)) return;
    if (!pins.includes(epoch) && pins.length >= MOST_PINS)
      throw GpuBridgeError.invalidArgument('epoch', epoch, `at most ${MOST_PINS} that are pinned`);
    await this.hold(epoch);
    await this.write((record) => ({ pins: [...record.pins.filter((pin) => pin !== epoch), epoch] }));
  }

  /** Idempotent. */
  async unpin(epoch: string): Promise<void> {
    this.refuseForeigners();
    this.pinned.get(epoch)?.[Symbol.dispose]();
    this.pinned.delete(epoch);
    if (this.record.pins.includes(epoch))
      await this.write((record) => ({ pins: record.pins.filter((pin) => pin !== epoch) }));
  }

  async describe(): Promise<ResidentInfo> {
    const { siloId, fencingToken } = this.context;
    const { current, pins } = this.record;
    const { id } = this.dataset;
    return {
      id,
      epoch: current?.epoch,
      isSaved: current?.isSaved ?? false,
      siloId,
      fencingToken,
      pins,
      epochs: this.services.store.list().filter((epoch) => epoch.id === id),
    };
  }

  /**
   * Moves the grain to another silo once the current calls have ended; jobs that run here go on, and their results are read
   * from here. Calls wait meanwhile, and none fails.
   *
   * @param siloId - Default: the placement director chooses.
   * @throws GpuBridgeError `INVALID_ARGUMENT` also when the current epoch is nowhere but on this silo; as `migrateOnIdle`.
   */
  async migrate(siloId?: string): Promise<void> {
    this.refuseForeigners();
    const { current } = this.record;
    if (current !== null && !current.isSaved) {
      const expected = `a source that has epoch ${current.epoch}: otherwise it is lost with the move`;
      throw GpuBridgeError.invalidArgument('source', this.source, expected);
    }
    this.context.migrateOnIdle(siloId);
  }

  /** Of a subclass; undefined until some was saved. */
  protected get state(): TState | undefined {
    return this.record.state as TState | undefined;
  }

  /** @throws GpuBridgeError as `context.storage.write`; `context.storage` itself belongs to this class. */
  protected async saveState(state: TState): Promise<void> {
    if (this.storage === undefined) this.storage = this.context.storage; // throws: nothing would keep it
    await this.write(() => ({ state }));
  }

  private get owner(): string {
    return this.services.definition.tenant ?? 'default';
  }

  /**
   * The order in which an epoch comes to be; each step can be the last one.
   *
   * 1. Storage takes its number. So no two attempts ever have the same, also not those of two activations; and one that has
   *    been replaced is refused before it saves anything.
   * 2. The store copies the data to the device and saves them with the source. Nobody computes on them yet.
   * 3. Storage names it as the current one, by compare-and-set: it is, for the whole cluster, or it never was.
   * 4. Whoever computes here gets it.
   */
  private async commit(data: DatasetData<C>, wanted: string | undefined): Promise<string> {
    if (wanted !== undefined && (typeof wanted !== 'string' || /^\d*$/.test(wanted)))
      throw GpuBridgeError.invalidArgument('epoch', wanted, 'a name that is no number: the grain gives those itself');
    const { store } = this.services;
    const before = this.record.current;
    const lastNumber = this.record.lastNumber + 1;
    await this.write(() => ({ lastNumber }));
    const epoch = wanted ?? String(lastNumber);
    await store.publish(this.dataset, epoch, data);
    const current: CurrentEpoch = { epoch, siloId: this.context.siloId, isSaved: this.source === 'saves' };
    try {
      await this.write(() => ({ current }));
    } catch (error) {
      // Nothing here goes by what the store holds for current, but grains that open the dataset by themselves do.
      if (before !== null) await store.adopt(this.dataset.id, before.epoch).catch(() => undefined);
      throw error;
    }
    return epoch;
  }

  private async warm(epoch: string): Promise<void> {
    // Comes behind what an activation that was replaced here still publishes; nothing of this grain waits for it or goes by it.
    this.services.store.adopt(this.dataset.id, epoch).catch(() => undefined);
    (await this.open(epoch, this.owner)).release();
  }

  /** In a silo alone an activation comes after another of the same silo, and finds what that one left in the store. */
  private recordOfStore(): ResidentRecord {
    const epochs = this.services.store.list().filter(({ id }) => id === this.dataset.id);
    const current = epochs.find(({ isCurrent }) => isCurrent);
    if (current === undefined) return NEW_RECORD;
    const { siloId } = this.context;
    const lastNumber = Math.max(0, ...epochs.map(({ epoch }) => Number(epoch)).filter(Number.isSafeInteger));
    return { ...NEW_RECORD, lastNumber, current: { epoch: current.epoch, siloId, isSaved: this.source === 'saves' } };
  }

  private async hold(epoch: string): Promise<void> {
    if (!this.pinned.has(epoch)) this.pinned.set(epoch, await this.services.store.pin(this.dataset.id, epoch));
  }

  private async open(epoch: string, tenant: string | undefined, device?: string, signal?: AbortSignal) {
    try {
      return await this.services.store.open(this.dataset, {
        epoch,
        ...(tenant !== undefined && { tenant }),
        ...(device !== undefined && { device }),
        ...(signal && { signal }),
      });
    } catch (error) {
      throw GpuBridgeError.is(error, 'DATASET_NOT_FOUND') ? this.notFound(epoch, error) : error;
    }
  }

  /** Says so where an epoch is lost because nothing saved it. */
  private notFound(epoch: string, error: GpuBridgeError<'DATASET_NOT_FOUND'>): GpuBridgeError {
    const { current } = this.record;
    if (current?.epoch !== epoch || current.isSaved || current.siloId === this.context.siloId) return error;
    const reason = `was published on silo ${current.siloId} without a source that saves, and is not on silo ${this.context.siloId}`;
    const message = `epoch ${epoch} of dataset ${this.dataset.id} ${reason}: publish it anew`;
    return new GpuBridgeError('DATASET_NOT_FOUND', error.details, message, { cause: error });
  }

  private currentEpoch(): string {
    const { current } = this.record;
    if (current !== null) return current.epoch;
    const { id } = this.dataset;
    const details = { dataset: id, epoch: undefined, known: [] };
    throw new GpuBridgeError('DATASET_NOT_FOUND', details, `nothing was published to dataset ${id} yet`);
  }

  private kernel(kernel: KernelDefinition<KernelParams> | string): UntypedKernel {
    return this.services.bridge.getKernel(typeof kernel === 'string' ? kernel : kernel.name);
  }

  /** Only the tenant of the dataset changes it. To be called before the first `await`. */
  private refuseForeigners(): void {
    const { tenant = 'default' } = this.context.request;
    if (tenant === this.owner) return;
    throw this.services.bridge.foreignHandle(`dataset ${this.dataset.id}`, tenant);
  }

  /** One write at a time, each on what the one before has left. */
  private write(change: (record: ResidentRecord) => Partial<ResidentRecord>): Promise<void> {
    const written = this.writing.then(async () => {
      const next = { ...this.record, ...change(this.record) };
      await this.storage?.write(next);
      this.record = next;
    });
    this.writing = written.catch(() => undefined);
    return written;
  }
}

function storageOf(context: GrainContext): GrainStorage | undefined {
  try {
    return context.storage;
  } catch (error) {
    if (GpuBridgeError.is(error, 'STORAGE_UNAVAILABLE')) return undefined;
    throw error;
  }
}

function submit(
  kernel: UntypedKernel,
  inputs: KernelInputs<KernelParams>,
  { launch }: ComputeOptions,
  hints: GpuExecutionHints,
  signal: AbortSignal | undefined,
): Promise<KernelHandle<Record<string, unknown>>> {
  const { kind, name } = kernel.descriptor;
  if (kind === 'grid' && launch !== undefined) return kernel.submitGrid(inputs, launch, hints, signal);
  if (kind === 'map' && launch === undefined) return kernel.submitBatch(inputs, hints, signal);
  const expected = kind === 'grid' ? `given: ${name} is a grid kernel` : `left out: ${name} is a map kernel`;
  throw GpuBridgeError.invalidArgument('options.launch', launch, expected);
}
