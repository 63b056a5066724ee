import { Tokens } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ClusterView,
  ComputeBackend,
  DatasetStore,
  GpuBridge,
  GpuDiagnostics,
  JobRecorder,
  KernelCompiler,
  Logger,
  ResolvedGpuBridgeOptions,
  ResolvedTelemetryOptions,
} from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { LocalGpuBridge } from './bridge/local-gpu-bridge.js';
import { KernelCatalog } from './catalog/kernel-catalog.js';
import { SystemClock } from './clock/system-clock.js';
import { LocalGpuDiagnostics } from './diagnostics/local-gpu-diagnostics.js';
import { PinoLogger } from './diagnostics/pino-logger.js';
import { LocalDatasetStore } from './datasets/local-dataset-store.js';
import { DatasetService } from './host/dataset-service.js';
import { BrokerService } from './host/broker-service.js';
import { GpuHostFeature } from './host/gpu-host-feature.js';
import { CapacityPlacementDirector } from './placement/capacity-placement-director.js';
import { CallTracing } from './telemetry/call-tracing.js';
import { JobTelemetry } from './telemetry/job-telemetry.js';
import { MetricsService } from './telemetry/metrics-service.js';

const HostFeature = Symbol.for('@gpu-bridge/runtime/GpuHostFeature');
const Catalog = Symbol.for('@gpu-bridge/runtime/KernelCatalog');
const Telemetry = Symbol.for('@gpu-bridge/runtime/JobTelemetry');

/**
 * Binds the runtime. Needs `Tokens.Options`, `Tokens.KernelCompiler` and at least one `Tokens.ComputeBackend`;
 * `Tokens.GpuDiagnostics` also `Tokens.ClusterView`.
 */
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
        telemetry: JobTelemetry | undefined,
      ) => new LocalGpuBridge(feature, catalog, options, clock, logger, recorder, telemetry),
      [
        HostFeature,
        Catalog,
        Tokens.Options,
        Tokens.Clock,
        Tokens.Logger,
        { serviceIdentifier: Tokens.JobRecorder, optional: true },
        { serviceIdentifier: Telemetry, optional: true },
      ],
    )
    .inSingletonScope();
  bind(Tokens.GpuDiagnostics)
    .toResolvedValue(
      (
        bridge: GpuBridge,
        cluster: ClusterView,
        clock: Clock,
        datasets: DatasetStore,
        recorder: JobRecorder | undefined,
      ) => new LocalGpuDiagnostics(bridge, cluster, clock, datasets, recorder),
      [
        Tokens.GpuBridge,
        Tokens.ClusterView,
        Tokens.Clock,
        Tokens.DatasetStore,
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

/** Tells OpenTelemetry of a silo; needs `Tokens.ClusterView` and the runtime. Without it nothing is told, and nothing paid for. */
export function telemetryModule(wanted: ResolvedTelemetryOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(Telemetry)
      .toResolvedValue(({ siloId }: ClusterView) => new JobTelemetry(wanted, siloId), [Tokens.ClusterView])
      .inSingletonScope();
    if (wanted.traces) {
      for (const direction of ['outgoing', 'incoming'] as const) {
        bind(Tokens.GrainCallFilter)
          .toResolvedValue(({ siloId }: ClusterView) => new CallTracing(direction, siloId), [Tokens.ClusterView])
          .inSingletonScope();
      }
    }
    if (wanted.metrics) {
      bind(Tokens.LifecycleParticipant)
        .toResolvedValue(
          (diagnostics: GpuDiagnostics, cluster: ClusterView) => new MetricsService(diagnostics, cluster),
          [Tokens.GpuDiagnostics, Tokens.ClusterView],
        )
        .inSingletonScope();
    }
  });
}
