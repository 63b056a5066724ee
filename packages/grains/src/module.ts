import { Tokens } from '@gpu-bridge/abstractions';
import type { Clock, ClusterView, GpuBridge, GpuDiagnostics, GrainClass } from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { batchGrainClass } from './batch/batch-grain-class.js';
import { healthGrainClass } from './health/gpu-health-grain.js';
import { siloDiagnosticsGrainClass } from './health/silo-diagnostics-grain.js';

/**
 * Binds the classes of batch grains and of health grains; needs `Tokens.GpuBridge`, `Tokens.GpuDiagnostics`, `Tokens.ClusterView` and
 * `Tokens.Clock`.
 */
export const grainsModule = new ContainerModule(({ bind }) => {
  bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue((bridge: GpuBridge) => batchGrainClass(bridge), [Tokens.GpuBridge])
    .inSingletonScope();
  bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue((diagnostics: GpuDiagnostics) => siloDiagnosticsGrainClass(diagnostics), [Tokens.GpuDiagnostics])
    .inSingletonScope();
  bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue(
      (cluster: ClusterView, clock: Clock) => healthGrainClass(cluster, clock),
      [Tokens.ClusterView, Tokens.Clock],
    )
    .inSingletonScope();
});
