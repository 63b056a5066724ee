import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuPlacementDirector, GpuPlacementStrategy, GrainId, PlacementContext } from '@gpu-bridge/abstractions';

/** Places a grain on the silo that its key names, and nowhere else: for questions to that very silo. */
export class NamedSiloPlacementDirector implements GpuPlacementDirector {
  readonly name = 'named-silo';
  readonly placesEveryCall = true;
  readonly needsNoRoom = true;

  /** @throws GpuBridgeError `SILO_UNREACHABLE` when that silo does not serve, or is under suspicion. */
  onAddActivation(_strategy: GpuPlacementStrategy, { type, key }: GrainId, { candidates }: PlacementContext): string {
    if (candidates.some(({ siloId }) => siloId === key)) return key;
    const reason = `it is not among the silos that serve ${type}`;
    throw new GpuBridgeError('SILO_UNREACHABLE', { siloId: key, reason }, `silo ${key}: ${reason}`);
  }
}
