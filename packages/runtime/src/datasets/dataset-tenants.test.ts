import { u32 } from '@gpu-bridge/abstractions';
import type { TenantsOptions } from '@gpu-bridge/abstractions';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LogLines } from '../testing/fixture.js';
import { startManualBridge } from '../testing/manual-bridge.js';
import { LocalDatasetStore } from './local-dataset-store.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-tenants-'));
});
afterAll(() => rm(folder, { recursive: true }));
const stores: LocalDatasetStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.stop();
});

const numbers = { id: 'numbers', columns: { x: u32 } } as const;
const filled = (value: number, items: number) => ({ x: new Uint32Array(items).fill(value) });

async function start(tenants: TenantsOptions = {}) {
  const manual = await startManualBridge({ names: ['a'], tenants });
  const store = new LocalDatasetStore(manual.bridge, { spillFolder: folder, spillMiB: 64 }, new LogLines());
  stores.push(store);
  const tenant = (name: string) => manual.bridge.getTenants().find((info) => info.tenant === name)!;
  return { ...manual, store, tenant };
}

describe('a dataset of a tenant', () => {
  it('can be opened and read by jobs of its tenant and of those it is shared with, and by nobody else', async () => {
    const { store, kernel, end, tenant } = await start();
    store.define(numbers, { tenant: 'owner', sharedWith: ['friend'] });
    await store.publish(numbers, '1', filled(3, 50));
    await expect(store.open(numbers, { tenant: 'thief' })).rejects.toMatchObject({ code: 'FOREIGN_HANDLE' });
    const lease = await store.open(numbers, { tenant: 'friend' });
    const { x } = lease.data;
    for (const name of ['owner', 'friend'])
      expect(await end(await kernel.submitBatch({ x }, { tenant: name }))).toMatchObject({ outcome: 'completed' });
    await expect(kernel.submitBatch({ x: x.subarray(3) }, { tenant: 'thief' })).rejects.toMatchObject({
      code: 'FOREIGN_HANDLE',
    });
    expect(tenant('thief').security.foreignHandles).toBe(2);
    lease.release();
  });

  it('counts against the arena quota, and its idle epochs make way for what else the tenant wants', async () => {
    const { store, bridge, tenant } = await start({ named: { owner: { arenaMiB: 8 / 1_024 } } });
    store.define(numbers, { tenant: 'owner' });
    await store.publish(numbers, '1', filled(1, 1_000));
    expect(tenant('owner').arenaBytes).toBe(4_032);
    await store.publish(numbers, '2', filled(2, 1_000));
    expect(tenant('owner').arenaBytes).toBe(8_064);
    using allocation = bridge.allocate<Uint32Array>(u32, 1_000, { tenant: 'owner' });
    expect(allocation.sizeBytes).toBe(4_032);
    expect(tenant('owner')).toMatchObject({ arenaBytes: 8_064, refusedByQuota: 0 });
    const residencies = store.list().map(({ epoch, residency }) => [epoch, residency]);
    expect(residencies).toEqual([
      ['1', 'spilled'],
      ['2', 'resident'],
    ]);
    const lease = await store.open(numbers, { tenant: 'owner' });
    await expect(store.open(numbers, { tenant: 'owner', epoch: '1' })).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
    });
    expect(tenant('owner').refusedByQuota).toBe(1);
    lease.release();
    expect((await store.open(numbers, { tenant: 'owner', epoch: '1' })).data.x[0]).toBe(1);
  });

  it('shows nothing of what another tenant had in its memory', async () => {
    const { store, bridge, tenant } = await start();
    bridge.allocate<Uint32Array>(u32, 1_000, { tenant: 'other' }).dispose();
    store.define(numbers, { tenant: 'owner' });
    await store.publish(numbers, '1', filled(1, 10));
    expect(tenant('owner').security.wipedBytes).toBe(64);
  });
});
