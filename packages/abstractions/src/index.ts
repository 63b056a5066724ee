export { bool, f32, f64, i32, i64, isWide, sizeOf, u32, u64 } from './kernels/dtype.js';
export type { DType, ScalarType, StorageOf, ValueOf } from './kernels/dtype.js';
export { checkExtent, columnsOf, ragged, struct } from './kernels/schema.js';
export type { BoundedRaggedType, ElementType, Extent, RaggedType, StructFields, StructType } from './kernels/schema.js';
export { atomic, input, inout, output, scratch, shared, sharedAtomic, uniform } from './kernels/params.js';
export type {
  AtomicElement,
  AtomicParam,
  InoutParam,
  InputParam,
  KernelParam,
  KernelParams,
  KernelShared,
  OutputParam,
  ScratchParam,
  SharedArray,
  UniformParam,
} from './kernels/params.js';
export type {
  ArrayArg,
  AtomicArray,
  ColumnsArg,
  ConstantValues,
  DeviceArray,
  GridBodyParams,
  GridContext,
  HelperArg,
  HelperArgs,
  HelperResult,
  HelperUses,
  ItemList,
  ItemOutputList,
  KernelConstants,
  KernelContext,
  MapBodyParams,
  MapContext,
  ReadonlyDeviceArray,
  TypedConstant,
} from './kernels/authoring.js';
export type {
  GridBody,
  GridOptions,
  HelperBody,
  HelperDefinition,
  KernelDefinition,
  KernelOptions,
  MapBody,
  RawSources,
} from './kernels/definition.js';
export type {
  ArgumentLayout,
  ArgumentSlot,
  CompileOptions,
  CompiledKernel,
  KernelArtifact,
  KernelCompiler,
  KernelDescriptor,
  KernelEffects,
  KernelId,
  KernelRequirement,
  LinkMember,
  LinkTarget,
  LinkedKernel,
  LinkedKernels,
  KernelTarget,
} from './kernels/descriptor.js';
export {
  ARGUMENT_HEADER_BYTES,
  ARGUMENT_SLOT_BYTES,
  SCRATCH_ALIGN_BYTES,
  argumentLayout,
} from './kernels/argument-layout.js';
export { leastLengths } from './kernels/least-lengths.js';
export type { LeastLength } from './kernels/least-lengths.js';
export { RunCheck } from './kernels/run-check.js';
export type { RunBounds, RunShape } from './kernels/run-check.js';
export { RETRY_ADVICE } from './errors/error-codes.js';
export type { ErrorCode, ErrorDetails, KernelDiagnostic, RetryAdvice } from './errors/error-codes.js';
export { GpuBridgeError } from './errors/gpu-bridge-error.js';
export { InvariantViolation, invariant } from './errors/invariant.js';
export type { ColumnBatch, OutputColumn, RaggedOutput } from './columns/column-batch.js';
export type {
  ColumnInput,
  ElementInput,
  KernelInputs,
  KernelOutputs,
  RaggedInput,
  SplitColumn,
} from './columns/column-input.js';
export { WideColumn, checkWide, fillWide } from './columns/wide-column.js';
export { DEVICE_TYPES, EXECUTION_MODES, PRIORITIES, checkHints } from './bridge/execution-hints.js';
export { MODE_NUMBERS } from './bridge/execution-hints.js';
export type { DeviceType, ExecutionMode, GpuExecutionHints, Priority } from './bridge/execution-hints.js';
export type {
  AllocateOptions,
  Allocation,
  DeviceCounters,
  DeviceHealth,
  DeviceInfo,
  DevicePressure,
  ExecutorInfo,
  GpuBridge,
  GpuBridgeInfo,
  GpuKernel,
  GpuResult,
  GridLaunch,
  JobState,
  KernelHandle,
  KernelRefusal,
} from './bridge/gpu-bridge.js';
export { checkFields, checkInteger, checkPlainObject } from './bridge/option-checks.js';
export { resolveOptions } from './bridge/options.js';
export type {
  BrokerOptions,
  CpuDeviceOptions,
  GpuBridgeOptions,
  DatasetsOptions,
  HealthOptions,
  NativeDeviceOptions,
  NativeOptions,
  OpenClOptions,
  ResolvedBrokerOptions,
  ResolvedCpuDeviceOptions,
  ResolvedGpuBridgeOptions,
  ResolvedDatasetsOptions,
  ResolvedHealthOptions,
  ResolvedNativeDeviceOptions,
  ResolvedNativeOptions,
  ResolvedTelemetryOptions,
  TelemetryOptions,
} from './bridge/options.js';
export { tenantLimits } from './bridge/tenant-options.js';
export type { ResolvedTenantsOptions, TenantLimits, TenantOptions, TenantsOptions } from './bridge/tenant-options.js';
export type {
  ComputeBackend,
  ComputeDevice,
  DeviceDescription,
  DeviceTelemetry,
  Executor,
} from './backend/compute-backend.js';
export { LifecycleStage } from './host/lifecycle.js';
export type { LifecycleParticipant } from './host/lifecycle.js';
export type { Cancellable, Clock } from './host/clock.js';
export type { LogLevel, Logger } from './host/logger.js';
export { Tokens } from './host/tokens.js';
export type { Token } from './host/tokens.js';
export type {
  CallPlacement,
  DeviceCapacity,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  PlacementContext,
  SiloCandidate,
} from './placement/placement.js';
export { rendezvous } from './placement/rendezvous.js';
export type {
  ClusterEndpoint,
  ClusterPort,
  ClusterStorage,
  ClusterStream,
  ClusterTable,
  ConsumeOptions,
  MessageListener,
  PublishOptions,
  PublishReceipt,
  StreamEntry,
  StreamOptions,
  TableChange,
  TableOptions,
  TableRow,
} from './cluster/cluster-port.js';
export {
  checkClusterAddress,
  checkClusterCorrelation,
  checkClusterKey,
  checkClusterName,
  checkClusterPayload,
} from './cluster/cluster-names.js';
export type { GrainCall, GrainCallFilter } from './grains/call-filter.js';
export type { RemoteForm, RemoteSide, RemoteStream } from './grains/remote-form.js';
export type { RequestContext } from './grains/request-context.js';
export type { GrainStorage } from './grains/storage.js';
export type { GrainReminders, ReminderTick, Schedule } from './grains/timers.js';
export type {
  DeactivationReason,
  Grain,
  GrainClass,
  GrainContext,
  GrainFactory,
  GrainId,
  GrainOptions,
  GrainReference,
  GrainType,
} from './grains/grain.js';
export type {
  DatasetColumnRef,
  DatasetColumns,
  DatasetCounters,
  DatasetData,
  DatasetDefinition,
  DatasetLease,
  DatasetOptions,
  DatasetResidency,
  DatasetSource,
  DatasetStore,
  EpochInfo,
  OpenDatasetOptions,
} from './datasets/dataset.js';
export type {
  AuditInfo,
  ClusterView,
  GpuDiagnostics,
  LostSilo,
  SecurityCounters,
  SiloDiagnostics,
  SiloStatus,
  TenantInfo,
} from './diagnostics/silo-diagnostics.js';
export type { AuditPolicy, AuditedColumn, EndedJob, JobRecorder } from './audit/job-audit.js';
