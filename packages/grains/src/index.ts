export type { BatchExecution, ReadOptions } from './batch/batch-execution.js';
export { batchGrainClass, getBatchGrain } from './batch/batch-grain-class.js';
export type { BatchGrainReference } from './batch/batch-grain-class.js';
export { GpuBatchGrain } from './batch/gpu-batch-grain.js';
export type { UntypedColumns } from './batch/gpu-batch-grain.js';
export { grainsModule } from './module.js';
