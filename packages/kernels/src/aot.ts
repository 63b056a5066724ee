export { loadKernels } from './aot/load-kernels.js';
export type { LoadOptions, SourceKernel } from './aot/load-kernels.js';
export { SourceModule } from './aot/source-module.js';
export type { Insertion } from './aot/source-module.js';
