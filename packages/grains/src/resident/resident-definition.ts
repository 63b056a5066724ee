import type {
  DatasetColumns,
  DatasetSource,
  DatasetStore,
  GpuBridge,
  GpuPlacementStrategy,
  GrainContext,
  KernelDefinition,
} from '@gpu-bridge/abstractions';
import type { PublishedJobs } from '../batch/published-jobs.js';
import type { ComputeDevices } from './compute-device.js';
import type { GpuResidentGrain } from './gpu-resident-grain.js';

/** A type of resident grains: each key is a dataset of its own, with these columns. */
export interface ResidentDefinition<
  C extends DatasetColumns = DatasetColumns,
  G extends object = GpuResidentGrain<undefined, C>,
> {
  /** Grain type; with the key it is the id of the dataset, `type/key`, of at most 128 characters without `@`. */
  readonly type: string;
  readonly columns: C;
  /** Without one that saves, what was published is lost with its silo, and such a grain cannot migrate. */
  readonly source?: DatasetSource<C>;
  /** Kernels that shall be loaded where a grain is placed. */
  readonly kernels?: readonly KernelDefinition[];
  /** Who publishes, and whose arena quota counts; default `default`. */
  readonly tenant?: string;
  /** Other tenants whose calls may compute; `all`: every tenant. Default none. */
  readonly sharedWith?: 'all' | readonly string[];
  /** Default: director `gpu`, for the named kernels. */
  readonly placement?: GpuPlacementStrategy;
  /** A subclass of `GpuResidentGrain`, for methods and state of its own. */
  readonly grain?: ResidentGrainConstructor<C, G>;
  /** Methods of that subclass that may run between the turns of others, and those that may run twice. */
  readonly interleaving?: readonly string[];
  readonly idempotent?: readonly string[];
}

/** What a resident grain works with; handed to its constructor. */
export interface ResidentServices<C extends DatasetColumns = DatasetColumns> {
  readonly bridge: GpuBridge;
  readonly store: DatasetStore;
  readonly definition: Pick<ResidentDefinition<C>, 'type' | 'columns' | 'source' | 'tenant' | 'sharedWith'>;
  readonly jobs: PublishedJobs;
  readonly devices: ComputeDevices;
}

export type ResidentGrainConstructor<C extends DatasetColumns, G extends object> = new (
  services: ResidentServices<C>,
  context: GrainContext,
) => G;
