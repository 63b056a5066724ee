// A program with everything that a host may have, which stops it or just ends: `node whole-host.mjs FOLDER stop|end`.
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import { defineStream, getBatchGrain, getResidentGrain, getStreamGrain } from '@gpu-bridge/grains';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

const [folder, end] = process.argv.slice(2);
const half = mapKernel('half', { params: { x: input(f64), y: output(f64) } }, (_k, { x, y }) => {
  y.value = x / 2;
});
const stream = defineStream({ kernel: half, microBatch: { maxAgeMs: 50 } });
const table = { type: 'table', columns: { x: f64 }, source: folderDatasetSource(join(folder, 'epochs')) };

const container = new Container();
const host = addGpuBridge(container, {
  kernels: [half],
  streams: [stream],
  residents: [table],
  cpu: { workers: 1, arenaMiB: 8 },
  cluster: { storageFolder: join(folder, 'state') },
  audit: { folder: join(folder, 'audit') },
});
await host.start();
const grains = container.get(Tokens.GrainFactory);

async function total(execution) {
  let sum = 0;
  for await (const { columns } of execution.batches) for (const value of columns.y) sum += value;
  return sum;
}

const items = getStreamGrain(grains, stream, 'a');
const values = await items.subscribe();
await items.pushMany({ x: Float64Array.of(2, 4) });
console.log('stream', (await values.next()).value.columns.y.join(' '));
await values.return();
console.log('batch', await total(await getBatchGrain(grains, half).execute({ x: Float64Array.of(6) })));
const resident = getResidentGrain(grains, table, 'a');
await resident.publish({ x: Float64Array.of(8) });
console.log('resident', await total(await resident.compute(half, {})));
if (end === 'stop') {
  await host.stop();
  console.log('stopped');
}
