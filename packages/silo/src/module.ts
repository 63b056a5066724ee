import { Tokens } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ClusterPort,
  DatasetStore,
  GpuBridge,
  GpuPlacementDirector,
  GrainCallFilter,
  GrainClass,
  Logger,
} from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { builtInDirectors } from './placement/built-in-directors.js';
import { capacityOf } from './placement/device-capacity.js';
import { SiloSupervisor } from './supervision/silo-supervisor.js';
import { LateClusterView } from './silo/late-cluster-view.js';
import { Silo } from './silo/silo.js';
import { resolveSiloOptions } from './silo/silo-options.js';
import type { SiloOptions } from './silo/silo-options.js';

/**
 * Binds one silo as `Silo`, `Tokens.GrainFactory`, `Tokens.ClusterView` and a lifecycle participant. Needs `Tokens.Clock` and
 * `Tokens.Logger`; takes every `Tokens.GrainClass`, `Tokens.PlacementDirector` and
 * `Tokens.GrainCallFilter` bound when it is first resolved. With a `Tokens.ClusterPort` it is a silo of that cluster, and
 * `SiloSupervisor` can be resolved.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown option or a value out of its range.
 */
export function siloModule(options?: SiloOptions): ContainerModule {
  const resolved = resolveSiloOptions(options);
  const view = new LateClusterView(resolved.siloId);
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
          port: ClusterPort | undefined,
          datasets: DatasetStore | undefined,
        ) => {
          const describeDevices = () => capacityOf(bridge, datasets);
          const silo = new Silo(
            {
              clock,
              logger,
              placementDirectors,
              grainClasses: grainClasses ?? [],
              describeDevices,
              callFilters: callFilters ?? [],
              ...(port === undefined ? {} : { port }),
            },
            resolved,
          );
          view.attach(silo);
          return silo;
        },
        [
          Tokens.Clock,
          Tokens.Logger,
          { serviceIdentifier: Tokens.PlacementDirector, isMultiple: true },
          { serviceIdentifier: Tokens.GrainClass, isMultiple: true, optional: true },
          { serviceIdentifier: Tokens.GpuBridge, optional: true },
          { serviceIdentifier: Tokens.GrainCallFilter, isMultiple: true, optional: true },
          { serviceIdentifier: Tokens.ClusterPort, optional: true },
          { serviceIdentifier: Tokens.DatasetStore, optional: true },
        ],
      )
      .inSingletonScope();
    bind(Tokens.ClusterView).toConstantValue(view);
    bind(SiloSupervisor)
      .toResolvedValue(
        (port: ClusterPort, clock: Clock, logger: Logger) =>
          new SiloSupervisor({ port, clock, logger }, { leaseMs: resolved.leaseMs }),
        [Tokens.ClusterPort, Tokens.Clock, Tokens.Logger],
      )
      .inSingletonScope();
    bind(Tokens.GrainFactory).toService(Silo);
    bind(Tokens.LifecycleParticipant).toService(Silo);
  });
}
