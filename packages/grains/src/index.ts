export type { BatchExecution, ReadOptions } from './batch/batch-execution.js';
export { batchGrainClass, getBatchGrain } from './batch/batch-grain-class.js';
export type { BatchGrainReference } from './batch/batch-grain-class.js';
export { GpuBatchGrain } from './batch/gpu-batch-grain.js';
export type { UntypedColumns } from './batch/gpu-batch-grain.js';
export type { ClusterHealth, HealthVerdict, SiloHealth } from './health/cluster-health.js';
export { GpuHealthGrain, getHealthGrain } from './health/gpu-health-grain.js';
export type { ClusterHealthOptions } from './health/gpu-health-grain.js';
export { grainsModule } from './module.js';
export { followStream } from './stream/follow-stream.js';
export { GpuStreamGrain } from './stream/gpu-stream-grain.js';
export type { StreamServices } from './stream/gpu-stream-grain.js';
export type { ProducerStamp, StreamReceipt } from './stream/producer-memory.js';
export { resultsOf } from './stream/results-of.js';
export { defineStream } from './stream/stream-definition.js';
export type {
  StreamColumns,
  StreamDefinition,
  StreamItem,
  StreamOptions,
  StreamOutputs,
  StreamUniforms,
} from './stream/stream-definition.js';
export { getStreamGrain, streamGrainClass } from './stream/stream-grain-class.js';
export type { StreamGrainReference } from './stream/stream-grain-class.js';
export type { StreamPressure } from './stream/stream-pressure.js';
export type { StreamSubscription, SubscribeOptions } from './stream/stream-subscription.js';
export type { StreamBatch, StreamFailure, StreamGap, StreamPosition, StreamValue } from './stream/stream-value.js';
export type { ComputeArgs, ComputeOptions } from './resident/compute-call.js';
export { GpuResidentGrain } from './resident/gpu-resident-grain.js';
export type { ResidentInfo } from './resident/gpu-resident-grain.js';
export type { ResidentDefinition, ResidentServices } from './resident/resident-definition.js';
export { getResidentGrain, residentGrainClass } from './resident/resident-grain-class.js';
