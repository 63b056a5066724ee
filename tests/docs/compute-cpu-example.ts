// --8<-- [start:compute-cpu]
import { CpuBackend } from '@gpu-bridge/compute-cpu';
import { createKernelCompiler, input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';

const square = mapKernel('square', { params: { x: input(u32), y: output(u32) } }, (_k, { x, y }) => {
  y.value = x * x;
});
const { descriptor, artifacts } = createKernelCompiler().compile(square);
const wasm = artifacts.find(({ target }) => target === 'wasm')!;

const backend = new CpuBackend({ workers: 2, arenaMiB: 16, spinPolls: 20_000 });
const device = await backend.open('cpu:0'); // two threads that poll a ring each
await device.provideKernel(1, wasm, descriptor);

const completion = createCqe();
for (const { ring, generation } of device.executors) {
  ring.submit({ ...createSqe(), op: Op.LOAD_KERNEL, kernel: 1, generation });
  while (!ring.reap(completion)) await ring.park();
  console.log(completion.status === Status.OK ? 'loaded' : 'refused');
}
await device.close(1_000);
// --8<-- [end:compute-cpu]
