import { input, output, u32 } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { kernelOf, mapJob } from '../testing/fixture.js';
import { AbortRegistry } from './abort-registry.js';

const kernel = kernelOf({ x: input(u32), y: output(u32) });
const jobOf = () => mapJob(kernel, { x: new Uint32Array(1) });

/** A signal that counts its listeners. */
function countedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { added: 0, removed: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (counts.added++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (counts.removed++, remove(...args));
  return { controller, signal, counts };
}

describe('AbortRegistry', () => {
  it('has one listener on a signal however many jobs share it, and takes it away with the last', () => {
    const registry = new AbortRegistry();
    const { signal, counts, controller } = countedSignal();
    const jobs = Array.from({ length: 5 }, jobOf);
    for (const job of jobs) registry.watch(signal, job);
    expect(counts).toEqual({ added: 1, removed: 0 });
    for (const job of jobs.slice(1)) job.end('completed', undefined);
    expect(counts.removed).toBe(0);
    jobs[0]!.end('completed', undefined);
    expect(counts.removed).toBe(1);
    registry.watch(signal, jobOf());
    expect(counts.added).toBe(2);
    controller.abort();
    expect(jobs.map((job) => job.state)).toEqual(jobs.map(() => 'completed'));
  });

  it('cancels every job of the signal that has not ended, and none of another', () => {
    const registry = new AbortRegistry();
    const one = countedSignal();
    const other = countedSignal();
    const [ended, first, second, elsewhere] = [jobOf(), jobOf(), jobOf(), jobOf()];
    for (const job of [ended, first, second]) registry.watch(one.signal, job);
    registry.watch(other.signal, elsewhere);
    ended.end('completed', undefined);
    one.controller.abort();
    const states = [ended, first, second, elsewhere].map((job) => job.state);
    expect(states).toEqual(['completed', 'cancelled', 'cancelled', 'queued']);
  });

  it('remembers no signal whose jobs have all ended', () => {
    const registry = new AbortRegistry();
    const { jobs } = registry as unknown as { jobs: Map<unknown, unknown> };
    for (let i = 0; i < 50; i++) {
      const { signal, controller } = countedSignal();
      const job = jobOf();
      registry.watch(signal, job);
      if (i % 2 === 0) controller.abort();
      else job.end('failed', undefined);
    }
    expect(jobs.size).toBe(0);
  });
});
