import {
  ARGUMENT_HEADER_BYTES,
  ARGUMENT_SLOT_BYTES,
  atomic,
  bool,
  f32,
  i64,
  inout,
  input,
  output,
  ragged,
  scratch,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { ArenaAllocator } from '../arena/arena-allocator.js';
import { DeviceMemory } from '../columns/device-memory.js';
import { TestOwner, gridJob, kernelOf, mapJob, tenantAccounts } from '../testing/fixture.js';
import { Job } from '../jobs/job.js';
import { Batch } from './batch.js';
import { slotItemsFor } from './slot-size.js';

const memory = new DeviceMemory(new SharedArrayBuffer(2 ** 16));

/** Stages jobs into the arena as the broker does, over memory full of garbage. */
function stage(jobs: readonly Job[], isResident: (column: unknown) => boolean = () => false): Batch {
  const arena = new ArenaAllocator(1024, 2 ** 15);
  memory.u8.fill(0xa5, 1024);
  const batch = new Batch(jobs, 2, isResident);
  batch.stage(arena.allocate(batch.measure())!, memory);
  return batch;
}

/** The slot of the argument block, as a kernel reads it. */
function slotOf(batch: Batch, index: number): { space: number; count: number; offset: number } {
  const at = (batch.argumentsOffset + ARGUMENT_HEADER_BYTES + index * ARGUMENT_SLOT_BYTES) >> 2;
  expect(memory.u32[at + 3]).toBe(0);
  return { space: memory.u32[at]!, count: memory.u32[at + 1]!, offset: memory.u32[at + 2]! };
}

describe('staging a batch', () => {
  it('moves the offsets of joined lists on and lays items and elements end to end', () => {
    const kernel = kernelOf({
      lists: input(ragged(u32)),
      x: input(f32),
      out: output(ragged(u32, { max: [2, 1] })),
      work: scratch(u32, { max: [1, 3] }),
    });
    const job = (lists: readonly (readonly number[])[]): Job => {
      const offsets = Uint32Array.of(0, ...lists.map((_, i) => lists.slice(0, i + 1).flat().length));
      const columns = { value: Uint32Array.of(...lists.flat(), 99) };
      return mapJob(kernel, { lists: { offsets, columns }, x: Float32Array.from(lists, (l) => l.length) });
    };
    const jobs = [job([[1, 2], []]), job([[3]]), job([[], [4, 5, 6], [7]])];
    const batch = stage(jobs);
    const header = batch.argumentsOffset >> 2;
    expect([...memory.u32.subarray(header, header + 4)]).toEqual([6, 6, 1, 1]);
    const [offsets, values, x, counts, out, work] = [0, 1, 2, 3, 4, 5].map((i) => slotOf(batch, i));
    expect([...memory.u32.subarray(offsets!.offset >> 2, (offsets!.offset >> 2) + 7)]).toEqual([0, 2, 2, 3, 3, 6, 7]);
    expect([...memory.u32.subarray(values!.offset >> 2, (values!.offset >> 2) + 7)]).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect([...memory.f32.subarray(x!.offset >> 2, (x!.offset >> 2) + 6)]).toEqual([2, 0, 1, 0, 3, 1]);
    expect([offsets!.count, values!.count, x!.count, counts!.count, out!.count]).toEqual([7, 7, 6, 6, 2 * 7 + 6]);
    expect([work!.count, work!.offset % 64]).toEqual([3 + 3, 0]);
    expect(jobs.map((j) => [j.firstItem, j.elementBases])).toEqual([
      [0, [0]],
      [2, [2]],
      [3, [3]],
    ]);
  });

  it('converts every form of 64-bit integers', () => {
    const kernel = kernelOf({ a: input(i64), b: input(i64), c: input(i64), d: input(u64), out: output(i64) });
    const a = BigInt64Array.of(-1n, 2n ** 62n);
    const b = Float64Array.of(-(2 ** 53 - 1), 2 ** 40 + 7);
    const c = { low: Uint32Array.of(5, 0xffffffff), high: Int32Array.of(-2, 3) };
    const d = BigUint64Array.of(2n ** 64n - 1n, 0n);
    const batch = stage([mapJob(kernel, { a, b, c, d })]);
    const read = (index: number): bigint[] => {
      const { offset, count } = slotOf(batch, index);
      expect(offset % 16).toBe(0);
      return [...memory.i64.subarray(offset >> 3, (offset >> 3) + count)];
    };
    expect(read(0)).toEqual([...a]);
    expect(read(1)).toEqual([...b].map(BigInt));
    expect(read(2)).toEqual([5n - 2n * 2n ** 32n, 3n * 2n ** 32n + 2n ** 32n - 1n]);
    expect(read(3)).toEqual([-1n, 0n]);
  });

  it('writes uniforms in their own size with the rest of the slot zero', () => {
    const kernel = kernelOf({ u: uniform(u32), w: uniform(i64), t: uniform(bool), x: input(u32), out: output(u32) });
    const batch = stage([mapJob(kernel, { u: 7, w: -2n, t: true, x: new Uint32Array(1) })]);
    const at = (batch.argumentsOffset + ARGUMENT_HEADER_BYTES) >> 2;
    const words = [0, 4, 8].map((i) => [...memory.u32.subarray(at + i, at + i + 2)]);
    expect(words).toEqual([
      [7, 0],
      [0xfffffffe, 0xffffffff],
      [1, 0],
    ]);
  });

  it('uses columns that lie in the arena where they are, unless they must be converted', () => {
    const kernel = kernelOf({ x: input(u32), w: input(i64), out: output(u32) });
    const x = new Uint32Array(memory.buffer, 512, 3);
    const w = new Float64Array(memory.buffer, 640, 3);
    w.set([1, -2, 3]);
    const batch = stage([mapJob(kernel, { x, w })], (column) => (column as Uint32Array).buffer === memory.buffer);
    expect(slotOf(batch, 0)).toEqual({ space: 0, count: 3, offset: 512 });
    const { offset } = slotOf(batch, 1);
    expect(offset).not.toBe(640);
    expect([...memory.i64.subarray(offset >> 3, (offset >> 3) + 3)]).toEqual([1n, -2n, 3n]);
  });

  it('starts atomics at zero, copies inouts, and puts both back for another attempt', () => {
    const kernel = kernelOf({ cells: inout(u32), bins: atomic(u32), out: output(u32) }, { kind: 'grid' });
    const job = gridJob(kernel, { cells: Uint32Array.of(4, 5) }, { globalSize: [3, 2], sizes: { bins: 2 } });
    const batch = stage([job]);
    const header = batch.argumentsOffset >> 2;
    expect([...memory.u32.subarray(header, header + 4)]).toEqual([6, 3, 2, 1]);
    const words = (): number[] =>
      [slotOf(batch, 0), slotOf(batch, 1)].flatMap(({ offset, count }) => [
        ...memory.u32.subarray(offset >> 2, (offset >> 2) + count),
      ]);
    expect(words()).toEqual([4, 5, 0, 0]);
    for (const i of [0, 1]) memory.u32.fill(77, slotOf(batch, i).offset >> 2, (slotOf(batch, i).offset >> 2) + 2);
    batch.takeSlot();
    batch.credit(0, 2);
    batch.restage(memory);
    expect([words(), job.remainingItems, batch.nextSlotItems]).toEqual([[4, 5, 0, 0], 6, 6]);
  });
});

describe('a kernel with workgroups', () => {
  const more = { kind: 'grid', workgroup: [4, 2, 1], workspaceBytes: 192 } as const;
  const kernel = kernelOf({ out: output(u32) }, more);
  const job = (): Job => gridJob(kernel, {}, { globalSize: [9, 3], sizes: { out: 5 } });

  it('is cut into slots by groups, and its block counts ids', () => {
    const batch = stage([job()]);
    expect([batch.itemCount, batch.nextSlotItems]).toEqual([3 * 2, 6]);
    const header = batch.argumentsOffset >> 2;
    expect([...memory.u32.subarray(header, header + 4)]).toEqual([27, 9, 3, 1]);
  });

  it('has one workspace per executor behind its arrays', () => {
    const batch = stage([job()]);
    const [out, workspace] = [slotOf(batch, 0), slotOf(batch, 1)];
    expect([out.count, workspace.count, workspace.offset % 64]).toEqual([5, 48, 0]);
    expect(batch.block!.offset + batch.block!.sizeBytes).toBeGreaterThanOrEqual(workspace.offset + 2 * 192);
  });

  it('rounds the largest micro-batch up to whole groups', () => {
    const hinted = (maxMicroBatch: number): number =>
      slotItemsFor(
        new Job(kernel, job().inputs, { maxMicroBatch }, false, new TestOwner(), tenantAccounts().of('default')),
        1,
      );
    expect([hinted(1), hinted(8), hinted(9), hinted(1000)]).toEqual([1, 1, 2, 6]);
  });
});

describe('the progress of a batch', () => {
  const kernel = kernelOf({ x: input(u32), out: output(u32) });

  it('cuts items into slots and lets a reader go on only as far as there is no gap', () => {
    const job = mapJob(kernel, { x: new Uint32Array(10) });
    const batch = stage([job]);
    batch.slotItems = 4;
    expect([batch.takeSlot(), batch.takeSlot(), batch.nextSlotItems, batch.takeSlot(), batch.hasMoreSlots]).toEqual([
      ...[0, 4, 2, 8],
      false,
    ]);
    batch.credit(8, 2);
    expect([job.readyItems, job.remainingItems]).toEqual([0, 8]);
    batch.credit(0, 4);
    expect([job.readyItems, job.remainingItems]).toEqual([4, 4]);
    batch.credit(4, 4);
    expect([job.readyItems, job.remainingItems]).toEqual([10, 0]);
  });

  it('credits joined jobs one by one when they run again alone', () => {
    const jobs = [2, 3, 1].map((n) => mapJob(kernel, { x: new Uint32Array(n) }));
    const batch = stage(jobs);
    batch.credit(2, 3);
    expect(jobs.map((job) => job.remainingItems)).toEqual([2, 0, 1]);
    batch.credit(5, 1);
    batch.credit(0, 2);
    expect(jobs.map((job) => [job.remainingItems, job.readyItems])).toEqual([
      [0, 2],
      [0, 3],
      [0, 1],
    ]);
  });
});
