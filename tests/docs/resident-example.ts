import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getResidentGrain } from '@gpu-bridge/grains';
import type { ResidentDefinition } from '@gpu-bridge/grains';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

const folder = await mkdtemp(join(tmpdir(), 'resident-example-'));

// --8<-- [start:resident]
const convert = mapKernel(
  'convert',
  { params: { rate: uniform(f64), price: input(f64), out: output(f64) } },
  (_k, { rate, price, out }) => {
    out.value = price * rate;
  },
);
const columns = { price: f64 };
const prices: ResidentDefinition<typeof columns> = {
  type: 'prices',
  columns,
  kernels: [convert],
  source: folderDatasetSource(join(folder, 'epochs')),
};

const container = new Container();
const host = addGpuBridge(container, {
  kernels: [convert],
  residents: [prices],
  cpu: { workers: 1 },
  cluster: { storageFolder: join(folder, 'state') },
});
await host.start();

const paris = getResidentGrain(container.get<GrainFactory>(Tokens.GrainFactory), prices, 'paris');
await paris.publish({ price: Float64Array.of(2, 4) });
const execution = await paris.compute(convert, { rate: 1.5 }); // `price` comes from the dataset
await paris.publish({ price: Float64Array.of(3, 5) }); // what was admitted goes on with what it has
for await (const { columns: results } of execution.batches) console.log(results.out);
console.log((await execution.result).epoch, (await paris.describe()).epoch);
// --8<-- [end:resident]

await host.stop();
await rm(folder, { recursive: true });
