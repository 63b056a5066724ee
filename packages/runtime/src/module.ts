import { Tokens } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ComputeBackend,
  JobRecorder,
  KernelCompiler,
  Logger,
  ResolvedGpuBridgeOptions,
} from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { LocalGpuBridge } from './bridge/local-gpu-bridge.js';
import { KernelCatalog } from './catalog/kernel-catalog.js';
import { SystemClock } from './clock/system-clock.js';
import { PinoLogger } from './diagnostics/pino-logger.js';
import { LocalDatasetStore } from './datasets/local-dataset-store.js';
import { DatasetService } from './host/dataset-service.js';
import { BrokerService } from './host/broker-service.js';
import { GpuHostFeature } from './host/gpu-host-feature.js';
import { CapacityPlacementDirector } from './placement/capacity-placement-director.js';

const HostFeature = Symbol.for('@gpu-bridge/runtime/GpuHostFeature');
const Catalog = Symbol.for('@gpu-bridge/runtime/KernelCatalog');

/** Binds the runtime. Needs `Tokens.Options`, `Tokens.KernelCompiler` and at least one `Tokens.ComputeBackend`. */
export const runtimeModule = new ContainerModule(({ bind }) => {
  bind(Tokens.Clock)
    .toDynamicValue(() => new SystemClock())
    .inSingletonScope();
  bind(Tokens.Logger)
    .toResolvedValue(({ logLevel }: ResolvedGpuBridgeOptions) => new PinoLogger(logLevel), [Tokens.Options])
    .inSingletonScope();
  bind(Catalog)
    .toResolvedValue((compiler: KernelCompiler) => new KernelCatalog(compiler), [Tokens.KernelCompiler])
    .inSingletonScope();
  bind(HostFeature)
    .toResolvedValue(
      (
        backends: ComputeBackend[],
        catalog: KernelCatalog,
        options: ResolvedGpuBridgeOptions,
        clock: Clock,
        logger: Logger,
      ) => new GpuHostFeature(backends, catalog, options, clock, logger),
      [
        { isMultiple: true, serviceIdentifier: Tokens.ComputeBackend },
        Catalog,
        Tokens.Options,
        Tokens.Clock,
        Tokens.Logger,
      ],
    )
    .inSingletonScope();
  bind(Tokens.GpuBridge)
    .toResolvedValue(
      (
        feature: GpuHostFeature,
        catalog: KernelCatalog,
        options: ResolvedGpuBridgeOptions,
        clock: Clock,
        logger: Logger,
        recorder: JobRecorder | undefined,
      ) => new LocalGpuBridge(feature, catalog, options, clock, logger, recorder),
      [
        HostFeature,
        Catalog,
        Tokens.Options,
        Tokens.Clock,
        Tokens.Logger,
        { serviceIdentifier: Tokens.JobRecorder, optional: true },
      ],
    )
    .inSingletonScope();
  bind(Tokens.DatasetStore)
    .toResolvedValue(
      (bridge: LocalGpuBridge, options: ResolvedGpuBridgeOptions, logger: Logger) =>
        new LocalDatasetStore(bridge, options.datasets, logger),
      [Tokens.GpuBridge, Tokens.Options, Tokens.Logger],
    )
    .inSingletonScope();
  bind(Tokens.PlacementDirector)
    .toDynamicValue(() => new CapacityPlacementDirector())
    .inSingletonScope();
  bind(Tokens.LifecycleParticipant).toService(HostFeature);
  bind(Tokens.LifecycleParticipant)
    .toResolvedValue((bridge: LocalGpuBridge) => new BrokerService(bridge), [Tokens.GpuBridge])
    .inSingletonScope();
  bind(Tokens.LifecycleParticipant)
    .toResolvedValue((store: LocalDatasetStore) => new DatasetService(store), [Tokens.DatasetStore])
    .inSingletonScope();
});
