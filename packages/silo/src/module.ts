import { Tokens } from '@gpu-bridge/abstractions';
import type {
  Clock,
  GpuBridge,
  GpuPlacementDirector,
  GrainCallFilter,
  GrainClass,
  Logger,
} from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { builtInDirectors } from './placement/built-in-directors.js';
import { capacityOf } from './placement/device-capacity.js';
import { Silo } from './silo/silo.js';
import type { SiloOptions } from './silo/silo-options.js';

/**
 * Binds one silo as `Silo`, `Tokens.GrainFactory` and a lifecycle participant. Needs `Tokens.Clock` and
 * `Tokens.Logger`; takes every `Tokens.GrainClass`, `Tokens.PlacementDirector` and
 * `Tokens.GrainCallFilter` bound when it is first resolved.
 */
export function siloModule(options?: SiloOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    for (const director of builtInDirectors()) {
      bind<GpuPlacementDirector>(Tokens.PlacementDirector).toConstantValue(director);
    }
    bind(Silo)
      .toResolvedValue(
        (
          clock: Clock,
          logger: Logger,
          placementDirectors: GpuPlacementDirector[],
          grainClasses: GrainClass[] | undefined,
          bridge: GpuBridge | undefined,
          callFilters: GrainCallFilter[] | undefined,
        ) => {
          const describeDevices = () => capacityOf(bridge);
          return new Silo(
            {
              clock,
              logger,
              placementDirectors,
              grainClasses: grainClasses ?? [],
              describeDevices,
              callFilters: callFilters ?? [],
            },
            options,
          );
        },
        [
          Tokens.Clock,
          Tokens.Logger,
          { serviceIdentifier: Tokens.PlacementDirector, isMultiple: true },
          { serviceIdentifier: Tokens.GrainClass, isMultiple: true, optional: true },
          { serviceIdentifier: Tokens.GpuBridge, optional: true },
          { serviceIdentifier: Tokens.GrainCallFilter, isMultiple: true, optional: true },
        ],
      )
      .inSingletonScope();
    bind(Tokens.GrainFactory).toService(Silo);
    bind(Tokens.LifecycleParticipant).toService(Silo);
  });
}
