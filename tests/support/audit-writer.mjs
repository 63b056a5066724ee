// A silo that records jobs until somebody kills it: prints the id of each job and when it had ended.
import { Tokens } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

const [folder, lossWindowMs] = process.argv.slice(2);
const count = mapKernel('audit/count', { params: { x: input(u32), y: output(u32) } }, (k, { x, y }) => {
  y.value = x + k.u32(1);
});
const container = new Container();
const audit = { folder, lossWindowMs: Number(lossWindowMs), policy: 'inputs' };
await addGpuBridge(container, { kernels: [count], cpu: { workers: 1, arenaMiB: 8 }, audit }).start();
const kernel = container.get(Tokens.GpuBridge).getKernel(count);
for (let i = 0; ; i++) {
  const handle = await kernel.submitBatch({ x: new Uint32Array(64).fill(i) });
  await handle.result;
  handle.dispose();
  process.stdout.write(`${handle.jobId} ${Date.now()}\n`);
}
