export { bool, f32, f64, i32, i64, isWide, sizeOf, u32, u64 } from './kernels/dtype.js';
export type { DType, ScalarType, StorageOf, ValueOf } from './kernels/dtype.js';
export { checkExtent, columnsOf, ragged, struct } from './kernels/schema.js';
export type { BoundedRaggedType, ElementType, Extent, RaggedType, StructFields, StructType } from './kernels/schema.js';
export { atomic, input, inout, output, scratch, uniform } from './kernels/params.js';
export type {
  AtomicElement,
  AtomicParam,
  InoutParam,
  InputParam,
  KernelParam,
  KernelParams,
  OutputParam,
  ScratchParam,
  UniformParam,
} from './kernels/params.js';
export type {
  ArrayArg,
  AtomicArray,
  DeviceArray,
  GridBodyParams,
  GridContext,
  HelperArg,
  HelperArgs,
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
export type { GridBody, HelperBody, HelperDefinition, KernelDefinition, KernelOptions, MapBody } from './kernels/definition.js';
export type {
  ArgumentLayout,
  ArgumentSlot,
  CompiledKernel,
  KernelArtifact,
  KernelCompiler,
  KernelDescriptor,
  KernelEffects,
  KernelId,
  KernelRequirement,
  KernelTarget,
} from './kernels/descriptor.js';
export { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES, argumentLayout } from './kernels/argument-layout.js';
export { RETRY_ADVICE } from './errors/error-codes.js';
export type { ErrorCode, ErrorDetails, KernelDiagnostic, RetryAdvice } from './errors/error-codes.js';
export { GpuBridgeError } from './errors/gpu-bridge-error.js';
export { InvariantViolation, invariant } from './errors/invariant.js';
