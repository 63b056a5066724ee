import type { DeviceType } from '../bridge/execution-hints.js';
import type { GrainId } from '../grains/grain.js';

/** Serialisable data saying what a grain class wants; no code. */
export interface GpuPlacementStrategy {
  /** Name of the director that reads it. */
  readonly director: string;
  readonly deviceType?: DeviceType;
  /** Kernels that should be warm where it is placed. */
  readonly kernels?: readonly string[];
}

/** A silo as directors see it. */
export interface SiloCandidate {
  readonly siloId: string;
  readonly isLocal: boolean;
  readonly deviceTypes: readonly DeviceType[];
  /** Largest queue use over its devices, 0 … 1. */
  readonly queueUse: number;
}

/** Code choosing a silo for a new activation. */
export interface GpuPlacementDirector {
  readonly name: string;
  /** @returns the chosen candidate's `siloId`; candidates are never empty. */
  onAddActivation(strategy: GpuPlacementStrategy, target: GrainId, candidates: readonly SiloCandidate[]): string;
}
