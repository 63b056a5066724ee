export { loadKernels } from './aot/load-kernels.js';
export type { LoadOptions, LoadedKernels, SourceKernel } from './aot/load-kernels.js';
export { SourceModule } from './aot/source-module.js';
export type { Insertion } from './aot/source-module.js';
export type { BuiltFile, KernelManifest, ManifestArtifact } from './compile/load-compiled-kernel.js';
export { nativeBaseline } from './compile/native-baseline.js';
export type { NativeBaseline } from './compile/native-baseline.js';
export { packKernel } from './compile/packed-kernel.js';
export type { PackedArtifact, PackedKernel } from './compile/packed-kernel.js';
