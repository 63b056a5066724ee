// --8<-- [start:runtime]
import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type { GpuBridge, LifecycleParticipant } from '@gpu-bridge/abstractions';
import { cpuBackendModule } from '@gpu-bridge/compute-cpu';
import { createKernelCompiler, input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { runtimeModule } from '@gpu-bridge/runtime';
import { Container } from 'inversify';

const square = mapKernel('square', { params: { x: input(u32), y: output(u32) } }, (_k, { x, y }) => {
  y.value = x * x;
});

const container = new Container();
container.bind(Tokens.Options).toConstantValue(resolveOptions({ kernels: [square], cpu: { workers: 1 } }));
container.bind(Tokens.KernelCompiler).toConstantValue(createKernelCompiler());
container.load(runtimeModule, cpuBackendModule);
const services = await container.getAllAsync<LifecycleParticipant>(Tokens.LifecycleParticipant);
services.sort((a, b) => a.stage - b.stage);
for (const service of services) await service.start();

const kernel = container.get<GpuBridge>(Tokens.GpuBridge).getKernel(square);
const handle = await kernel.submitBatch({ x: Uint32Array.of(1, 2, 3) }, { tenant: 'acme' });
for await (const { firstItem, columns } of kernel.readResults(handle)) console.log(firstItem, columns.y);
console.log((await handle.result).outcome);
for (const service of services.reverse()) await service.stop();
// --8<-- [end:runtime]
