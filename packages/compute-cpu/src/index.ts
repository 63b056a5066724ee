export { CpuBackend } from './cpu-backend.js';
export { cpuBackendModule } from './module.js';
