export { loadKernels } from './build/load-kernels.js';
export type { LoadOptions, SourceKernel } from './build/load-kernels.js';
export { SourceModule } from './build/source-module.js';
export type { Insertion } from './build/source-module.js';
