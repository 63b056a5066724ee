// A program of somebody who installed the packages: `node uses-gpu-bridge.mjs [NATIVE_OPTIONS_AS_JSON [DEVICE]]` runs one kernel and
// prints, as JSON, where it ran, what came out and which devices were not there.
import { Tokens } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { f32, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

const [nativeOptions = '{}', preferredDevice] = process.argv.slice(2);

const axpy = mapKernel(
  'axpy',
  { params: { a: uniform(f32), x: input(f32), y: input(f32), z: output(f32) } },
  (_k, { a, x, y, z }) => {
    z.value = a * x + y;
  },
);

const container = new Container();
const host = addGpuBridge(container, {
  kernels: [axpy],
  native: JSON.parse(nativeOptions),
  cpu: { workers: 1, arenaMiB: 16 },
});
try {
  await host.start();
  const grain = getBatchGrain(container.get(Tokens.GrainFactory), axpy);
  const columns = { x: Float32Array.of(1, 2, 3), y: Float32Array.of(10, 20, 30) };
  const hints = preferredDevice === undefined ? {} : { preferredDevice };
  const execution = await grain.execute({ a: 2, ...columns }, hints);
  const z = [];
  for await (const batch of execution.batches) z.push(...batch.columns.z);
  const { outcome, deviceId } = await execution.result;
  const { unavailable } = container.get(Tokens.GpuBridge).getInfo();
  console.log(JSON.stringify({ outcome, deviceId, z, unavailable }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
} finally {
  await host.stop();
}
