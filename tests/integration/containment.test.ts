import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { histogram, pick, spin } from '../support/kernels.js';
import { crash, readAll, startSilo, until } from '../support/silo.js';

const FOREVER = 0xffffffff;

describe('misbehaving kernels', () => {
  it('poisons a job that spins beyond its budget while every other tenant finishes', async () => {
    await using silo = await startSilo({ kernels: [spin], health: { slotBudgetMs: 150 } });
    const kernel = silo.bridge.getKernel(spin);
    const one = Uint32Array.of(1);
    const offender = await kernel.submitBatch({ rounds: Uint32Array.of(FOREVER), x: one }, { tenant: 'offender' });
    const others = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        kernel.submitBatch({ rounds: Uint32Array.of(1_000), x: Uint32Array.of(i) }, { tenant: `t${i % 3}` }),
      ),
    );
    const values = await Promise.all(others.map(async (handle) => (await readAll(kernel, handle))[0]!.columns.y[0]));
    expect(values).toEqual(others.map((_, i) => i + 1));
    const result = await offender.result;
    expect(result.outcome).toBe('failed');
    expect(result.error).toMatchObject({ code: 'JOB_POISONED', details: { kernel: 'spin', deaths: 2 } });
    await until(() => silo.bridge.getInfo().devices[0]!.health === 'healthy', 'the executor is back');
    expect(silo.bridge.getInfo().devices[0]!.counters).toMatchObject({ completed: 300, failed: 1, deaths: 3 });
  });

  it('finds the offender among coalesced jobs and completes its neighbours', async () => {
    await using silo = await startSilo({ kernels: [spin], cpu: { workers: 1 }, health: { slotBudgetMs: 150 } });
    const kernel = silo.bridge.getKernel(spin);
    const submit = (rounds: number, x: number) =>
      kernel.submitBatch({ rounds: Uint32Array.of(rounds), x: Uint32Array.of(x) });
    for (let i = 0; i < 50; i++) await readAll(kernel, await submit(10, 1)); // its cost is known afterwards
    const handles = await Promise.all(Array.from({ length: 40 }, (_, i) => submit(i === 23 ? FOREVER : 10, i)));
    const results = await Promise.all(handles.map((handle) => handle.result));
    expect(results.filter((r) => r.outcome !== 'completed').map((r) => r.error?.code)).toEqual(['JOB_POISONED']);
    expect(results[23]!.outcome).toBe('failed');
    for (const [i, handle] of handles.entries()) {
      if (i !== 23) expect((await readAll(kernel, handle))[0]!.columns.y[0]).toBe(i + 1);
    }
  });

  it('ends a running job when its deadline passes and frees the executor', async () => {
    await using silo = await startSilo({ kernels: [spin], cpu: { workers: 1 } });
    const kernel = silo.bridge.getKernel(spin);
    const deadlineNs = BigInt(Math.round(performance.now() * 1e6)) + 100_000_000n;
    const late = await kernel.submitBatch({ rounds: Uint32Array.of(FOREVER), x: Uint32Array.of(1) }, { deadlineNs });
    expect((await late.result).error).toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { deadlineNs } });
    const next = await kernel.submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(5) });
    expect((await readAll(kernel, next))[0]!.columns.y[0]).toBe(6);
  });

  it('refuses a deadline that has passed', async () => {
    await using silo = await startSilo({ kernels: [spin] });
    const kernel = silo.bridge.getKernel(spin);
    await expect(
      kernel.submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) }, { deadlineNs: 1n }),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('contains an index outside its list, reports it, and spares coalesced neighbours', async () => {
    await using silo = await startSilo({ kernels: [pick], cpu: { workers: 1 } });
    const kernel = silo.bridge.getKernel(pick);
    const submit = (at: number) =>
      kernel.submitBatch({
        list: { offsets: Uint32Array.of(0, 3), columns: { v: Uint32Array.of(7, 8, 9) } },
        at: Uint32Array.of(at),
      });
    const handles = await Promise.all(Array.from({ length: 60 }, (_, i) => submit(i === 31 ? 1_000_000_000 : i % 3)));
    for (const [i, handle] of handles.entries()) {
      const result = await handle.result;
      if (i === 31) {
        expect(result.error).toMatchObject({ code: 'BOUNDS_VIOLATION', details: { kernel: 'pick', violations: 1 } });
        await expect(readAll(kernel, handle)).rejects.toSatisfy((e) => GpuBridgeError.is(e, 'BOUNDS_VIOLATION'));
      } else {
        expect((await readAll(kernel, handle))[0]!.columns.out[0]).toBe(7 + (i % 3));
      }
    }
  });

  it('completes every job exactly once when a worker crashes in the middle', async () => {
    await using silo = await startSilo({ kernels: [spin, histogram] });
    const kernel = silo.bridge.getKernel(spin);
    const counts = silo.bridge.getKernel(histogram);
    const n = 20_000;
    const rounds = new Uint32Array(n).fill(3_000);
    const x = Uint32Array.from({ length: n }, (_, i) => i);
    const bins = new Uint32Array(10).fill(n / 10);
    for (let round = 0; round < 4; round++) {
      const big = await kernel.submitBatch({ rounds, x });
      const grid = await counts.submitGrid({ x }, { globalSize: [n], sizes: { bins: 10 } });
      const small = await Promise.all(
        Array.from({ length: 50 }, (_, i) => kernel.submitBatch({ rounds: Uint32Array.of(10), x: Uint32Array.of(i) })),
      );
      await until(() => big.state === 'running', 'the batch runs');
      await crash(silo.device, round % 2);
      const seen: number[] = [];
      for (const { columns } of await readAll(kernel, big)) seen.push(...columns.y);
      expect(seen.length).toBe(n);
      expect(seen.every((y, i) => y === i + 1)).toBe(true);
      expect((await readAll(counts, grid)).map((b) => b.columns.bins)).toEqual([bins]);
      for (const [i, handle] of small.entries()) expect((await readAll(kernel, handle))[0]!.columns.y[0]).toBe(i + 1);
      await until(() => silo.bridge.getInfo().devices[0]!.health === 'healthy', 'the executor is back');
    }
    expect(silo.bridge.getInfo().devices[0]!.counters).toMatchObject({
      submitted: 4 * 52,
      completed: 4 * 52,
      failed: 0,
      deaths: 4,
    });
  });

  it('gives the device up, with typed errors, when its executors keep dying', async () => {
    await using silo = await startSilo({ kernels: [spin], cpu: { workers: 1 }, health: { maxDeathsPerMinute: 2 } });
    const kernel = silo.bridge.getKernel(spin);
    const stuck = await kernel.submitBatch({ rounds: new Uint32Array(300).fill(FOREVER), x: new Uint32Array(300) });
    const waiting = await kernel.submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) }, { tenant: 'other' });
    for (let death = 0; death < 3; death++) {
      await until(() => silo.bridge.getInfo().devices[0]!.health !== 'restarting', 'the executor is back');
      await crash(silo.device, 0);
    }
    expect((await waiting.result).error?.code).toMatch(/DEVICE_LOST/);
    expect((await stuck.result).outcome).toBe('failed');
    await expect(kernel.submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) })).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      retry: 'another-device',
    });
  });
});
