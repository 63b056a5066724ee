import { Tokens } from '@gpu-bridge/abstractions';
import type { ResolvedGpuBridgeOptions } from '@gpu-bridge/abstractions';
import { ContainerModule } from 'inversify';
import { CpuBackend } from './cpu-backend.js';

/** Binds the CPU backend; needs `Tokens.Options` whose `cpu` is not `false`. */
export const cpuBackendModule = new ContainerModule(({ bind }) => {
  bind(Tokens.ComputeBackend)
    .toResolvedValue(
      (options: ResolvedGpuBridgeOptions) => {
        if (options.cpu === false) throw new TypeError('cpuBackendModule was loaded with options.cpu = false');
        return new CpuBackend(options.cpu);
      },
      [Tokens.Options],
    )
    .inSingletonScope();
});
