import type { ClusterTable, GrainId } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import type { SiloFixture } from '../testing/cluster-fixture.js';
import type { StaleReads } from '../testing/stale-port.js';
import { withStaleReads } from '../testing/stale-port.js';
import { GrainStateStore } from './grain-state.js';

const GRAIN: GrainId = { type: 'test', key: 'k' };

async function twoStores() {
  const fixture = new ClusterFixture();
  const a = await fixture.silo('a');
  const b = await fixture.silo('b');
  return { fixture, a, b, inA: a.stateStore(), inB: b.stateStore() };
}

async function stateTable(silo: SiloFixture): Promise<ClusterTable> {
  return silo.port.openTable('state');
}

describe('GrainStateStore', () => {
  test('keeps what was written for the next activation', async () => {
    const { inA, inB } = await twoStores();
    const first = await inA.open(GRAIN, 1);
    expect(await first.read()).toBeUndefined();
    const value = { n: 1, big: 2n ** 70n, list: [null, 'x', undefined], data: new Float32Array([1, 2, 3]) };
    await first.write(value);
    expect(await first.read()).toEqual(value);
    const second = await inB.open(GRAIN, 2);
    expect(await second.read()).toEqual(value);
    await second.clear();
    expect(await second.read()).toBeUndefined();
    expect(await (await inA.open(GRAIN, 3)).read()).toBeUndefined();
  });

  test.each([0, '', false, null])('tells the value %j from none', async (value) => {
    const { inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    await storage.write(value);
    expect(await storage.read()).toBe(value);
  });

  test('keeps grains apart', async () => {
    const { inA } = await twoStores();
    const one = await inA.open(GRAIN, 1);
    const other = await inA.open({ type: 'test', key: 'other' }, 2);
    await one.write(1);
    await other.write(2);
    expect([await one.read(), await other.read()]).toEqual([1, 2]);
  });

  test('refuses every access of an activation once a higher token has sealed, before anything else was written', async () => {
    const { inA, inB } = await twoStores();
    const zombie = await inA.open(GRAIN, 1);
    await zombie.write('old');
    const owner = await inB.open(GRAIN, 2);
    const fenced = { code: 'LEASE_FENCED', details: { what: 'test/k', fencingToken: 1 } };
    await expect(zombie.write('zombie')).rejects.toMatchObject(fenced);
    await expect(zombie.read()).rejects.toMatchObject(fenced);
    await expect(zombie.clear()).rejects.toMatchObject(fenced);
    expect(await owner.read()).toBe('old');
  });

  test('refuses to open under a lower token than it was sealed with', async () => {
    const { inA, inB } = await twoStores();
    await inB.open(GRAIN, 5);
    await expect(inA.open(GRAIN, 4)).rejects.toMatchObject({ code: 'LEASE_FENCED' });
  });

  test('ends what was opened before under the same token', async () => {
    const { inA } = await twoStores();
    const first = await inA.open(GRAIN, 5);
    const second = await inA.open(GRAIN, 5);
    await expect(first.write(1)).rejects.toMatchObject({ code: 'LEASE_FENCED' });
    await second.write(2);
  });

  test('writes in the order of the calls, with the values of the calls', async () => {
    const { inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    const value = { n: 0 };
    const writes = Array.from({ length: 20 }, (_, n) => {
      value.n = n;
      return storage.write(value);
    });
    const read = storage.read();
    value.n = 99;
    await Promise.all(writes);
    expect(await read).toEqual({ n: 19 });
  });

  test('a write that landed unanswered has succeeded', async () => {
    const { fixture, inA, inB } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    fixture.network.loseAnswers('a', /^update state/);
    await fixture.while(storage.write('once'));
    expect(await storage.read()).toBe('once');
    await storage.write('twice');
    expect(await (await inB.open(GRAIN, 2)).read()).toBe('twice');
  });

  test('a write of which nothing is known rejects, and the next ones find out', async () => {
    const { fixture, inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    const loss = fixture.network.loseAnswers('a', /state/, 2); // of the write, and of the look for it
    await expect(fixture.while(storage.write('landed'))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    loss[Symbol.dispose]();
    await fixture.while(storage.write('next'));
    expect(await storage.read()).toBe('next');
  });

  test('a write that lands late neither fails nor undoes the one after it', async () => {
    const { fixture, inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    const late = fixture.network.delayRequests('a', /^update state/);
    await expect(fixture.while(storage.write('late'))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    const next = storage.write('next');
    await fixture.run(100);
    late[Symbol.dispose](); // both arrive, the late one first
    await fixture.while(next);
    expect(await storage.read()).toBe('next');
  });

  test('a write of a zombie that lands late is refused', async () => {
    const { fixture, inA, inB } = await twoStores();
    const zombie = await inA.open(GRAIN, 1);
    await zombie.write('old');
    const late = fixture.network.delayRequests('a', /^update state/);
    await expect(fixture.while(zombie.write('late'))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    const owner = await inB.open(GRAIN, 2);
    late[Symbol.dispose]();
    await fixture.run(100);
    expect(await owner.read()).toBe('old');
    await owner.write('new');
    expect(await owner.read()).toBe('new');
  });

  test('rejects while the engine is away, and goes on after', async () => {
    const { fixture, inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    await storage.write(1);
    const outage = fixture.network.engineGone();
    await expect(fixture.while(storage.read())).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await expect(fixture.while(storage.write(2))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    outage[Symbol.dispose]();
    expect(await storage.read()).toBe(1);
    await storage.write(3);
    expect(await storage.read()).toBe(3);
  });

  test('reads its own writes also where reads lag behind', async () => {
    const fixture = new ClusterFixture();
    let reads!: StaleReads;
    const a = await fixture.silo('a', { port: (port) => withStaleReads(port, 'state', (stale) => (reads = stale)) });
    const store = a.stateStore();
    const storage = await store.open(GRAIN, 1);
    await storage.write('old');
    await reads.stop();
    await storage.write('new');
    const read = storage.read();
    await fixture.run(50);
    reads.catchUp();
    expect(await fixture.while(read)).toBe('new');
  });

  test('seals what was written last also where reads lag behind', async () => {
    const fixture = new ClusterFixture();
    let reads!: StaleReads;
    const a = await fixture.silo('a');
    const b = await fixture.silo('b', { port: (port) => withStaleReads(port, 'state', (stale) => (reads = stale)) });
    const [inA, inB] = [a.stateStore(), b.stateStore()];
    const old = await inA.open(GRAIN, 1);
    await old.write('first');
    await inB.open({ type: 'test', key: 'other' }, 1);
    await reads.stop();
    await old.write('second');
    const opening = inB.open(GRAIN, 2);
    await fixture.run(50);
    reads.catchUp();
    expect(await (await fixture.while(opening)).read()).toBe('second');
  });

  test('refuses what is no plain data, and what does not fit into a row, and leaves the value as it was', async () => {
    const { inA } = await twoStores();
    const storage = await inA.open(GRAIN, 1);
    await storage.write('kept');
    await expect(storage.write(new Map())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(storage.write(() => 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(storage.write(new Uint8Array(2 ** 20))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await storage.read()).toBe('kept');
  });

  test('refuses a row that no silo wrote', async () => {
    const { a, inA } = await twoStores();
    await (await stateTable(a)).create('test.k', Uint8Array.of(1));
    await expect(inA.open(GRAIN, 1)).rejects.toMatchObject({ code: 'MESSAGE_INVALID' });
  });

  test('is not there where the engine keeps nothing', async () => {
    const fixture = new ClusterFixture('none');
    const port = await fixture.port();
    const store = new GrainStateStore({ port, clock: fixture.clock });
    await expect(store.open(GRAIN, 1)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  test('opens its table again when that failed', async () => {
    const { fixture, inA } = await twoStores();
    const outage = fixture.network.engineGone();
    await expect(fixture.while(inA.open(GRAIN, 1))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    outage[Symbol.dispose]();
    await (await inA.open(GRAIN, 1)).write(1);
  });
});
