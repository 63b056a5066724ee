// --8<-- [start:readme]
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { f32, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

// The body is parsed and compiled to WebAssembly when the host starts; it never runs as JavaScript.
const axpy = mapKernel(
  'axpy',
  { params: { a: uniform(f32), x: input(f32), y: input(f32), z: output(f32) } },
  (_k, { a, x, y, z }) => {
    z.value = a * x + y;
  },
);

const container = new Container();
const host = addGpuBridge(container, { kernels: [axpy] });
await host.start();

const grain = getBatchGrain(container.get<GrainFactory>(Tokens.GrainFactory), axpy);
const columns = { x: Float32Array.of(1, 2, 3), y: Float32Array.of(10, 20, 30) };
const execution = await grain.execute({ a: 2, ...columns }); // resolves when admitted, not when done
for await (const batch of execution.batches) console.log(batch.firstItem, batch.columns.z);

const { outcome, deviceId, executionMode } = await execution.result;
console.log(outcome, deviceId, executionMode); // completed cpu:0 leased
await host.stop();
// --8<-- [end:readme]
