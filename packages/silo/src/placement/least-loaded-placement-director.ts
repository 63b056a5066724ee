import type {
  GpuPlacementDirector,
  GpuPlacementStrategy,
  GrainId,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { randomOf, withRoom } from './candidates-with-room.js';

/**
 * Places on the less loaded of two silos drawn at random; load is the number of grains in memory and of placed calls.
 *
 * Not on the least loaded of all: figures of others are up to a second old, so that every silo would send everything to the
 * same one until they are told again. Of two is nearly as even, and does not herd (Mitzenmacher, "How Useful Is Old
 * Information?", 2000).
 */
export class LeastLoadedPlacementDirector implements GpuPlacementDirector {
  readonly name = 'least-loaded';
  readonly placesEveryCall = true;

  onAddActivation(_strategy: GpuPlacementStrategy, _target: GrainId, context: PlacementContext): string {
    const open = withRoom(context.candidates);
    const one = randomOf(open, context);
    if (open.length === 1) return one.siloId;
    const other = randomOf(
      open.filter((candidate) => candidate !== one),
      context,
    );
    return (loadOf(other) < loadOf(one) ? other : one).siloId;
  }
}

function loadOf({ activations, placedCalls }: SiloCandidate): number {
  return activations + placedCalls;
}
