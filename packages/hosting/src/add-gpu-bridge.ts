import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type { GpuBridgeOptions, LifecycleParticipant } from '@gpu-bridge/abstractions';
import { cpuBackendModule } from '@gpu-bridge/compute-cpu';
import { grainsModule } from '@gpu-bridge/grains';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { runtimeModule } from '@gpu-bridge/runtime';
import { siloModule } from '@gpu-bridge/silo';
import type { Container } from 'inversify';
import { GpuBridgeHost } from './gpu-bridge-host.js';

/**
 * Adds GpuBridge to a host application's container and returns the host to start and stop it with. Everything is
 * embedded: one CPU device, one in-process silo, nothing to install or connect to.
 *
 * ```ts
 * const container = new Container();
 * const host = addGpuBridge(container, { kernels: [axpy] });
 * await host.start();
 * const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
 * ```
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an option that is unknown or out of range; nothing is bound then.
 */
export function addGpuBridge(container: Container, options: GpuBridgeOptions = {}): GpuBridgeHost {
  const resolved = resolveOptions(options);
  container.bind(Tokens.Options).toConstantValue(resolved);
  container
    .bind(Tokens.KernelCompiler)
    .toDynamicValue(() => createKernelCompiler())
    .inSingletonScope();
  container.load(runtimeModule, siloModule(), grainsModule);
  if (resolved.cpu !== false) container.load(cpuBackendModule);
  return new GpuBridgeHost(() => container.getAllAsync<LifecycleParticipant>(Tokens.LifecycleParticipant));
}
