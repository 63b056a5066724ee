import { input, output, u32, uniform } from '@gpu-bridge/abstractions';
import type { ExecutionMode, GpuExecutionHints } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import type { LoadedKernel } from '../catalog/loaded-kernel.js';
import { TestOwner, kernelOf, mapJob, testDevice } from '../testing/fixture.js';
import type { Job } from '../jobs/job.js';
import { formJobs } from './coalescing.js';
import { Lane } from './fair-queue.js';
import { coalesceLimit, slotItemsFor } from './slot-size.js';

const params = { by: uniform(u32), x: input(u32), y: output(u32) };
const jobOf = (kernel: LoadedKernel, items = 1, by = 0, hints: GpuExecutionHints = {}): Job =>
  mapJob(kernel, { by, x: new Uint32Array(items) }, hints);

function taken(jobs: readonly Job[], isResident: (job: Job) => boolean = () => false): number {
  const lane = new Lane();
  for (const job of jobs) lane.push(job);
  const formed = formJobs(lane, (column) => jobs.some((job) => isResident(job) && job.inputs.sources.includes(column)));
  expect(formed).toEqual(jobs.slice(0, formed.length));
  expect([...lane.waiting()]).toEqual(jobs.slice(formed.length));
  return formed.length;
}

describe('which jobs share a slot', () => {
  const kernel = kernelOf(params);
  kernel.nsPerItem = 1_000; // a hundred items make a slot

  it('takes neighbours of the same kernel and uniforms up to the limit', () => {
    expect(coalesceLimit(jobOf(kernel))).toBe(100);
    expect(taken(Array.from({ length: 150 }, () => jobOf(kernel)))).toBe(100);
    expect(taken([jobOf(kernel, 60), jobOf(kernel, 40), jobOf(kernel, 1)])).toBe(2);
    expect(taken([jobOf(kernel, 500), jobOf(kernel)])).toBe(1);
  });

  it('stops at the first that differs, so that the order stays', () => {
    const other = kernelOf(params);
    expect(taken([jobOf(kernel), jobOf(other), jobOf(kernel)])).toBe(1);
    expect(taken([jobOf(kernel), jobOf(kernel, 1, 7), jobOf(kernel)])).toBe(1);
    expect(taken([jobOf(kernel), jobOf(kernel, 1, 0, { maxMicroBatch: 5 })])).toBe(1);
  });

  it('never joins a job that asks for a mode with one that asks for another', () => {
    const device = { ...testDevice, executionModes: ['leased', 'launched'] } as const;
    const asking = (executionMode: ExecutionMode): Job =>
      mapJob(kernel, { by: 0, x: new Uint32Array(1) }, { executionMode }, new TestOwner(device));
    expect(taken([asking('launched'), asking('launched'), asking('leased')])).toBe(2);
    expect(taken([jobOf(kernel), asking('launched')])).toBe(1);
    expect(taken([jobOf(kernel), asking('resident')])).toBe(2); // the device has no such mode
  });

  it('never joins kernels that see their index, nor columns used in place', () => {
    const indexed = kernelOf(params, { readsItemIndex: true });
    expect(taken([jobOf(indexed), jobOf(indexed)])).toBe(1);
    const jobs = [jobOf(kernel), jobOf(kernel), jobOf(kernel)];
    expect(taken(jobs, (job) => job === jobs[0])).toBe(1);
    expect(taken(jobs, (job) => job === jobs[2])).toBe(2);
  });

  it('passes over jobs that ended while they waited', () => {
    const lane = new Lane();
    const jobs = [0, 1, 2].map(() => jobOf(kernel));
    for (const job of jobs) lane.push(job);
    jobs[1]!.end('cancelled', undefined);
    expect(formJobs(lane, () => false)).toEqual([jobs[0], jobs[2]]);
  });

  it('keeps to maxMicroBatch', () => {
    expect(taken(Array.from({ length: 9 }, () => jobOf(kernel, 1, 0, { maxMicroBatch: 4 })))).toBe(4);
  });
});

describe('the size of a slot', () => {
  it('keeps small jobs of unknown cost whole and cuts large ones for all executors', () => {
    const kernel = kernelOf(params);
    expect(slotItemsFor(jobOf(kernel, 256), 2)).toBe(256);
    expect(slotItemsFor(jobOf(kernel, 16_000), 2)).toBe(1_000);
  });

  it('is never below one item, above the job or above maxMicroBatch, whatever the cost', () => {
    for (const nsPerItem of [undefined, 0, 1e-9, 1, 1_000, 1e6, 1e12]) {
      for (const items of [1, 2, 255, 10_000]) {
        for (const maxMicroBatch of [undefined, 1, 300]) {
          const kernel = kernelOf(params);
          kernel.nsPerItem = nsPerItem;
          const job = jobOf(kernel, items, 0, maxMicroBatch === undefined ? {} : { maxMicroBatch });
          const size = slotItemsFor(job, 3);
          expect(Number.isInteger(size) && size >= 1 && size <= Math.min(items, maxMicroBatch ?? items)).toBe(true);
          expect(coalesceLimit(job)).toBeGreaterThanOrEqual(1);
          expect(coalesceLimit(job)).toBeLessThanOrEqual(maxMicroBatch ?? Infinity);
        }
      }
    }
  });

  it('gives every executor work when a long job is cut', () => {
    const kernel = kernelOf(params);
    kernel.nsPerItem = 10_000;
    expect(10_000 / slotItemsFor(jobOf(kernel, 10_000), 4)).toBeGreaterThanOrEqual(8);
  });

  it('learns the cost of a kernel, and is not misled for long by one measurement', () => {
    const kernel = kernelOf(params);
    expect(kernel.expectedNs(10)).toBe(10_000);
    kernel.observe(10, 500);
    expect(kernel.nsPerItem).toBe(50);
    kernel.observe(0, 1e9);
    kernel.observe(1, 1e9);
    expect(kernel.nsPerItem).toBeLessThan(100);
    for (let i = 0; i < 60; i++) kernel.observe(10, 2_000);
    expect(kernel.nsPerItem).toBeCloseTo(200, 0);
    const instant = kernelOf(params);
    instant.observe(10, 0);
    for (let i = 0; i < 100; i++) instant.observe(10, 2_000);
    expect(instant.nsPerItem).toBeCloseTo(200, 0);
  });
});
