import { rendezvous } from '@gpu-bridge/abstractions';
import type {
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';

/**
 * Places a grain by its id: every silo chooses the same for it, and keeps choosing it while that silo lives. Room is not
 * looked at, or the choice would depend on who asks.
 */
export class HashPlacementDirector implements GpuPlacementDirector {
  readonly name = 'hash';
  readonly placesEveryCall = true;

  onAddActivation(_strategy: GpuPlacementStrategy, { type, key }: GrainId, { candidates }: PlacementContext): string {
    return rendezvous(`${type}/${key}`, candidates, siloIdOf).siloId;
  }
}

const siloIdOf = ({ siloId }: SiloCandidate): string => siloId;
