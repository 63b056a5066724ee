import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type {
  DatasetStore,
  DeviceCapacity,
  GpuPlacementDirector,
  GrainClass,
  GrainFactory,
} from '@gpu-bridge/abstractions';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { u32 } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spin } from '../support/kernels.js';
import { crash, readAll, startSilo, until } from '../support/silo.js';
import type { TestSilo } from '../support/silo.js';

const numbers = { id: 'numbers', columns: { rounds: u32, x: u32 } } as const;
const ITEMS = 50_000; // 400 KB

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'datasets-integration-'));
});
afterAll(() => rm(folder, { recursive: true }));

function dataOf(epoch: number) {
  return { rounds: new Uint32Array(ITEMS).fill(1), x: new Uint32Array(ITEMS).fill(epoch) };
}

async function start(name: string) {
  const silo = await startSilo({
    kernels: [spin],
    cpu: { workers: 2, arenaMiB: 2 },
    datasets: { spillFolder: folder },
  });
  const store = silo.container.get<DatasetStore>(Tokens.DatasetStore);
  store.define(numbers, { source: folderDatasetSource(join(folder, name)) });
  return { silo, store };
}

/** The one value of all results of a job over the current epoch, less what the kernel adds. */
async function readEpoch(silo: TestSilo, store: DatasetStore): Promise<readonly [asked: string, got: number]> {
  const kernel = silo.bridge.getKernel(spin);
  const lease = await store.open(numbers);
  const handle = await kernel.submitBatch(lease.data, { preferredDevice: lease.deviceId });
  lease.release();
  const values = new Set<number>();
  for (const { columns } of await readAll(kernel, handle)) for (const y of columns.y) values.add(y);
  expect(values.size).toBe(1);
  return [lease.epoch, [...values][0]! - 1];
}

describe('a dataset of a silo', () => {
  it('serves every job from exactly one epoch while others are published, in an arena too small for them', async () => {
    const { silo, store } = await start('switch');
    await using _ = silo;
    await store.publish(numbers, '0', dataOf(0));
    let isDone = false;
    let reads = 0;
    const readers = Array.from({ length: 3 }, async () => {
      for (let last = -1; !isDone;) {
        const [asked, got] = await readEpoch(silo, store);
        expect(`${got}`).toBe(asked);
        expect(got).toBeGreaterThanOrEqual(last); // nobody goes back to what was superseded
        last = got;
        reads++;
      }
    });
    for (let epoch = 1; epoch <= 12; epoch++) {
      await store.publish(numbers, `${epoch}`, dataOf(epoch));
      const before = reads;
      await until(() => reads > before, 'a job was served meanwhile');
    }
    isDone = true;
    await Promise.all(readers);
    expect(store.counters()).toMatchObject({ published: 13, spills: 0 });
    expect(store.counters().evictions).toBeGreaterThan(5);
    using first = await store.open(numbers, { epoch: '0' });
    expect(first.data.x.every((x) => x === 0)).toBe(true);
  });

  it('stays where it is when workers die over it, and is there again in another silo', async () => {
    const { silo, store } = await start('kept');
    {
      await using _ = silo;
      await store.publish(numbers, '7', dataOf(7));
      const jobs = Array.from({ length: 4 }, () => readEpoch(silo, store));
      await crash(silo.device, 0);
      await crash(silo.device, 1);
      for (const job of jobs) expect(await job).toEqual(['7', 7]);
      expect(await readEpoch(silo, store)).toEqual(['7', 7]);
      expect(store.counters()).toMatchObject({ loads: 0, evictions: 0 });
    }
    const { silo: other, store: again } = await start('kept');
    await using _ = other;
    await again.adopt('numbers', '7');
    expect(await readEpoch(other, again)).toEqual(['7', 7]);
    expect(again.counters().loads).toBe(1);
  });

  it('that has no source is spilled, and nothing of it is left when the silo has stopped', async () => {
    const { silo, store } = await start('unused');
    const plain = { id: 'plain', columns: { x: u32 } } as const;
    {
      await using _ = silo;
      store.define(plain);
      for (let epoch = 1; epoch <= 4; epoch++)
        await store.publish(plain, `${epoch}`, { x: new Uint32Array(180_000).fill(epoch) });
      const files = (): readonly string[] =>
        readdirSync(folder)
          .filter((name) => name.startsWith('gpu-bridge-datasets-'))
          .flatMap((own) => readdirSync(join(folder, own)).filter((name) => name.endsWith('.epoch')));
      await until(() => files().length === 2, 'two epochs are written');
      using lease = await store.open(plain, { epoch: '1' });
      expect(lease.data.x.every((x) => x === 1)).toBe(true);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('gpu-bridge-datasets-'))).toEqual([]);
  });

  it('is named by its device, for directors that place grains', async () => {
    const seen: DeviceCapacity[] = [];
    const director: GpuPlacementDirector = {
      name: 'seeing',
      placesEveryCall: false,
      onAddActivation: (_strategy, _target, { candidates: [candidate] }) => {
        seen.push(...candidate!.devices);
        return candidate!.siloId;
      },
    };
    class Placed {
      async call(): Promise<void> {}
    }
    const grain: GrainClass<Placed> = {
      options: { type: 'placed', kind: 'keyed', placement: { director: 'seeing' } },
      create: () => new Placed(),
    };
    const container = new Container();
    await using host = addGpuBridge(container, { cpu: { workers: 1, arenaMiB: 2 } });
    container.bind(Tokens.PlacementDirector).toConstantValue(director);
    container.bind(Tokens.GrainClass).toConstantValue(grain);
    await host.start();
    const store = container.get<DatasetStore>(Tokens.DatasetStore);
    store.define(numbers);
    await store.publish(numbers, '1', dataOf(1));
    await container.get<GrainFactory>(Tokens.GrainFactory).getGrain(grain, 'a').call();
    expect(seen.map(({ datasets }) => datasets)).toEqual([['numbers@1']]);
  });
});
