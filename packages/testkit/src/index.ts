export { FakeClock } from './clock/fake-clock.js';
export { FreezableClock } from './clock/freezable-clock.js';
export { SeededRandom } from './random/seeded-random.js';
export { ReferenceBackend } from './reference/reference-backend.js';
export type { ReferenceBackendOptions } from './reference/reference-backend.js';
export { ReferenceDevice } from './reference/reference-device.js';
export { ReferenceExecutor } from './reference/reference-executor.js';
export type { EntryFault } from './reference/reference-executor.js';
export { BodyCompiler } from './compiler/body-compiler.js';
export { DeviceDriver } from './driver/device-driver.js';
export type { DriverOptions, EntryRequest, LoadedKernel, Submitted } from './driver/device-driver.js';
export type { ArgumentValue, BindRequest, BoundArguments, ColumnValues } from './driver/bind-arguments.js';
export { GuardedArena } from './driver/guarded-arena.js';
export { Unsupported } from './driver/unsupported.js';
export { runBackendCase } from './conformance/backend-case.js';
export type {
  BackendCase,
  BackendContext,
  BackendFeature,
  BackendSubject,
  CaseOutcome,
} from './conformance/backend-case.js';
export { backendCases, describeBackendConformance } from './conformance/backend-conformance.js';
export { BACKEND_FAULTS } from './faults/backend-fault.js';
export type { BackendFault } from './faults/backend-fault.js';
export { faultyBackend } from './faults/faulty-backend.js';
export { runClusterPortCase } from './cluster/cluster-port-case.js';
export type {
  ClusterFeature,
  ClusterPortCase,
  ClusterPortContext,
  ClusterPortOutcome,
  ClusterPortSubject,
  ClusterUnderTest,
} from './cluster/cluster-port-case.js';
export { clusterPortCases, describeClusterPortContract } from './cluster/cluster-port-contract.js';
export { CLUSTER_PORT_FAULTS } from './cluster/faults/cluster-port-fault.js';
export type { ClusterPortFault } from './cluster/faults/cluster-port-fault.js';
export { faultyClusterSubject } from './cluster/faults/faulty-cluster.js';
