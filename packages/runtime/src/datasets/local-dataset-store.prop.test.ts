import { GpuBridgeError, u32 } from '@gpu-bridge/abstractions';
import type { Allocation, DatasetData, DatasetLease, DatasetSource, KernelHandle } from '@gpu-bridge/abstractions';
import fc from 'fast-check';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LogLines } from '../testing/fixture.js';
import { startManualBridge } from '../testing/manual-bridge.js';
import { LocalDatasetStore } from './local-dataset-store.js';

const IDS = ['kept', 'spilled'] as const;
const columns = { x: u32 } as const;
type Lease = DatasetLease<typeof columns>;

const which = fc.nat(1_000);
const device = fc.constantFrom(undefined, 'a:0', 'b:0');
const steps = fc.array(
  fc.oneof(
    {
      arbitrary: fc.record({ publish: fc.constantFrom(...IDS), items: fc.integer({ min: 400, max: 1_500 }), device }),
      weight: 3,
    },
    {
      arbitrary: fc.record({ open: fc.constantFrom(...IDS), old: fc.option(which, { nil: undefined }), device }),
      weight: 4,
    },
    { arbitrary: fc.record({ release: which }), weight: 3 },
    { arbitrary: fc.record({ submit: which, device }), weight: 4 },
    { arbitrary: fc.record({ allocate: fc.integer({ min: 1, max: 3_000 }), device }), weight: 1 },
    { arbitrary: fc.record({ dispose: which }), weight: 1 },
    { arbitrary: fc.constant({ read: true as const }), weight: 3 },
    { arbitrary: fc.record({ drop: fc.constantFrom(...IDS), old: which }), weight: 1 },
    { arbitrary: fc.constant({ run: true as const }), weight: 4 },
    { arbitrary: fc.constant({ settle: true as const }), weight: 2 },
  ),
  { minLength: 50, maxLength: 80 },
);
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'datasets-prop-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Of a number and a place: two epochs never have equal data. */
function contentOf(seed: number, items: number): Uint32Array {
  return Uint32Array.from({ length: items }, (_, i) => seed * 10_000 + i);
}

/** Takes the second element that a random number means, out of a list. */
function take<T>(list: T[], n: number): T | undefined {
  return list.length === 0 ? undefined : list.splice(n % list.length, 1)[0];
}

/** A store on two small devices, and what must be true of it. */
class Model {
  readonly contents = new Map<string, Uint32Array>();
  readonly names = new Map<string, string[]>(IDS.map((id) => [id, []]));
  readonly leases: Lease[] = [];
  readonly jobs: { readonly handle: KernelHandle; readonly expected: Uint32Array }[] = [];
  readonly allocations: Allocation<Uint32Array>[] = [];
  readonly pending: Promise<void>[] = [];
  private readonly saved = new Map<string, DatasetData>();
  private epochs = 0;

  static async start(): Promise<Model> {
    const manual = await startManualBridge({ device: { arenaBytes: 10 * 1024 } });
    return new Model(
      manual,
      new LocalDatasetStore(manual.bridge, { spillFolder: folder, spillMiB: 64 }, new LogLines()),
    );
  }

  private constructor(
    readonly manual: Awaited<ReturnType<typeof startManualBridge>>,
    readonly store: LocalDatasetStore,
  ) {
    const source: DatasetSource = {
      load: async (_id, epoch) => {
        await turn();
        return this.saved.get(epoch)!;
      },
      save: async (_id, epoch, data) => {
        this.saved.set(epoch, { x: (data as { x: Uint32Array }).x.slice() });
        await turn();
      },
    };
    store.define({ id: 'kept', columns }, { source });
    store.define({ id: 'spilled', columns });
  }

  async step(step: Step): Promise<void> {
    if ('publish' in step) this.publish(step.publish, step.items, step.device);
    else if ('open' in step) this.open(step.open, step.old, step.device);
    else if ('release' in step) take(this.leases, step.release)?.release();
    else if ('submit' in step) await this.submit(step.submit, step.device);
    else if ('allocate' in step) this.allocate(step.allocate, step.device);
    else if ('dispose' in step) take(this.allocations, step.dispose)?.dispose();
    else if ('read' in step) await this.read(this.jobs.shift());
    else if ('drop' in step) this.drop(step.drop, step.old);
    else if ('run' in step) await this.run();
    else await this.settle();
    this.check();
  }

  /** Every lease still shows its epoch, and the store says so. */
  check(): void {
    const infos = new Map(this.store.list().map((info) => [`${info.id}@${info.epoch}`, info]));
    for (const { id, epoch, deviceId, data } of this.leases) {
      expect(infos.get(`${id}@${epoch}`)!.deviceIds).toContain(deviceId);
      expect(Buffer.compare(bytesOf(data.x), bytesOf(this.contents.get(`${id}@${epoch}`)!))).toBe(0);
    }
    for (const id of IDS) {
      const current = [...infos.values()].filter((info) => info.id === id && info.isCurrent);
      expect(current.length).toBeLessThanOrEqual(1);
    }
  }

  /** Ends everything; what is left in the arenas, and on disk, was leaked. */
  async finish(): Promise<void> {
    await this.settle();
    while (this.jobs.length > 0) await this.read(this.jobs.shift());
    for (const lease of this.leases.splice(0)) lease.release();
    for (const allocation of this.allocations.splice(0)) allocation.dispose();
    this.check();
    // What was evicted is still what it was.
    for (const { id, epoch } of this.store.list()) {
      using lease = await this.store.open({ id, columns }, { epoch });
      expect([...lease.data.x]).toEqual([...this.contents.get(`${id}@${epoch}`)!]);
    }
    for (const { id, epoch, pins } of this.store.list()) {
      expect(pins).toBe(0);
      this.store.drop(id, epoch);
    }
    expect([0, 1].map((i) => this.manual.info(i).arena.usedBytes)).toEqual([0, 0]);
    expect([this.store.list(), this.store.counters().spilledBytes]).toEqual([[], 0]);
    await this.store.stop();
    expect(await readdir(folder)).toEqual([]);
  }

  private publish(id: string, items: number, wanted: string | undefined): void {
    const seed = ++this.epochs;
    const x = contentOf(seed, items);
    const name = `${seed}`;
    this.contents.set(`${id}@${name}`, x);
    const options = wanted === undefined ? {} : { device: wanted };
    this.pending.push(
      this.store.publish({ id, columns }, name, { x: x.slice() }, options).then(() => {
        this.names.get(id)!.push(name);
      }, full),
    );
  }

  private open(id: string, old: number | undefined, wanted: string | undefined): void {
    const names = this.names.get(id)!;
    if (names.length === 0) return;
    const epoch = old === undefined ? undefined : names[old % names.length]!;
    const options = { ...(epoch === undefined ? {} : { epoch }), ...(wanted === undefined ? {} : { device: wanted }) };
    const isDropped = (error: unknown): void => {
      if (!GpuBridgeError.is(error, 'DATASET_NOT_FOUND')) full(error);
    };
    this.pending.push(
      this.store.open({ id, columns }, options).then((lease) => void this.leases.push(lease), isDropped),
    );
  }

  /** The lease is released at once: the job keeps what it reads. */
  private async submit(n: number, wanted: string | undefined): Promise<void> {
    const lease = this.leases[n % Math.max(1, this.leases.length)];
    if (lease === undefined || this.jobs.length > 8) return;
    const expected = this.contents.get(`${lease.id}@${lease.epoch}`)!;
    const handle = await this.manual.kernel
      .submitBatch({ x: lease.data.x }, { preferredDevice: wanted ?? lease.deviceId })
      .catch(full);
    if (handle !== undefined) this.jobs.push({ handle, expected });
    if (n % 2 === 0) take(this.leases, this.leases.indexOf(lease))!.release();
  }

  private allocate(count: number, wanted: string | undefined): void {
    try {
      const options = wanted === undefined ? {} : { device: wanted };
      this.allocations.push(this.manual.bridge.allocate<Uint32Array>(u32, count, options));
    } catch (error) {
      full(error);
    }
  }

  private async read(
    job: { readonly handle: KernelHandle; readonly expected: Uint32Array } | undefined,
  ): Promise<void> {
    if (job === undefined) return;
    const { outcome, error } = await this.manual.end(job.handle);
    if (outcome === 'failed') return full(error); // nothing could make way for it
    const values: number[] = [];
    const batches = this.manual.read(job.handle);
    for (let next = await batches.next(); next.done !== true; next = await batches.next())
      values.push(...(next.value.columns['y'] as Uint32Array));
    expect(values).toEqual([...job.expected].map((x) => x + 1));
  }

  private drop(id: string, old: number): void {
    const names = this.names.get(id)!;
    const name = names[old % Math.max(1, names.length)];
    if (name === undefined) return;
    try {
      this.store.drop(id, name);
      names.splice(names.indexOf(name), 1);
    } catch (error) {
      if (!GpuBridgeError.is(error, 'INVALID_ARGUMENT')) throw error;
    }
  }

  private async run(): Promise<void> {
    for (const each of [this.manual.a, this.manual.b]) each.step();
    await turn();
    this.manual.clock.advanceMs(1);
  }

  private async settle(): Promise<void> {
    await Promise.all(this.pending.splice(0));
  }
}

/** The arena is small, so this may happen; nothing else may. */
function full(error: unknown): undefined {
  if (!GpuBridgeError.is(error, 'ARENA_EXHAUSTED')) throw error;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

test('every job gets the data of its epoch, no leased epoch moves, and nothing is left behind', async () => {
  let evictions = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const model = await Model.start();
      for (const step of plan) await model.step(step);
      evictions += model.store.counters().evictions;
      await model.finish();
    }),
    { numRuns: 50 },
  );
  // The plans did make epochs come and go.
  expect(evictions).toBeGreaterThan(0);
}, 60_000);
