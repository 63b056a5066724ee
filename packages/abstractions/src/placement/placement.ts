import type { DeviceHealth } from '../bridge/gpu-bridge.js';
import type { DeviceType } from '../bridge/execution-hints.js';
import type { GrainId } from '../grains/grain.js';
import type { KernelRequirement } from '../kernels/descriptor.js';

/** Serialisable data saying what a grain class wants; no code. */
export interface GpuPlacementStrategy {
  /** Name of the director that reads it. */
  readonly director: string;
  /** Wanted kind of device. */
  readonly deviceType?: DeviceType;
  /** Id of the wanted device, for example `opencl:0`: the silos that have one of that id. */
  readonly device?: string;
  /** What the device must offer. */
  readonly capabilities?: readonly KernelRequirement[];
  /** Names of kernels that should be warm where it is placed. */
  readonly kernels?: readonly string[];
  /** Datasets, as `id@epoch`, that should be resident where it is placed. */
  readonly datasets?: readonly string[];
  /** Arena that a placement will take, bytes. */
  readonly arenaBytes?: number;
  /** Keeps calls of one tenant together while there is room. Default false. */
  readonly tenantAffinity?: boolean;
  /** Without a silo that fits: take one that has only a CPU (default; counted and logged), or refuse with `DEVICE_NOT_FOUND`. */
  readonly fallback?: 'cpu' | 'refuse';
}

/** What one call wants; goes over the strategy of the grain's class. */
export type CallPlacement = Partial<Omit<GpuPlacementStrategy, 'director'>>;

/** What a silo says about one device, at most a second old where it comes from another silo. */
export interface DeviceCapacity {
  readonly deviceId: string;
  readonly type: DeviceType;
  readonly backend: string;
  readonly health: DeviceHealth;
  readonly freeArenaBytes: number;
  readonly queuedJobs: number;
  /** Queued jobs over the queue's limit. */
  readonly queueUse: number;
  /** Age of the oldest entry in a ring, ms. */
  readonly oldestInFlightMs: number;
  readonly utilisation: number;
  readonly offers: readonly KernelRequirement[];
  /** Names of the kernels it has loaded. */
  readonly kernels: readonly string[];
  /** Datasets resident there, as `id@epoch`. */
  readonly datasets: readonly string[];
}

/** A silo as directors see it. */
export interface SiloCandidate {
  readonly siloId: string;
  readonly isLocal: boolean;
  /** Empty: it can run kernels nowhere. */
  readonly devices: readonly DeviceCapacity[];
  /** In-memory grains. */
  readonly activations: number;
  /** Calls that were placed there and have not ended: what it says itself, and what this silo has placed since. */
  readonly placedCalls: number;
  /** Placed calls that it takes at once; at that number it refuses. */
  readonly placedCallLimit: number;
}

/** What a placement is for, and what can be chosen. */
export interface PlacementContext {
  /** Live silos that host the grain's type, never empty, ordered by `siloId`; the local one included. */
  readonly candidates: readonly SiloCandidate[];
  readonly tenant: string | undefined;
  readonly nowMs: number;
  /** 0 … 1, from the silo's own source, so that a simulation repeats. */
  random(): number;
  /** To be told when less is chosen than the strategy wants; the silo counts and logs it. */
  onFallback(wanted: string, chosen: string): void;
}

/** Code choosing a silo. */
export interface GpuPlacementDirector {
  readonly name: string;
  /** Whether stateless workers are placed anew for every call; otherwise they are where their caller is, if it hosts them. */
  readonly placesEveryCall: boolean;
  /**
   * Its calls run on the chosen silo however full that is, and are not counted among its placed calls: for questions to a silo
   * rather than work. Default false.
   */
  readonly needsNoRoom?: boolean;
  /**
   * @returns the chosen candidate's `siloId`.
   * @throws GpuBridgeError `DEVICE_NOT_FOUND` when nothing fits and the strategy wants no less, `SILO_BUSY` when all that
   *   fit are full.
   */
  onAddActivation(strategy: GpuPlacementStrategy, target: GrainId, context: PlacementContext): string;
}
