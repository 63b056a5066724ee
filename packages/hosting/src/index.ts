export { addGpuBridge } from './add-gpu-bridge.js';
export type { GpuBridgeHostOptions } from './add-gpu-bridge.js';
export type { ClusterOptions } from './cluster-ports.js';
export { GpuBridgeHost } from './gpu-bridge-host.js';
export { folderDatasetSource } from '@gpu-bridge/runtime';
export { Silo, SiloSupervisor } from '@gpu-bridge/silo';
