import type { GpuPlacementDirector, GpuPlacementStrategy, GrainId, PlacementContext } from '@gpu-bridge/abstractions';

/** Name of the director that reads strategies of grain classes which state none. */
export const PREFER_LOCAL = 'prefer-local';

/** Places an activation where the call was made when that silo is a candidate, else on the one with the fewest. */
export class PreferLocalPlacementDirector implements GpuPlacementDirector {
  readonly name = PREFER_LOCAL;
  readonly placesEveryCall = false;

  onAddActivation(_strategy: GpuPlacementStrategy, _target: GrainId, { candidates }: PlacementContext): string {
    let chosen = candidates[0]!;
    for (const candidate of candidates) {
      if (candidate.isLocal) return candidate.siloId;
      if (candidate.activations < chosen.activations) chosen = candidate;
    }
    return chosen.siloId;
  }
}
