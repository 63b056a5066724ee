import type { GpuPlacementDirector } from '@gpu-bridge/abstractions';
import { HashPlacementDirector } from './hash-placement-director.js';
import { LeastLoadedPlacementDirector } from './least-loaded-placement-director.js';
import { NamedSiloPlacementDirector } from './named-silo-placement-director.js';
import { PreferLocalPlacementDirector } from './prefer-local-placement-director.js';
import { RandomPlacementDirector } from './random-placement-director.js';

/** The directors that every silo has. */
export function builtInDirectors(): readonly GpuPlacementDirector[] {
  return [
    new PreferLocalPlacementDirector(),
    new RandomPlacementDirector(),
    new HashPlacementDirector(),
    new LeastLoadedPlacementDirector(),
    new NamedSiloPlacementDirector(),
  ];
}
