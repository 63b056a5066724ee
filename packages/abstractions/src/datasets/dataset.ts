import type { ElementInput } from '../columns/column-input.js';
import type { ElementType } from '../kernels/schema.js';

/** Columns of a dataset by name. Each has a length of its own: a CSR graph has n + 1 offsets and m targets. */
export type DatasetColumns = Readonly<Record<string, ElementType>>;

/** What a dataset is: its name and its columns. Its content comes in epochs. */
export interface DatasetDefinition<C extends DatasetColumns = DatasetColumns> {
  /** 1 … 128 characters without `@`; one dataset per id on a silo. */
  readonly id: string;
  readonly columns: C;
}

/** Data of a dataset by column. */
export type DatasetData<C extends DatasetColumns = DatasetColumns> = { readonly [K in keyof C]: ElementInput<C[K]> };

/**
 * Where epochs come from, and are kept: what was evicted is loaded again, after a failover on another silo. An epoch never
 * changes: every load of one gives the same bytes.
 */
export interface DatasetSource<C extends DatasetColumns = DatasetColumns> {
  /** @throws GpuBridgeError `DATASET_NOT_FOUND` when it does not have that epoch. */
  load(id: string, epoch: string, signal: AbortSignal): Promise<DatasetData<C>>;
  /**
   * Called before an epoch is committed; when it has resolved, `load` gives the epoch to every silo. Without it, a source is
   * read-only.
   *
   * @param data - views of the arena, borrowed until the promise settles; 64-bit columns are BigInt64Array or BigUint64Array.
   */
  save?(id: string, epoch: string, data: DatasetData<C>): Promise<void>;
}

/** What is said once of a dataset, before its first epoch. */
export interface DatasetOptions<C extends DatasetColumns = DatasetColumns> {
  /** Without one, what is evicted is spilled to a file of this silo, and gone with the silo. */
  readonly source?: DatasetSource<C>;
  /** Whose arena quota it counts against, and who may open it; default `default`. */
  readonly tenant?: string;
  /** Other tenants that may open it; `all`: every tenant. Default none. */
  readonly sharedWith?: 'all' | readonly string[];
}

export interface OpenDatasetOptions {
  /**
   * Default: the current one. A superseded epoch can be opened as long as it is pinned, resident, spilled, or its source has it;
   * of a dataset 256 epochs are remembered.
   */
  readonly epoch?: string;
  /** Default: a device that has the epoch; else the one that jobs without hints go to. */
  readonly device?: string;
  /** Who asks; default `default`. */
  readonly tenant?: string;
  /** Aborting ends the wait for a load, not the load. */
  readonly signal?: AbortSignal;
}

/**
 * The right to use one epoch on one device: while it is held, the columns stay where they are. Release it when the last job
 * that reads them was submitted; the jobs keep what they read.
 */
export interface DatasetLease<C extends DatasetColumns = DatasetColumns> extends Disposable {
  readonly id: string;
  readonly epoch: string;
  readonly deviceId: string;
  /** Views of the device's arena, to be passed to kernels as they are; never to be written. 64-bit columns are BigInt64Array or BigUint64Array. */
  readonly data: DatasetData<C>;
  readonly sizeBytes: number;
  /** Idempotent. */
  release(): void;
}

export type DatasetResidency = 'resident' | 'spilled' | 'evicted';

/** One epoch of a dataset on this silo. */
export interface EpochInfo {
  readonly id: string;
  readonly epoch: string;
  readonly tenant: string;
  /** The epoch that `open` gives without naming one; others are superseded. */
  readonly isCurrent: boolean;
  /** By device; `spilled` and `evicted` epochs are on none. `evicted`: only its source has it. */
  readonly residency: DatasetResidency;
  readonly deviceIds: readonly string[];
  readonly sizeBytes: number;
  /** Leases that are held, and `pin`s. */
  readonly pins: number;
}

/**
 * Large inputs that stay on devices, in immutable epochs. Under `Tokens.DatasetStore`; one per silo, shared by its grains, so
 * two that open the same epoch on the same device read the same memory.
 *
 * Arena that is wanted for something else is taken from superseded epochs first, then from the epochs that were opened
 * longest ago; never from one that is leased, pinned, or read by a job.
 */
export interface DatasetStore {
  /** Says what a dataset is. Again with the same columns: no effect. @throws GpuBridgeError `INVALID_ARGUMENT`. */
  define<C extends DatasetColumns>(dataset: DatasetDefinition<C>, options?: DatasetOptions<C>): void;

  /**
   * Makes an epoch from a copy of `data` and commits it: who opens the dataset from then on gets it, who has a lease goes on
   * with the epoch it has. Without room nothing changes. Publishes of one dataset happen in the order of their calls.
   *
   * @param epoch - 1 … 64 characters; an epoch that exists already is refused, whatever its data.
   * @param data - borrowed until the promise settles.
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `NOT_SAFE_INTEGER`, `ARENA_EXHAUSTED`, `QUOTA_EXCEEDED`, `QUEUE_FULL` (too many
   *   publishes of the dataset wait), `DATASET_NOT_FOUND` (not defined), `DEVICE_NOT_FOUND`, `DRAINING`, what `save` threw.
   */
  publish<C extends DatasetColumns>(
    dataset: DatasetDefinition<C>,
    epoch: string,
    data: DatasetData<C>,
    options?: { readonly device?: string },
  ): Promise<EpochInfo>;

  /** Makes an epoch that the source has the current one, without loading it now. @throws as `publish`. */
  adopt(id: string, epoch: string): Promise<EpochInfo>;

  /**
   * @throws GpuBridgeError `DATASET_NOT_FOUND`, `FOREIGN_HANDLE`, `ARENA_EXHAUSTED`, `QUOTA_EXCEEDED`, `DEVICE_NOT_FOUND`,
   *   `CANCELLED`, `DRAINING`, `DATASET_INVALID` (what was loaded is not what the epoch was), what `load` threw.
   */
  open<C extends DatasetColumns>(dataset: DatasetDefinition<C>, options?: OpenDatasetOptions): Promise<DatasetLease<C>>;

  /** Keeps a superseded epoch resident until the returned object is disposed of. @throws as `open`. */
  pin(id: string, epoch: string): Promise<Disposable>;

  /**
   * Forgets an epoch here; its source keeps it.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` while it is leased, pinned, loaded or read, `DATASET_NOT_FOUND`.
   */
  drop(id: string, epoch: string): void;

  /** Every epoch this silo knows, by id and age. */
  list(): readonly EpochInfo[];

  counters(): DatasetCounters;
}

/** What the store has done since the silo started. */
export interface DatasetCounters {
  readonly published: number;
  /** Opens that found the epoch on the device. */
  readonly hits: number;
  /** Epochs that were loaded from their source. */
  readonly loads: number;
  /** Epochs that were read back from where they had been spilled. */
  readonly reloads: number;
  /** Epochs that were copied from another device. */
  readonly copies: number;
  /** Epochs that made way on a device. */
  readonly evictions: number;
  /** Evicted epochs without a source, which were written to the spill folder. */
  readonly spills: number;
  /** Superseded epochs that nobody used and that were forgotten: too many of a dataset, or no room in the spill folder. */
  readonly forgotten: number;
  /** Bytes that are spilled now, on disk or on the way there. */
  readonly spilledBytes: number;
}

/** Which dataset a column belongs to. */
export interface DatasetColumnRef {
  readonly id: string;
  readonly epoch: string;
  /** Column, or `column.field` of a struct. */
  readonly column: string;
}
