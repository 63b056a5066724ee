import type { GpuPlacementDirector, GpuPlacementStrategy, GrainId, PlacementContext } from '@gpu-bridge/abstractions';
import { randomOf, withRoom } from './candidates-with-room.js';

/** Places anywhere, all silos with room alike. */
export class RandomPlacementDirector implements GpuPlacementDirector {
  readonly name = 'random';
  readonly placesEveryCall = true;

  onAddActivation(_strategy: GpuPlacementStrategy, _target: GrainId, context: PlacementContext): string {
    return randomOf(withRoom(context.candidates), context).siloId;
  }
}
