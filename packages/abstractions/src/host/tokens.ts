import type { JobRecorder } from '../audit/job-audit.js';
import type { ComputeBackend } from '../backend/compute-backend.js';
import type { GpuBridge } from '../bridge/gpu-bridge.js';
import type { ResolvedGpuBridgeOptions } from '../bridge/options.js';
import type { ClusterPort } from '../cluster/cluster-port.js';
import type { DatasetStore } from '../datasets/dataset.js';
import type { ClusterView, GpuDiagnostics } from '../diagnostics/silo-diagnostics.js';
import type { GrainCallFilter } from '../grains/call-filter.js';
import type { GrainClass, GrainFactory } from '../grains/grain.js';
import type { KernelCompiler } from '../kernels/descriptor.js';
import type { GpuPlacementDirector } from '../placement/placement.js';
import type { Clock } from './clock.js';
import type { LifecycleParticipant } from './lifecycle.js';
import type { Logger } from './logger.js';

/** A dependency-injection identifier that carries the type of what it names. */
export type Token<T> = symbol & { readonly service?: T };

function token<T>(name: string): Token<T> {
  return Symbol.for(`@gpu-bridge/${name}`);
}

/** Identifiers under which GpuBridge binds its services; a host may rebind any of them before `start`. */
export const Tokens = {
  Options: token<ResolvedGpuBridgeOptions>('Options'),
  Clock: token<Clock>('Clock'),
  Logger: token<Logger>('Logger'),
  KernelCompiler: token<KernelCompiler>('KernelCompiler'),
  /** Multi-bound: every backend that may have devices. */
  ComputeBackend: token<ComputeBackend>('ComputeBackend'),
  GpuBridge: token<GpuBridge>('GpuBridge'),
  DatasetStore: token<DatasetStore>('DatasetStore'),
  /** Bound where jobs are audited. */
  JobRecorder: token<JobRecorder>('JobRecorder'),
  ClusterView: token<ClusterView>('ClusterView'),
  GpuDiagnostics: token<GpuDiagnostics>('GpuDiagnostics'),
  /** Multi-bound: started and stopped with the silo, by stage. */
  LifecycleParticipant: token<LifecycleParticipant>('LifecycleParticipant'),
  /** Multi-bound: classes the silo can activate. */
  GrainClass: token<GrainClass>('GrainClass'),
  GrainFactory: token<GrainFactory>('GrainFactory'),
  /** Multi-bound: around every grain call, the first bound outermost. */
  GrainCallFilter: token<GrainCallFilter>('GrainCallFilter'),
  /** The engine that connects silos; default: this process alone. */
  ClusterPort: token<ClusterPort>('ClusterPort'),
  /** Multi-bound: placement directors by name. */
  PlacementDirector: token<GpuPlacementDirector>('PlacementDirector'),
} as const;
