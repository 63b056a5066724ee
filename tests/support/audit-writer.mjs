// A silo that records jobs until somebody kills it: prints the id of each job and when it had ended.
import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
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
/** Waits where the log is behind: then nothing is admitted. */
async function submit(i) {
  for (;;) {
    try {
      return await kernel.submitBatch({ x: new Uint32Array(64).fill(i) });
    } catch (error) {
      if (!GpuBridgeError.is(error, 'QUEUE_FULL')) throw error;
      await pause(5);
    }
  }
}

for (let i = 0; ; i++) {
  const handle = await submit(i);
  await handle.result;
  handle.dispose();
  process.stdout.write(`${handle.jobId} ${Date.now()}\n`);
}
