export { addGpuBridge } from './add-gpu-bridge.js';
export type { GpuBridgeHostOptions } from './add-gpu-bridge.js';
export { GpuBridgeHost } from './gpu-bridge-host.js';
