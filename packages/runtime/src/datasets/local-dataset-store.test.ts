import { i64, input, output, struct, u32 } from '@gpu-bridge/abstractions';
import type { DatasetData, DatasetLease, DatasetSource, KernelHandle } from '@gpu-bridge/abstractions';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ResidentPins } from '../arena/resident-pins.js';
import { bindGridInputs } from '../columns/bound-inputs.js';
import { boundsOfFixed } from '../columns/index-bounds.js';
import { LogLines, kernelOf } from '../testing/fixture.js';
import { startManualBridge } from '../testing/manual-bridge.js';
import type { ManualSetting } from '../testing/manual-bridge.js';
import { LocalDatasetStore } from './local-dataset-store.js';

const numbers = { id: 'numbers', columns: { x: u32 } } as const;
const KIB = 1024;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'datasets-test-'));
});
afterAll(() => rm(folder, { recursive: true }));
const stores: LocalDatasetStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.stop();
  expect(await spillFolders()).toEqual([]);
});

async function start(setting: ManualSetting = {}, spillMiB = 64, maxPendingBytes?: number) {
  const manual = await startManualBridge(setting);
  const { bridge, kernel, end, read } = manual;
  const logger = new LogLines();
  const store = new LocalDatasetStore(bridge, { spillFolder: folder, spillMiB }, logger, maxPendingBytes);
  stores.push(store);
  store.define(numbers);
  const run = (lease: DatasetLease<typeof numbers.columns>) =>
    kernel.submitBatch({ x: lease.data.x }, { preferredDevice: lease.deviceId });
  const results = async (handle: KernelHandle): Promise<number[]> => {
    expect(await end(handle)).toMatchObject({ outcome: 'completed' });
    const values: number[] = [];
    const batches = read(handle);
    for (let next = await batches.next(); next.done !== true; next = await batches.next())
      values.push(...(next.value.columns['y'] as Uint32Array));
    return values;
  };
  return { ...manual, store, run, results, logger };
}

async function spillFolders(): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('gpu-bridge-datasets-'));
}

function filled(value: number, items: number): { readonly x: Uint32Array } {
  return { x: new Uint32Array(items).fill(value) };
}

/** Keeps every epoch it is given; `load` waits for `open` when it is gated. */
function memorySource(isGated = false) {
  const epochs = new Map<string, DatasetData>();
  const loads: string[] = [];
  let pass = (): void => undefined;
  const gate = isGated ? new Promise<void>((resolve) => (pass = resolve)) : Promise.resolve();
  const source: DatasetSource = {
    load: async (id, epoch) => {
      loads.push(epoch);
      await gate;
      const data = epochs.get(epoch);
      if (data === undefined) throw new Error(`no epoch ${epoch} of ${id}`);
      return data;
    },
    save: async (_id, epoch, data) => {
      const copied = Object.entries(data).map(([name, column]) => [name, (column as Uint32Array).slice()] as const);
      epochs.set(epoch, Object.fromEntries(copied));
    },
  };
  return { source, epochs, loads, open: () => pass() };
}

describe('a dataset in the arena', () => {
  it('is used by jobs in place, and stays while they read it, released or not', async () => {
    const { store, run, results, info } = await start();
    const published = await store.publish(numbers, '1', filled(7, 1_000));
    expect(published).toEqual({
      ...{ id: 'numbers', epoch: '1', tenant: 'default', isCurrent: true, residency: 'resident' },
      ...{ deviceIds: ['a:0'], sizeBytes: 4_032, pins: 0 },
    });
    const lease = await store.open(numbers);
    expect([lease.epoch, lease.deviceId, lease.data.x[999]]).toEqual(['1', 'a:0', 7]);
    const handle = await run(lease);
    lease.release();
    lease.release();
    expect(store.list()[0]?.pins).toBe(0);
    expect(() => store.drop('numbers', '1')).toThrow(/not leased, pinned, loaded or read/);
    expect(new Set(await results(handle))).toEqual(new Set([8]));
    store.drop('numbers', '1');
    expect([info(0).arena.usedBytes, store.list()]).toEqual([0, []]);
  });

  it('keeps readers of an epoch on it while the next one is published', async () => {
    const { store, run, results } = await start();
    await store.publish(numbers, '1', filled(1, 10));
    const old = await store.open(numbers);
    await store.publish(numbers, '2', filled(2, 20));
    const next = await store.open(numbers);
    expect([old.epoch, next.epoch]).toEqual(['1', '2']);
    const handles = [await run(old), await run(next)];
    expect(await results(handles[0]!)).toEqual(new Array(10).fill(2));
    expect(await results(handles[1]!)).toEqual(new Array(20).fill(3));
    expect((await store.open(numbers, { epoch: '1' })).data.x.length).toBe(10);
  });

  it('converts 64-bit columns, and aligns every column to a cache line', async () => {
    const { store } = await start();
    const wide = { id: 'wide', columns: { pair: struct({ a: u32, b: i64 }), words: i64, odd: u32 } } as const;
    store.define(wide);
    const words = { low: Uint32Array.of(5, 6), high: Int32Array.of(-1, 1) };
    const pair = { a: Uint32Array.of(1, 2, 3), b: Float64Array.of(-4, 5, 2 ** 40) };
    await store.publish(wide, '1', { pair, words, odd: new Uint32Array(0) });
    const { data } = await store.open(wide);
    expect([...data.pair.a]).toEqual([1, 2, 3]);
    expect([...(data.pair.b as BigInt64Array)]).toEqual([-4n, 5n, 2n ** 40n]);
    expect([...(data.words as BigInt64Array)]).toEqual([5n - 2n ** 32n, 2n ** 32n + 6n]);
    for (const column of [data.pair.a, data.pair.b as BigInt64Array, data.words as BigInt64Array, data.odd])
      expect(column.byteOffset % 64).toBe(0);
  });

  it('says what is wrong with data and definitions, and changes nothing', async () => {
    const { store, info } = await start();
    const refused: [unknown, RegExp][] = [
      [{}, /data.x must be a Uint32Array/],
      [{ x: new Float32Array(1) }, /data.x must be/],
      [{ x: new Uint32Array(1), y: new Uint32Array(1) }, /data must be only x/],
      [undefined, /data must be an object/],
    ];
    for (const [data, message] of refused)
      await expect(store.publish(numbers, '1', data as never)).rejects.toThrow(message);
    await expect(store.publish(numbers, '', filled(1, 1))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(store.publish({ id: 'numbers', columns: { y: u32 } }, '1', {} as never)).rejects.toThrow(
      /as defined before: x: u32/,
    );
    await expect(store.publish({ ...numbers, id: 'unknown' }, '1', filled(1, 1))).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      details: { dataset: 'unknown', known: ['numbers'] },
    });
    await expect(store.open(numbers)).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await store.publish(numbers, '1', filled(1, 1));
    await expect(store.publish(numbers, '1', filled(1, 1))).rejects.toThrow(/one that dataset numbers does not have/);
    await expect(store.open(numbers, { epoch: '2' })).rejects.toMatchObject({ details: { epoch: '2', known: ['1'] } });
    await expect(store.open(numbers, { device: 'c:0' })).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' });
    for (const columns of [{}, { 'a.b': u32 }, { x: 'u32' }])
      expect(() => store.define({ id: 'bad', columns: columns as never })).toThrow(/dataset.columns/);
    expect(() => store.define({ id: 'a@b', columns: { x: u32 } })).toThrow(/without @/);
    expect(info(0).arena.usedBytes).toBe(64);
  });

  it('publishes in the order of the calls, each when it has been saved', async () => {
    const { store } = await start();
    const saved: string[] = [];
    const ordered = { id: 'ordered', columns: { x: u32 } } as const;
    const save = async (_id: string, epoch: string): Promise<void> => {
      saved.push(epoch);
      if (epoch === '2') throw new Error('the disk is full');
      await new Promise((resolve) => setImmediate(resolve));
    };
    store.define(ordered, { source: { load: () => Promise.reject(new Error('not asked')), save } });
    const published = ['1', '2', '2', '3'].map((epoch) => store.publish(ordered, epoch, filled(1, 1)));
    const settled = await Promise.allSettled(published);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(saved).toEqual(['1', '2', '2', '3']);
    expect(store.list().map(({ epoch, isCurrent }) => [epoch, isCurrent])).toEqual([
      ['1', false],
      ['3', true],
    ]);
  });
});

const small = { names: ['a'], device: { arenaBytes: 16 * KIB } };

describe('an arena that is too small', () => {
  it('gives up superseded epochs first, then what was opened longest ago, never what is leased or read', async () => {
    const { store, results, run } = await start(small);
    const of = (id: string) => ({ id, columns: { x: u32 } }) as const;
    for (const id of ['a', 'b']) store.define(of(id));
    const resident = () =>
      store.list().flatMap(({ id, epoch, residency }) => (residency === 'resident' ? [id + epoch] : []));
    await store.publish(of('a'), '1', filled(1, KIB));
    await store.publish(of('b'), '1', filled(2, KIB));
    await store.publish(of('b'), '2', filled(3, KIB));
    (await store.open(of('a'))).release();
    await store.publish(numbers, '1', filled(4, KIB)); // full: b1 is the only one that is superseded
    await store.publish(numbers, '2', filled(5, KIB));
    expect(resident()).toEqual(['a1', 'b2', 'numbers1', 'numbers2']);
    const held = await store.open(numbers, { epoch: '1' });
    await store.publish(numbers, '3', filled(6, KIB)); // numbers1 is leased, b2 was opened before a1
    expect(resident()).toEqual(['a1', 'numbers1', 'numbers2', 'numbers3']);
    const handle = await run(held);
    held.release();
    expect(await results(handle)).toEqual(new Array(KIB).fill(5));
    expect(resident()).toEqual(['numbers1', 'numbers3']); // the job needed a little more than what one of them took
    expect(store.counters()).toMatchObject({ evictions: 4, spills: 4, loads: 0 });
  });

  it('writes what has no source to a private folder, reads it back when it is opened, and removes it at the stop', async () => {
    const { store, run, results } = await start(small);
    for (let epoch = 1; epoch <= 6; epoch++) await store.publish(numbers, `${epoch}`, filled(epoch, KIB));
    expect(store.list().map(({ residency }) => residency)).toEqual([
      ...['spilled', 'spilled', 'resident', 'resident', 'resident', 'resident'],
    ]);
    expect(store.counters()).toMatchObject({ evictions: 2, spills: 2, spilledBytes: 8 * KIB });
    for (const epoch of [1, 2, 3, 4, 5, 6, 1]) {
      using lease = await store.open(numbers, { epoch: `${epoch}` });
      const handle = await run(lease);
      expect(await results(handle)).toEqual(new Array(KIB).fill(epoch + 1));
      handle.dispose();
    }
    const [own] = await spillFolders();
    expect((await stat(join(folder, own!))).mode & 0o777).toBe(0o700);
    await store.stop();
    expect(await spillFolders()).toEqual([]);
    await expect(store.open(numbers)).rejects.toMatchObject({ code: 'DRAINING' });
  });

  it('drops what its source has, and loads it once however many ask', async () => {
    const { store } = await start(small);
    const { source, loads, open } = memorySource(true);
    const kept = { id: 'kept', columns: { x: u32 } } as const;
    store.define(kept, { source });
    await store.publish(kept, '1', filled(1, 3 * KIB));
    await store.publish(kept, '2', filled(2, 3 * KIB));
    expect(store.list().map(({ residency }) => residency)).toEqual(['evicted', 'resident']);
    const controller = new AbortController();
    const aborted = store.open(kept, { epoch: '1', signal: controller.signal });
    const opened = [1, 2, 3].map(() => store.open(kept, { epoch: '1' }));
    expect(store.list()[0]).toMatchObject({ residency: 'evicted', pins: 4 });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    open();
    const leases = await Promise.all(opened);
    expect(new Set(leases.map(({ data }) => data.x)).size).toBe(1);
    expect([leases[0]!.data.x[0], loads, store.list()[0]?.pins]).toEqual([1, ['1'], 3]);
    expect(store.counters()).toMatchObject({ loads: 1, evictions: 2, spills: 0, spilledBytes: 0 });
    for (const lease of leases) lease.release();
  });

  it('refuses an epoch without room, and everything stays as it was', async () => {
    const { store, info } = await start(small);
    await store.publish(numbers, '1', filled(1, 3 * KIB));
    const pin = await store.pin('numbers', '1');
    const { usedBytes } = info(0).arena;
    await expect(store.publish(numbers, '2', filled(2, 2 * KIB))).rejects.toMatchObject({ code: 'ARENA_EXHAUSTED' });
    await expect(store.publish(numbers, '2', filled(2, 8 * KIB))).rejects.toMatchObject({ code: 'ARENA_EXHAUSTED' });
    expect(store.list()).toMatchObject([{ epoch: '1', isCurrent: true, residency: 'resident', pins: 1 }]);
    expect([info(0).arena.usedBytes, store.counters().evictions]).toEqual([usedBytes, 0]);
    pin[Symbol.dispose]();
    await store.publish(numbers, '2', filled(2, 2 * KIB));
    expect(store.list().map(({ residency }) => residency)).toEqual(['spilled', 'resident']);
  });

  it('runs a job that waits for memory as soon as a lease that held it is released', async () => {
    const { store, submit, results, end, settle } = await start(small);
    const first = await submit(4);
    await end(first); // its results are not read: memory would come back in a minute
    await store.publish(numbers, '1', filled(1, 3 * KIB));
    const lease = await store.open(numbers);
    const waiting = await submit(1_300);
    await settle();
    expect(waiting.state).toBe('queued');
    lease.release();
    await settle();
    expect(waiting.state).toBe('running');
    expect((await results(waiting)).length).toBe(1_300);
  });

  it('notices an epoch that is loaded with other content than it had', async () => {
    const { store } = await start(small);
    const { source, epochs } = memorySource();
    const kept = { id: 'kept', columns: { x: u32 } } as const;
    store.define(kept, { source });
    await store.publish(kept, '1', filled(1, 3 * KIB));
    await store.publish(kept, '2', filled(2, 3 * KIB));
    epochs.set('1', filled(9, 3 * KIB));
    await expect(store.open(kept, { epoch: '1' })).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      details: { dataset: 'kept', epoch: '1' },
    });
    epochs.set('1', filled(1, 3 * KIB));
    expect((await store.open(kept, { epoch: '1' })).data.x[0]).toBe(1);
  });
});

describe('the spill folder', () => {
  const half = { names: ['a'], device: { arenaBytes: 2 * 2 ** 20 } };
  const many = 2 ** 18 - 16; // almost 1 MiB

  it('has an end: superseded epochs are forgotten, the oldest first, and that is told', async () => {
    const { store, logger } = await start(half, 2);
    for (let epoch = 1; epoch <= 6; epoch++) await store.publish(numbers, `${epoch}`, filled(epoch, many));
    expect(store.list().map(({ epoch, residency }) => epoch + residency)).toEqual([
      ...['3spilled', '4spilled', '5resident', '6resident'],
    ]);
    expect(store.counters()).toMatchObject({ evictions: 4, spills: 4, forgotten: 2 });
    expect(logger.lines.filter((line) => line.includes('forgotten'))).toHaveLength(2);
    await expect(store.open(numbers, { epoch: '1' })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    expect((await store.open(numbers, { epoch: '3' })).data.x[0]).toBe(3);
  });

  it('lets epochs and jobs wait while too much is on its way there', async () => {
    const { store, kernel, results } = await start(small, 64, 1);
    for (let epoch = 1; epoch <= 4; epoch++) await store.publish(numbers, `${epoch}`, filled(epoch, KIB));
    const other = { id: 'other', columns: { x: u32 } } as const;
    store.define(other);
    await Promise.all([
      store.publish(numbers, '5', filled(5, 2 * KIB)), // two others make way
      store.publish(other, '1', filled(6, 2 * KIB)), // for this one none may, until those are on disk
    ]);
    expect(store.counters()).toMatchObject({ published: 6, spills: 4 });
    await store.publish(numbers, '6', filled(7, KIB));
    const handle = await kernel.submitBatch({ x: new Uint32Array(600).fill(8) });
    await vi.waitFor(() => expect(handle.state).toBe('running'), { timeout: 30_000, interval: 1 });
    expect(new Set(await results(handle))).toEqual(new Set([9]));
    expect(store.counters().spills).toBe(6);
  });

  it('forgets nothing that is current: without room there it stays in the arena', async () => {
    const { store, bridge } = await start(half, 0);
    await store.publish(numbers, '1', filled(1, many));
    expect(() => bridge.allocate(u32, 2 * many)).toThrow(/ARENA_EXHAUSTED/);
    expect(store.list()).toMatchObject([{ residency: 'resident' }]);
    expect(store.counters()).toMatchObject({ evictions: 0, forgotten: 0 });
  });

  it('that cannot be used keeps in memory what was evicted, and says so', async () => {
    const { bridge } = await start(half);
    const logger = new LogLines();
    const file = join(folder, 'file');
    await writeFile(file, 'no folder');
    const store = new LocalDatasetStore(bridge, { spillFolder: file, spillMiB: 64 }, logger);
    store.define(numbers);
    for (let epoch = 1; epoch <= 3; epoch++) await store.publish(numbers, `${epoch}`, filled(epoch, many));
    const lease = await store.open(numbers, { epoch: '1' });
    expect(lease.data.x[many - 1]).toBe(1);
    lease.release();
    await vi.waitFor(() => expect(logger.lines).toContain('error: an evicted dataset cannot be written'), {
      timeout: 30_000,
    });
    for (const { epoch } of store.list()) store.drop('numbers', epoch);
    expect(store.counters().spilledBytes).toBe(0);
    await store.stop();
    await rm(file);
  });
});

describe('columns of a dataset', () => {
  it('are named by what lies there, for whoever audits a job that reads them', async () => {
    const { store, brokers } = await start();
    const pairs = { id: 'pairs', columns: { pair: struct({ a: u32, b: i64 }), x: u32 } } as const;
    store.define(pairs);
    const pair = { a: Uint32Array.of(1), b: BigInt64Array.of(2n) };
    await store.publish(pairs, '1', { pair, x: Uint32Array.of(3, 4) });
    const { data } = await store.open(pairs);
    const { pins } = brokers[0] as unknown as { pins: ResidentPins };
    expect(pins.describe(data.pair.b as BigInt64Array)).toEqual({ id: 'pairs', epoch: '1', column: 'pair.b' });
    expect(pins.describe(data.x)).toEqual({ id: 'pairs', epoch: '1', column: 'x' });
    expect(pins.describe(data.x.subarray(1))).toBeUndefined();
    expect(pins.describe(Uint32Array.of(3, 4))).toBeUndefined();
  });

  it('that are indexes are looked at once, as long as they are there', async () => {
    const { store } = await start({ names: ['a'], device: { arenaBytes: 16 * KIB } });
    await store.publish(numbers, '1', filled(7, 3 * KIB));
    const lease = await store.open(numbers);
    const { data } = lease;
    expect(boundsOfFixed(data.x)).toEqual({ least: 7, greatest: 7 });
    expect(boundsOfFixed(data.x)).toBe(boundsOfFixed(data.x));
    const gather = kernelOf(
      {
        at: input(u32, { indexes: 'from' }),
        from: input(u32),
        y: output(u32),
      },
      { kind: 'grid' },
    );
    const bind = (items: number) =>
      bindGridInputs(gather.shape, { at: data.x, from: new Uint32Array(items) }, { globalSize: [1] });
    expect(bind(8).submittedCount).toBe(1);
    expect(() => bind(7)).toThrow(/at\[0\] is 7, not an index below 7 of from/);
    lease.release();
    await store.publish(numbers, '2', filled(1, 3 * KIB));
    expect(boundsOfFixed(data.x)).toBeUndefined();
    expect(boundsOfFixed(Uint32Array.of(1))).toBeUndefined();
  });
});

describe('a source that has epochs', () => {
  it('gives them to a silo that has not published them, current by adoption or not', async () => {
    const { store } = await start();
    const { source, epochs, loads } = memorySource();
    const kept = { id: 'kept', columns: { x: u32 } } as const;
    store.define(kept, { source });
    epochs.set('1', filled(1, 4));
    epochs.set('2', filled(2, 4));
    expect(await store.adopt('kept', '2')).toMatchObject({ isCurrent: true, residency: 'evicted', sizeBytes: 0 });
    expect(loads).toEqual([]);
    expect((await store.open(kept)).data.x[0]).toBe(2);
    expect((await store.open(kept, { epoch: '1' })).data.x[0]).toBe(1);
    await expect(store.open(kept, { epoch: '3' })).rejects.toThrow(/no epoch 3/);
    expect(store.list().map(({ epoch, isCurrent }) => epoch + isCurrent)).toEqual(['2true', '1false']);
    await expect(store.adopt('numbers', '1')).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
  });

  it('that does not answer keeps nobody waiting when the silo stops', async () => {
    const { store } = await start();
    const silent = { id: 'silent', columns: { x: u32 } } as const;
    const signals: AbortSignal[] = [];
    const load = (_id: string, _epoch: string, signal: AbortSignal): Promise<never> => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    store.define(silent, { source: { load } });
    const opened = store.open(silent, { epoch: '1' });
    await vi.waitFor(() => expect(signals).toHaveLength(1), { timeout: 30_000 });
    await Promise.all([expect(opened).rejects.toMatchObject({ code: 'DRAINING' }), store.stop()]);
    expect(signals[0]!.aborted).toBe(true);
  });

  it('forgets the oldest of too many epochs, which it still gives', async () => {
    const { store, logger } = await start();
    const { source } = memorySource();
    const kept = { id: 'kept', columns: { x: u32 } } as const;
    store.define(kept, { source });
    for (let epoch = 1; epoch <= 258; epoch++) await store.publish(kept, `${epoch}`, filled(epoch, 1));
    expect([store.list().length, store.list()[0]?.epoch, store.counters().forgotten]).toEqual([256, '3', 2]);
    expect((await store.open(kept, { epoch: '1' })).data.x[0]).toBe(1);
    expect(logger.lines).toEqual([]);
  });
});

describe('a dataset of several devices', () => {
  it('is copied from the device that has it, and stays where its device is given up', async () => {
    const { store, run, results, quarantine, a, kernel } = await start();
    await store.publish(numbers, '1', filled(4, 100), { device: 'a:0' });
    const there = await store.open(numbers, { device: 'b:0' });
    expect(store.list()[0]?.deviceIds).toEqual(['a:0', 'b:0']);
    expect(store.counters().copies).toBe(1);
    there.release();
    const here = await store.open(numbers);
    const waiting = await kernel.submitBatch({ x: here.data.x }, { preferredDevice: 'a:0' });
    here.release();
    await quarantine(a);
    expect(() => store.drop('numbers', '1')).toThrow(/read/);
    expect(await results(waiting)).toEqual(new Array(100).fill(5));
    const elsewhere = await store.open(numbers, { device: 'a:0' });
    expect(elsewhere.deviceId).toBe('b:0');
    expect(await results(await run(elsewhere))).toEqual(new Array(100).fill(5));
  });
});
