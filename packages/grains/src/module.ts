import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainClass } from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { batchGrainClass } from './batch/batch-grain-class.js';

/** Binds the batch grain class; needs `Tokens.GpuBridge`. */
export const grainsModule = new ContainerModule(({ bind }) => {
  bind<GrainClass>(Tokens.GrainClass)
    .toResolvedValue((bridge: GpuBridge) => batchGrainClass(bridge), [Tokens.GpuBridge])
    .inSingletonScope();
});
