import type { ClusterTable, GrainId } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import { gate } from '../testing/silo-fixture.js';
import type { StaleReads } from '../testing/stale-port.js';
import { withStaleReads } from '../testing/stale-port.js';
import { GrainDirectory, directoryTableName } from './grain-directory.js';
import { tableKeyOf } from './grain-key.js';

const GRAIN: GrainId = { type: 'test', key: 'k' };

async function twoSilos() {
  const fixture = new ClusterFixture();
  const a = await fixture.join('a');
  const b = await fixture.join('b');
  return { fixture, a, b, inA: await a.directory(), inB: await b.directory() };
}

describe('GrainDirectory', () => {
  test('has one winner where two silos want a grain, and both know it', async () => {
    const { a, b, inA, inB } = await twoSilos();
    const [fromA, fromB] = await Promise.all([inA.claim(GRAIN), inB.claim(GRAIN)]);
    expect(fromA).toEqual(fromB);
    expect([a.address, b.address]).toContain(fromA.owner);
    expect(inA.cached(GRAIN)).toEqual(fromA);
    expect(await inB.lookUp(GRAIN)).toEqual(fromA);
  });

  test('knows nothing of a grain that nobody claimed', async () => {
    const { inA } = await twoSilos();
    expect(inA.cached(GRAIN)).toBeUndefined();
    expect(await inA.lookUp(GRAIN)).toBeUndefined();
  });

  test('makes one claim of many for the same grain', async () => {
    const { fixture, inA } = await twoSilos();
    let creates = 0;
    fixture.network.add((hop) => {
      if (hop.kind === 'request' && hop.what.startsWith('create directory')) creates++;
      return 'pass';
    });
    const entries = await Promise.all(Array.from({ length: 20 }, () => inA.claim(GRAIN)));
    expect(creates).toBe(1);
    expect(new Set(entries.map(({ fencingToken }) => fencingToken)).size).toBe(1);
  });

  test('gives every claim a token of its own, higher than any before', async () => {
    const { inA, inB } = await twoSilos();
    const first = await inA.claim(GRAIN);
    const again = await inA.claim(GRAIN);
    expect(again.fencingToken).toBeGreaterThan(first.fencingToken);
    await inA.release(GRAIN, again.fencingToken);
    expect(inA.cached(GRAIN)).toBeUndefined();
    const next = await inB.claim(GRAIN);
    expect(next.fencingToken).toBeGreaterThan(again.fencingToken);
  });

  test('does not release what was claimed anew', async () => {
    const { a, inA, inB } = await twoSilos();
    const first = await inA.claim(GRAIN);
    const again = await inA.claim(GRAIN);
    await inA.release(GRAIN, first.fencingToken);
    expect(inA.cached(GRAIN)).toEqual(again);
    expect(await inB.claim(GRAIN)).toEqual({ owner: a.address, fencingToken: again.fencingToken });
  });

  test('refuses to take over while the owner lives, also when it does not answer', async () => {
    const { fixture, a, b, inA, inB } = await twoSilos();
    const owned = await inA.claim(GRAIN);
    a.freeze();
    b.membership.suspect(a.address);
    expect(await inB.claim(GRAIN)).toEqual(owned);
    await fixture.run(14_000);
    expect(await inB.claim(GRAIN)).toEqual(owned);
  });

  test('takes over from a silo whose lease ran out, and the zombie cannot claim it back', async () => {
    const { fixture, a, b, inA, inB } = await twoSilos();
    const owned = await inA.claim(GRAIN);
    a.freeze();
    await fixture.run(17_000);
    expect(inB.cached(GRAIN)).toBeUndefined();
    const taken = await inB.claim(GRAIN);
    expect(taken.owner).toBe(b.address);
    expect(taken.fencingToken).toBeGreaterThan(owned.fencingToken);
    a.thaw();
    expect(await inA.claim(GRAIN)).toEqual(taken);
    await inA.release(GRAIN, owned.fencingToken);
    await fixture.run(2_000);
    expect(await inA.claim(GRAIN)).toEqual(taken);
    expect(await inB.lookUp(GRAIN)).toEqual(taken);
  });

  test('takes over from a silo that left, at once', async () => {
    const { fixture, a, b, inA, inB } = await twoSilos();
    await inA.claim(GRAIN);
    await a.membership.leave();
    await fixture.settle();
    expect((await inB.claim(GRAIN)).owner).toBe(b.address);
  });

  test('takes its own grains over after it has rejoined', async () => {
    const { fixture, a, inA } = await twoSilos();
    const owned = await inA.claim(GRAIN);
    a.freeze();
    await fixture.run(20_000);
    a.thaw();
    await fixture.run(1_000);
    const again = await inA.claim(GRAIN);
    expect(again.owner).toBe(a.address);
    expect(again.owner).not.toBe(owned.owner);
    expect(again.fencingToken).toBeGreaterThan(owned.fencingToken);
  });

  test('has one winner where two silos take over', async () => {
    const { fixture, a, inA, inB } = await twoSilos();
    const c = await fixture.join('c');
    const inC = await c.directory();
    await inA.claim(GRAIN);
    a.freeze();
    await fixture.run(17_000);
    const [fromB, fromC] = await Promise.all([inB.claim(GRAIN), inC.claim(GRAIN)]);
    expect(fromB).toEqual(fromC);
    expect(fromB.owner).not.toBe(a.address);
  });

  test('claims again what an incarnation had claimed that was lost before it knew', async () => {
    const { fixture, a, b } = await twoSilos();
    const { membership, clock, address } = a;
    const table = await a.port.openTable(directoryTableName());
    const answer = gate();
    const slow: ClusterTable = {
      name: table.name,
      get: (key) => table.get(key),
      rows: () => table.rows(),
      update: (key, value, revision) => table.update(key, value, revision),
      delete: (key, revision) => table.delete(key, revision),
      watch: (listener) => table.watch(listener),
      create: async (key, value) => {
        const revision = await table.create(key, value);
        await answer.passed;
        return revision;
      },
    };
    const directory = new GrainDirectory({ table: slow, membership, clock, logger: fixture.logger });
    const claim = directory.claim(GRAIN);
    await fixture.settle();
    a.freeze();
    await fixture.run(20_000);
    expect(b.deaths).toEqual([address]);
    a.thaw();
    await fixture.run(1_000);
    expect(a.address).not.toBe(address);
    answer.open();
    expect((await claim).owner).toBe(a.address);
  });

  test('recognises its own row where the answer to the claim was lost', async () => {
    const { fixture, a, inA, inB } = await twoSilos();
    fixture.network.loseAnswers('a', /^create directory/);
    await expect(fixture.while(inA.claim(GRAIN))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    const entry = await inA.claim(GRAIN);
    expect(entry.owner).toBe(a.address);
    expect(await inB.claim(GRAIN)).toEqual(entry);
  });

  test('stale reads never make two owners', async () => {
    const fixture = new ClusterFixture();
    let reads!: StaleReads;
    const a = await fixture.join('a');
    const c = await fixture.join('c');
    const b = await fixture.join('b', {
      port: (port) => withStaleReads(port, directoryTableName(), (stale) => (reads = stale)),
    });
    const [inA, inB, inC] = [await a.directory(), await b.directory(), await c.directory()];
    await inA.claim(GRAIN);
    await reads.stop(); // from here on b sees the row of a
    a.freeze();
    await fixture.run(17_000);
    const taken = await inC.claim(GRAIN);
    expect(taken.owner).toBe(c.address);
    // It reads a dead owner at a revision that is gone, again and again.
    await expect(fixture.while(inB.claim(GRAIN))).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    reads.catchUp();
    expect(await inB.claim(GRAIN)).toEqual(taken);
  });

  test('waits for reads that do not show the row yet', async () => {
    const fixture = new ClusterFixture();
    let reads!: StaleReads;
    const a = await fixture.join('a');
    const b = await fixture.join('b', {
      port: (port) => withStaleReads(port, directoryTableName(), (stale) => (reads = stale)),
    });
    const [inA, inB] = [await a.directory(), await b.directory()];
    await reads.stop();
    const owned = await inA.claim(GRAIN);
    const claim = inB.claim(GRAIN);
    await fixture.run(100);
    reads.catchUp();
    expect(await fixture.while(claim)).toEqual(owned);
  });

  test('never goes back to an older entry than it has seen', async () => {
    const fixture = new ClusterFixture();
    let reads!: StaleReads;
    const a = await fixture.join('a');
    const b = await fixture.join('b', {
      port: (port) => withStaleReads(port, directoryTableName(), (stale) => (reads = stale)),
    });
    const [inA, inB] = [await a.directory(), await b.directory()];
    const first = await inA.claim(GRAIN);
    await reads.stop();
    await inA.release(GRAIN, first.fencingToken);
    const own = await inB.claim(GRAIN);
    expect(own.owner).toBe(b.address);
    expect(await inB.lookUp(GRAIN)).toEqual(own);
  });

  test('forgets on demand', async () => {
    const { inA, inB } = await twoSilos();
    const entry = await inA.claim(GRAIN);
    expect(await inB.lookUp(GRAIN)).toEqual(entry);
    inB.forget(GRAIN);
    expect(inB.cached(GRAIN)).toBeUndefined();
  });

  test('keeps so many entries at most, those that were used last', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const { membership, clock } = a;
    const table = await a.port.openTable(directoryTableName());
    const small = new GrainDirectory({ table, membership, clock, logger: fixture.logger }, { cacheCapacity: 3 });
    const id = (n: number): GrainId => ({ type: 'test', key: `${n}` });
    for (let n = 0; n < 3; n++) await small.claim(id(n));
    small.cached(id(0));
    await small.claim(id(3));
    expect([0, 1, 2, 3].map((n) => small.cached(id(n)) !== undefined)).toEqual([true, false, true, true]);
  });

  test('sweeps the rows of the dead, and of nobody else', async () => {
    const { fixture, a, b, inA, inB } = await twoSilos();
    const { address } = a;
    for (let n = 0; n < 100; n++) await inA.claim({ type: 'test', key: `a${n}` });
    await inB.claim({ type: 'test', key: 'b' });
    expect(await inB.sweep(address)).toBe(0);
    a.freeze();
    await fixture.run(17_000);
    expect(await inB.sweep(address)).toBe(100);
    const rows = await (await b.port.openTable(directoryTableName())).rows();
    expect(rows.map(({ key }) => key)).toEqual([tableKeyOf({ type: 'test', key: 'b' })]);
  });

  test('refuses keyed grains when the engine has lost writes, and starts anew with the next epoch', async () => {
    const { fixture, a, inA } = await twoSilos();
    let told = 0;
    inA.onRollback(() => told++);
    for (let n = 0; n < 5; n++) await inA.claim({ type: 'test', key: `${n}` });
    const before = await inA.claim(GRAIN);
    await inA.verify();
    expect(told).toBe(0);

    // An engine that was restored from an old copy: the same names, lower revisions.
    const restored = new ClusterFixture();
    const port = restored.cluster.port();
    await port.open();
    const table = await port.openTable(directoryTableName());
    const { membership, clock } = a;
    const real = await a.port.openTable(directoryTableName());
    let current = real;
    const switched = {
      name: real.name,
      get: (key: string) => current.get(key),
      rows: () => current.rows(),
      create: (key: string, value: Uint8Array) => current.create(key, value),
      update: (key: string, value: Uint8Array, revision: number) => current.update(key, value, revision),
      delete: (key: string, revision: number) => current.delete(key, revision),
      watch: () => Promise.reject(new Error('not watched')),
    };
    const directory = new GrainDirectory({ table: switched, membership, clock, logger: fixture.logger });
    directory.onRollback(() => told++);
    await directory.claim(GRAIN);
    current = table;
    await expect(directory.verify()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(told).toBe(1);
    expect(fixture.errors()).toEqual([expect.stringContaining('lost writes')]);
    await expect(directory.claim(GRAIN)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(directory.cached(GRAIN)).toBeUndefined();
    expect(told).toBe(1);

    const next = await (await a.directory(1)).claim(GRAIN);
    expect(next.fencingToken).toBeGreaterThan(before.fencingToken);
    expect(next.owner).toBe(a.address);
  });

  test('finds lost writes also when a claim gets a token that was there before', async () => {
    const { fixture, a } = await twoSilos();
    const { membership, clock } = a;
    let revision = 10;
    const table = {
      ...(await a.port.openTable('any')),
      name: 'directory-0',
      get: () => Promise.resolve(undefined),
      create: () => Promise.resolve(revision),
    };
    const directory = new GrainDirectory({ table, membership, clock, logger: fixture.logger });
    expect((await directory.claim(GRAIN)).fencingToken).toBe(10);
    revision = 10;
    await expect(directory.claim({ type: 'test', key: 'other' })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
  });
});
