export { array, columns, constant, helper, mutableArray, mutableColumns } from './authoring/define-helper.js';
export { gridKernel, mapKernel } from './authoring/define-kernel.js';
export { raw } from './authoring/define-raw.js';
export { specialize } from './authoring/specialize.js';
export { attachArtifacts, attachCompiled } from './compile/attached.js';
export { createKernelCompiler } from './compile/create-kernel-compiler.js';
export type { CompilerOptions } from './compile/create-kernel-compiler.js';
export { loadCompiledKernel } from './compile/load-compiled-kernel.js';
export { philox4x32, unitF32, unitF64 } from './library/philox.js';
export {
  atomic,
  bool,
  f32,
  f64,
  i32,
  i64,
  inout,
  input,
  output,
  ragged,
  scratch,
  shared,
  sharedAtomic,
  struct,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
export type {
  CompiledKernel,
  GridContext,
  GridOptions,
  KernelCompiler,
  KernelContext,
  KernelDefinition,
  KernelDescriptor,
  KernelDiagnostic,
  KernelOptions,
  KernelParams,
  MapContext,
} from '@gpu-bridge/abstractions';
