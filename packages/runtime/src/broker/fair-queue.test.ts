import { input, output, u32 } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import type { Job } from '../jobs/job.js';
import { kernelOf, mapJob } from '../testing/fixture.js';
import { FairQueue, Lane, REMEMBERED_TENANTS } from './fair-queue.js';
import type { TenantQueue } from './fair-queue.js';

const kernel = kernelOf({ x: input(u32), y: output(u32) });
const jobOf = (tenant: string, priority: 'high' | 'normal' | 'low' = 'normal'): Job =>
  mapJob(kernel, { x: new Uint32Array(1) }, { tenant, priority });

/** Takes the next job as the broker does: counts it out and pays for it. */
function takeNext(queue: FairQueue, costNs: (job: Job) => number): Job | undefined {
  const due = queue.next();
  if (due === undefined) return undefined;
  const job = due.lane.peek()!;
  due.lane.shift();
  queue.count(due.tenant, -1);
  queue.charge(due.tenant, costNs(job));
  return job;
}

const tenantsOf = (queue: FairQueue): ReadonlyMap<string, TenantQueue> =>
  (queue as unknown as { tenants: ReadonlyMap<string, TenantQueue> }).tenants;

describe('FairQueue', () => {
  it('gives tenants service time in proportion to their weights, whatever their jobs cost', () => {
    const weights: Record<string, number> = { a: 1, b: 3, c: 0.5 };
    const queue = new FairQueue((tenant) => weights[tenant]!);
    const random = new SeededRandom(7);
    const costs = new Map<Job, number>();
    const refill = (tenant: string): void => {
      const job = jobOf(tenant);
      costs.set(job, 10_000 + random.below(tenant === 'a' ? 900_000 : 90_000));
      queue.enqueue(job);
    };
    for (const tenant of Object.keys(weights)) for (let i = 0; i < 5; i++) refill(tenant);
    const served: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 20_000; i++) {
      const job = takeNext(queue, (j) => costs.get(j)!)!;
      served[job.tenant]! += costs.get(job)!;
      refill(job.tenant);
    }
    expect(served['b']! / served['a']!).toBeCloseTo(3, 1);
    expect(served['c']! / served['a']!).toBeCloseTo(0.5, 1);
  });

  it('lets a tenant that comes back go before a flood, whatever its weight, as long as it uses no more than its share', () => {
    for (const weight of [0.05, 1, 20]) {
      const queue = new FairQueue((tenant) => (tenant === 'steady' ? weight : 1));
      for (let i = 0; i < 2_000; i++) queue.enqueue(jobOf('flood'));
      takeNext(queue, () => 20_000);
      for (let round = 0; round < 30; round++) {
        queue.enqueue(jobOf('steady'));
        expect(takeNext(queue, () => 20_000)!.tenant).toBe('steady');
        for (let i = 0; i < Math.max(1, 1 / weight) + 1; i++)
          expect(takeNext(queue, () => 20_000)!.tenant).toBe('flood');
      }
    }
  });

  it('does not let a tenant win by coming back again and again', () => {
    const queue = new FairQueue(() => 1);
    for (let i = 0; i < 1_000; i++) queue.enqueue(jobOf('flood'));
    const served: Record<string, number> = { flood: 0, pushy: 0 };
    for (let i = 0; i < 200; i++) {
      if (queue.find('pushy')?.queued !== 1) queue.enqueue(jobOf('pushy'));
      served[takeNext(queue, () => 20_000)!.tenant]!++;
    }
    expect(served['pushy']).toBeLessThanOrEqual(101);
  });

  it('holds nothing against a tenant that used what nobody else wanted', () => {
    const queue = new FairQueue(() => 1);
    for (let i = 0; i < 100; i++) queue.enqueue(jobOf('alone'));
    while (takeNext(queue, () => 1e6) !== undefined);
    for (let i = 0; i < 10; i++) for (const tenant of ['alone', 'other']) queue.enqueue(jobOf(tenant));
    const order = Array.from({ length: 10 }, () => takeNext(queue, () => 1e6)!.tenant);
    expect(order.filter((tenant) => tenant === 'alone').length).toBe(5);
  });

  it('lets a lane wait for memory, and with it those below, while what is staged and other tenants go on', () => {
    const queue = new FairQueue(() => 1);
    const large = jobOf('a', 'normal');
    for (const job of [large, jobOf('a', 'low'), jobOf('b')]) queue.enqueue(job);
    const { lane } = queue.next()!;
    expect(lane.peek()).toBe(large);
    queue.holdBack(lane);
    expect(takeNext(queue, () => 1)!.tenant).toBe('b');
    expect(queue.next()).toBeUndefined();
    queue.enqueue(jobOf('a', 'high'));
    expect(takeNext(queue, () => 1)!.priority).toBe('high');
    expect(queue.next()).toBeUndefined();
    expect([queue.letGoOn('a'), queue.letGoOn('a'), queue.letGoOn('nobody')]).toEqual([true, false, false]);
    expect(takeNext(queue, () => 1)).toBe(large);
    expect(takeNext(queue, () => 1)!.priority).toBe('low');
  });

  it('takes higher priorities of a tenant first, and keeps the order within one', () => {
    const queue = new FairQueue(() => 1);
    const jobs = (['low', 'normal', 'high', 'low', 'high'] as const).map((priority) => jobOf('t', priority));
    for (const job of jobs) queue.enqueue(job);
    const order = jobs.map(() => jobs.indexOf(takeNext(queue, () => 1)!));
    expect(order).toEqual([2, 4, 1, 0, 3]);
    expect([queue.queued, takeNext(queue, () => 1)]).toEqual([0, undefined]);
  });

  it('takes tiny weights and long slots', () => {
    const queue = new FairQueue((tenant) => (tenant === 'a' ? 1e-12 : 3e-12));
    for (let i = 0; i < 40; i++) for (const tenant of ['a', 'b']) queue.enqueue(jobOf(tenant));
    const served: Record<string, number> = { a: 0, b: 0 };
    for (let i = 0; i < 40; i++) served[takeNext(queue, () => 1e10)!.tenant]!++;
    expect(served['b']! / served['a']!).toBeGreaterThan(2);
  });

  it('remembers only so many idle tenants', () => {
    const queue = new FairQueue(() => 1);
    for (let i = 0; i < 3 * REMEMBERED_TENANTS; i++) queue.enqueue(jobOf(`t${i}`));
    expect(tenantsOf(queue).size).toBe(3 * REMEMBERED_TENANTS);
    while (takeNext(queue, () => 1) !== undefined);
    expect(tenantsOf(queue).size).toBe(REMEMBERED_TENANTS);
  });

  it('lists what waits, without what has ended', () => {
    const queue = new FairQueue(() => 1);
    const jobs = ['a', 'b', 'a'].map((tenant) => jobOf(tenant));
    for (const job of jobs) queue.enqueue(job);
    jobs[0]!.end('cancelled', undefined);
    expect(new Set(queue.waiting())).toEqual(new Set([jobs[1], jobs[2]]));
  });
});

describe('Lane', () => {
  it('skips jobs that have ended and takes back what was shifted, in order', () => {
    const lane = new Lane();
    const jobs = Array.from({ length: 6 }, () => jobOf('t'));
    for (const job of jobs) lane.push(job);
    jobs[0]!.end('cancelled', undefined);
    jobs[2]!.end('cancelled', undefined);
    const taken = [0, 1].map(() => {
      const job = lane.peek()!;
      lane.shift();
      return job;
    });
    expect(taken).toEqual([jobs[1], jobs[3]]);
    lane.unshift(taken);
    expect([...lane.waiting()]).toEqual([jobs[1], jobs[3], jobs[4], jobs[5]]);
  });

  it('sweeps ended jobs once they outnumber those that live, so that cancelled floods do not pile up', () => {
    const lane = new Lane();
    const last = jobOf('t');
    const jobs = lane as unknown as { jobs: readonly Job[] } satisfies { jobs: readonly Job[] };
    lane.push(last);
    for (let i = 0; i < 5_000; i++) {
      const job = jobOf('t');
      lane.push(job);
      job.end('cancelled', undefined);
      lane.sweep(1);
      expect(jobs.jobs.length).toBeLessThanOrEqual(2 + 64 + 1);
    }
    expect([...lane.waiting()]).toEqual([last]);
    expect(lane.isEmpty).toBe(false);
  });
});
