import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { DatasetStore, GpuBridge } from '@gpu-bridge/abstractions';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { Container } from 'inversify';

const invert = mapKernel('invert', { params: { price: input(f64), out: output(f64) } }, (_k, { price, out }) => {
  out.value = 1 / price;
});
const container = new Container();
const host = addGpuBridge(container, { kernels: [invert], cpu: { workers: 1 } });
await host.start();
const kernel = container.get<GpuBridge>(Tokens.GpuBridge).getKernel(invert);
const folder = await mkdtemp(join(tmpdir(), 'dataset-example-'));
const price = Float64Array.of(2, 4);

// --8<-- [start:dataset]
const store = container.get<DatasetStore>(Tokens.DatasetStore);
const prices = { id: 'prices', columns: { price: f64 } } as const;
store.define(prices, { source: folderDatasetSource(folder) });
await store.publish(prices, '2026-11-23', { price });

const lease = await store.open(prices);
const handle = await kernel.submitBatch({ price: lease.data.price }, { preferredDevice: lease.deviceId });
lease.release(); // the job keeps what it reads
for await (const { columns } of kernel.readResults(handle)) console.log(lease.epoch, columns.out);
// --8<-- [end:dataset]

await host.stop();
await rm(folder, { recursive: true });
