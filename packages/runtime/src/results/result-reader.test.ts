import { GpuBridgeError, WideColumn, f32, i64, input, output, ragged, struct, u32 } from '@gpu-bridge/abstractions';
import type { ColumnBatch, RaggedOutput } from '@gpu-bridge/abstractions';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ArenaAllocator } from '../arena/arena-allocator.js';
import { Batch } from '../broker/batch.js';
import type { LoadedKernel } from '../catalog/loaded-kernel.js';
import { DeviceMemory } from '../columns/device-memory.js';
import { TestOwner, kernelOf, mapJob } from '../testing/fixture.js';
import type { Job } from '../jobs/job.js';
import { ResultChunks } from './result-chunks.js';
import { ResultReader } from './result-reader.js';

type Batches = ColumnBatch<Record<string, unknown>>;
const memory = new DeviceMemory(new SharedArrayBuffer(2 ** 20));

/** Puts jobs in one batch whose results are all a count upwards, as if a kernel had written them. */
function stage(kernel: LoadedKernel, jobs: readonly Job[]): Batch {
  const batch = new Batch(jobs, 1, () => false);
  batch.stage(new ArenaAllocator(64, 2 ** 19).allocate(batch.measure())!, memory);
  for (const slot of kernel.shape.results) {
    const words = slot.elementBytes / 4;
    for (let i = 0; i < batch.countOfSlot(slot); i++) memory.u32[(batch.offsetOf(slot) >> 2) + i * words] = i;
  }
  return batch;
}

const flat = kernelOf({ x: input(u32), y: output(u32) });

function flatJob(items: number): { job: Job; owner: TestOwner; batch: Batch } {
  const owner = new TestOwner();
  const job = mapJob(flat, { x: new Uint32Array(items) }, {}, owner);
  return { job, owner, batch: stage(flat, [job]) };
}

const reader = (job: Job, _owner: TestOwner, mode: 'copy' | 'borrow' = 'copy'): ResultReader =>
  new ResultReader(job, 60_000, mode === 'copy' ? new ResultChunks() : undefined);

async function all(results: ResultReader): Promise<Batches[]> {
  const batches: Batches[] = [];
  for await (const batch of results) batches.push(batch);
  return batches;
}

describe('ResultReader', () => {
  it('gives what is ready in order, waits for the rest, and frees memory with the last copy', async () => {
    const { job, owner, batch } = flatJob(10);
    batch.slotItems = 4;
    const results = reader(job, owner);
    const first = results.next();
    batch.credit(8, 2);
    job.wakeReader();
    await turn();
    batch.credit(0, 4);
    job.wakeReader();
    const one = (await first).value as Batches;
    expect([one.firstItem, one.itemCount, [...(one.columns['y'] as Uint32Array)]]).toEqual([0, 4, [0, 1, 2, 3]]);
    expect(job.isBeingRead).toBe(true);
    const second = results.next();
    batch.credit(4, 4);
    job.end('completed', undefined);
    const two = (await second).value as Batches;
    expect([two.firstItem, [...(two.columns['y'] as Uint32Array)]]).toEqual([4, [4, 5, 6, 7, 8, 9]]);
    expect(owner.released).toEqual([job]);
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  it('copies by default and lends views of device memory when asked', async () => {
    for (const mode of ['copy', 'borrow'] as const) {
      const { job, owner, batch } = flatJob(3);
      batch.credit(0, 3);
      job.end('completed', undefined);
      const results = reader(job, owner, mode);
      const { columns } = (await results.next()).value as Batches;
      const y = columns['y'] as Uint32Array;
      expect(y.buffer === memory.buffer).toBe(mode === 'borrow');
      memory.u32[batch.offsetOf(flat.shape.results[0]!) >> 2] = 77;
      expect(y[0]).toBe(mode === 'borrow' ? 77 : 0);
      expect(owner.released.length).toBe(mode === 'borrow' ? 0 : 1);
      await results.next();
      expect(owner.released.length).toBeGreaterThan(0);
    }
  });

  it('gives up the rest of a job whose reader stops early', async () => {
    const { job, owner, batch } = flatJob(8);
    batch.slotItems = 4;
    batch.credit(0, 4);
    for await (const { firstItem } of reader(job, owner)) {
      expect(firstItem).toBe(0);
      break;
    }
    expect([job.state, owner.released.includes(job)]).toEqual(['cancelled', true]);
    const untouched = flatJob(2);
    const results = reader(untouched.job, untouched.owner);
    await results.return();
    expect(untouched.job.state).toBe('cancelled');
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  it('throws the error of a job that failed, once, and can be made only once', async () => {
    const { job, owner } = flatJob(2);
    const results = reader(job, owner);
    expect(() => reader(job, owner)).toThrow(/RESULT_CONSUMED/);
    const error = new GpuBridgeError('CANCELLED', { what: `job ${job.jobId}`, jobId: job.jobId }, 'gone');
    const next = results.next();
    job.end('cancelled', error);
    await expect(next).rejects.toBe(error);
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(owner.released).toEqual([job]);
  });

  it('says that results expired', async () => {
    const { job, owner, batch } = flatJob(2);
    batch.credit(0, 2);
    job.end('completed', undefined);
    job.isExpired = true;
    await expect(reader(job, owner).next()).rejects.toMatchObject({
      code: 'RESULT_EXPIRED',
      details: { jobId: job.jobId, retentionMs: 60_000 },
    });
  });

  it('finds the lists of joined jobs between their gaps, and reads 64-bit and struct columns', async () => {
    const kernel = kernelOf({
      lists: input(ragged(u32)),
      out: output(ragged(u32, { max: [2, 1] })),
      sum: output(i64),
      pair: output(struct({ a: u32, b: f32 })),
    });
    const lengths = [
      [2, 0, 1],
      [3, 1],
    ];
    const owner = new TestOwner();
    const jobs = lengths.map((items) => {
      const offsets = Uint32Array.of(0, ...items.map((_, i) => items.slice(0, i + 1).reduce((a, b) => a + b, 0)));
      const columns = { value: new Uint32Array(offsets.at(-1)!) };
      return mapJob(kernel, { lists: { offsets, columns } }, {}, owner);
    });
    const batch = stage(kernel, jobs);
    batch.credit(0, 5);
    const [, second] = jobs;
    second!.end('completed', undefined);
    const [{ columns, itemCount }] = (await all(reader(second!, owner))) as [Batches];
    const out = columns['out'] as RaggedOutput<Uint32Array>;
    expect([itemCount, [...out.counts]]).toEqual([2, [3, 4]]);
    // Items 3 and 4 of the batch: their room begins behind that of the first job, 2 * 3 elements + 3 items.
    expect([out.start(0), out.start(1)]).toEqual([0, 7]);
    expect([...out.columns]).toEqual(Array.from({ length: 2 * 4 + 2 }, (_, i) => 9 + i));
    const sum = columns['sum'] as WideColumn;
    expect(sum).toBeInstanceOf(WideColumn);
    expect([sum.length, sum.bigintAt(0) & 0xffffffffn, sum.bigintAt(1) & 0xffffffffn]).toEqual([2, 3n, 4n]);
    expect([...(columns['pair'] as { a: Uint32Array }).a]).toEqual([3, 4]);
  });
});

describe('ResultChunks', () => {
  it('cuts one result from one piece, never overlapping another', () => {
    const chunks = new ResultChunks();
    let last: { buffer: ArrayBuffer; end: number } = { buffer: chunks.buffer, end: 0 };
    for (let i = 0; i < 2_000; i++) {
      const sizes = [1 + ((i * 37) % 900), 8, (i * 11) % 70];
      chunks.reserve(sizes.reduce((a, b) => a + b + 8, 0));
      const { buffer } = chunks;
      for (const size of sizes) {
        const at = chunks.take(size);
        const isInside = chunks.buffer === buffer && at % 8 === 0 && at + size <= buffer.byteLength;
        const isApart = last.buffer !== buffer || at >= last.end;
        if (!isInside || !isApart) expect({ i, at, size, last: last.end }).toBe('inside one piece, behind the last');
        last = { buffer, end: at + size };
      }
    }
  });
});
