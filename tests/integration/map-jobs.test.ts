import { describe, expect, it } from 'vitest';
import { ragged, struct, u32 } from '@gpu-bridge/kernels';
import type { DeviceBroker } from '@gpu-bridge/runtime';
import { axpy, histogram, pick, unfold } from '../support/kernels.js';
import { readAll, startSilo } from '../support/silo.js';

describe('jobs through the whole path', () => {
  it('returns every item of a large batch in order', async () => {
    await using silo = await startSilo({ kernels: [axpy] });
    const kernel = silo.bridge.getKernel(axpy);
    const n = 300_000;
    const x = Float32Array.from({ length: n }, (_, i) => i);
    const y = new Float32Array(n).fill(1);
    for (let round = 0; round < 3; round++) {
      const handle = await kernel.submitBatch({ a: 2, x, y });
      let next = 0;
      for (const { firstItem, itemCount, columns } of await readAll(kernel, handle)) {
        expect(firstItem).toBe(next);
        expect(columns.z.every((z, i) => z === 2 * (firstItem + i) + 1)).toBe(true);
        next += itemCount;
      }
      expect(next).toBe(n);
      expect(await handle.result).toMatchObject({
        outcome: 'completed',
        itemCount: n,
        deviceId: 'cpu:0',
        executionMode: 'leased',
        attempts: 1,
      });
    }
  });

  it('completes an empty batch at once with no batches to read', async () => {
    await using silo = await startSilo({ kernels: [axpy] });
    const kernel = silo.bridge.getKernel(axpy);
    const none = new Float32Array(0);
    const handle = await kernel.submitBatch({ a: 1, x: none, y: none });
    expect(handle.state).toBe('completed');
    expect(await readAll(kernel, handle)).toEqual([]);
  });

  it('gives each of many small jobs its own results when they share slots', async () => {
    await using silo = await startSilo({ kernels: [axpy, unfold] });
    const kernel = silo.bridge.getKernel(axpy);
    const lists = silo.bridge.getKernel(unfold);
    const jobs = Array.from({ length: 900 }, async (_, j) => {
      if (j < 300) {
        const batches = await readAll(
          lists,
          await lists.submitBatch({
            list: {
              offsets: Uint32Array.of(0, j % 4, (j % 4) + 1),
              columns: { value: Uint32Array.of(j, j + 1, j + 2, j + 3) },
            },
          }),
        );
        const [{ columns }] = batches as [(typeof batches)[0]];
        const items = [0, 1].map((i) => [
          ...columns.out.columns.slice(columns.out.start(i), columns.out.start(i) + columns.out.counts[i]!),
        ]);
        const list = [j, j + 1, j + 2].slice(0, j % 4);
        expect(items).toEqual([list.reverse().flatMap((v) => [v, v]), [j + (j % 4), j + (j % 4)]]);
      } else {
        const batches = await readAll(
          kernel,
          await kernel.submitBatch({ a: j < 600 ? 0 : 1, x: Float32Array.of(j, -j), y: Float32Array.of(1, 2) }),
        );
        expect(batches.map(({ columns }) => [...columns.z])).toEqual([j < 600 ? [1, 2] : [j + 1, 2 - j]]);
      }
    });
    await Promise.all(jobs);
    const [device] = silo.bridge.getInfo().devices;
    expect(device!.counters).toMatchObject({ submitted: 900, completed: 900, failed: 0, refused: 0 });
    expect(device!.counters.coalesced).toBeGreaterThan(100);
    expect(device!.counters.slots).toBeLessThan(900);
    expect(device!.arena.usedBytes).toBe(0);
  });

  it('uses columns allocated in the arena without copying, and lends results there', async () => {
    await using silo = await startSilo({ kernels: [pick] });
    const kernel = silo.bridge.getKernel(pick);
    const n = 5_000;
    using lists = silo.bridge.allocate(ragged(struct({ v: u32 })), { items: n, elements: 2 * n });
    lists.data.offsets.forEach((_, i, offsets) => (offsets[i] = 2 * i));
    lists.data.columns.v.forEach((_, i, v) => (v[i] = 7 * i));
    const at = Uint32Array.from({ length: n }, (_, i) => i % 2);
    const before = silo.bridge.getInfo().devices[0]!.arena.usedBytes;
    const handle = await kernel.submitBatch({ list: lists.data, at });
    let next = 0;
    for await (const { columns, itemCount } of kernel.readResults(handle, { mode: 'borrow' })) {
      expect(columns.out.buffer).toBe(silo.device.memory);
      expect(silo.bridge.getInfo().devices[0]!.arena.usedBytes - before).toBeLessThan(n * 8 + 1024);
      for (let i = 0; i < itemCount; i++, next++) expect(columns.out[i]).toBe(7 * (2 * next + (next % 2)));
    }
    expect(next).toBe(n);
    expect(silo.bridge.getInfo().devices[0]!.arena.usedBytes).toBe(before);
  });

  it('runs jobs in an arena beyond 2 GiB', async () => {
    await using silo = await startSilo({ kernels: [axpy], cpu: { workers: 1, arenaMiB: 2_200 } });
    const kernel = silo.bridge.getKernel(axpy);
    const { staging } = (silo.bridge as unknown as { brokers: DeviceBroker[] }).brokers[0]!;
    const below = staging.arena.take('default', 2 ** 31 + 4_096, 'kept'); // takes address space, touches nothing
    if (typeof below === 'string') throw new Error(below);
    const handle = await kernel.submitBatch({ a: 2, x: Float32Array.of(1, 2), y: Float32Array.of(3, 4) });
    expect((await readAll(kernel, handle)).map(({ columns }) => [...columns.z])).toEqual([[5, 8]]);
    staging.arena.free(below);
  });

  it('runs a grid kernel with atomics over all executors', async () => {
    await using silo = await startSilo({ kernels: [histogram] });
    const kernel = silo.bridge.getKernel(histogram);
    const n = 200_000;
    const x = Uint32Array.from({ length: n }, (_, i) => (i * 2_654_435_761) >>> 7);
    const expected = new Uint32Array(256);
    for (const v of x) expected[v % 256]!++;
    for (let round = 0; round < 3; round++) {
      const handle = await kernel.submitGrid({ x }, { globalSize: [n], sizes: { bins: 256 } });
      const batches = await readAll(kernel, handle);
      expect(batches.map((b) => b.columns.bins)).toEqual([expected]);
    }
  });
});
