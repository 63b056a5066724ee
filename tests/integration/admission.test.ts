import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelHandle } from '@gpu-bridge/abstractions';
import { axpy, spin } from '../support/kernels.js';
import { readAll, startSilo, until } from '../support/silo.js';

const FOREVER = 0xffffffff;
const item = (rounds: number, x: number) => ({ rounds: Uint32Array.of(rounds), x: Uint32Array.of(x) });

describe('admission', () => {
  it('refuses with QUEUE_FULL beyond the limit and loses nothing that was admitted', async () => {
    await using silo = await startSilo({
      kernels: [spin],
      cpu: { workers: 1 },
      broker: { queueLimit: 50 },
      tenants: { defaults: { queueLimit: 30 } },
    });
    const kernel = silo.bridge.getKernel(spin);
    const admitted: { handle: KernelHandle<{ y: Uint32Array }>; x: number }[] = [];
    const refused: unknown[] = [];
    for (let x = 0; x < 400; x++) {
      await kernel.submitBatch(item(200_000, x), { tenant: `t${x % 3}` }).then(
        (handle) => admitted.push({ handle, x }),
        (error: unknown) => refused.push(error),
      );
    }
    expect(admitted.length + refused.length).toBe(400);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      if (!GpuBridgeError.is(error, 'QUEUE_FULL')) throw error;
      expect(error.retry).toBe('same-device');
      expect(error.details.retryAfterNs).toBeGreaterThan(0n);
    }
    for (const { handle, x } of admitted) expect((await readAll(kernel, handle))[0]!.columns.y[0]).toBe(x + 1);
    expect(silo.bridge.getInfo().devices[0]!.counters).toMatchObject({
      submitted: admitted.length,
      completed: admitted.length,
      refused: refused.length,
    });
    await expect(kernel.submitBatch(item(1, 1))).resolves.toBeDefined();
  });

  it('cancels a waiting job, a running job and a job by signal, and goes on', async () => {
    await using silo = await startSilo({ kernels: [spin], cpu: { workers: 1 }, health: { slotBudgetMs: 300 } });
    const kernel = silo.bridge.getKernel(spin);
    const running = await kernel.submitBatch(item(FOREVER, 1));
    const abort = new AbortController();
    const waiting = await kernel.submitBatch(item(1, 2));
    const signalled = await kernel.submitBatch(item(1, 3), {}, abort.signal);
    const last = await kernel.submitBatch(item(1, 4));
    waiting.cancel();
    abort.abort();
    running.cancel();
    for (const handle of [running, waiting, signalled]) {
      expect(await handle.result).toMatchObject({ outcome: 'cancelled', error: { code: 'CANCELLED' } });
      await expect(readAll(kernel, handle)).rejects.toMatchObject({ code: 'CANCELLED' });
    }
    await expect(kernel.submitBatch(item(1, 5), {}, abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await readAll(kernel, last))[0]!.columns.y[0]).toBe(5);
    expect(silo.bridge.getInfo().devices[0]!.counters).toMatchObject({ cancelled: 3, completed: 1 });
  });

  it('frees results that are read or disposed of', async () => {
    await using silo = await startSilo({ kernels: [axpy] });
    const kernel = silo.bridge.getKernel(axpy);
    const x = new Float32Array(5_000);
    const handles = await Promise.all(Array.from({ length: 20 }, () => kernel.submitBatch({ a: 1, x, y: x })));
    await Promise.all(handles.map((h) => h.result));
    expect(silo.bridge.getInfo().devices[0]!.arena.usedBytes).toBeGreaterThan(20 * 4 * 5_000);
    for (let i = 0; i < 10; i++) await readAll(kernel, handles[i]!);
    for (let i = 10; i < 20; i++) handles[i]!.dispose();
    expect(silo.bridge.getInfo().devices[0]!.arena.usedBytes).toBe(0);
    await expect(readAll(kernel, handles[0]!)).rejects.toMatchObject({ code: 'RESULT_CONSUMED' });
  });

  it('frees results that nobody reads, and says so to who comes late', async () => {
    await using silo = await startSilo({ kernels: [axpy], broker: { resultRetentionMs: 20 } });
    const kernel = silo.bridge.getKernel(axpy);
    const x = new Float32Array(5_000);
    const handles = await Promise.all(Array.from({ length: 10 }, () => kernel.submitBatch({ a: 1, x, y: x })));
    await until(() => silo.bridge.getInfo().devices[0]!.counters.expired === 10, 'unread results expire');
    expect(silo.bridge.getInfo().devices[0]!.arena.usedBytes).toBe(0);
    for (const handle of handles) {
      await expect(readAll(kernel, handle)).rejects.toMatchObject({
        code: 'RESULT_EXPIRED',
        details: { retentionMs: 20 },
      });
    }
  });

  it('stops reading early without leaking', async () => {
    await using silo = await startSilo({ kernels: [axpy] });
    const kernel = silo.bridge.getKernel(axpy);
    const x = new Float32Array(400_000);
    for (const mode of ['copy', 'borrow'] as const) {
      const handle = await kernel.submitBatch({ a: 1, x, y: x }, { maxMicroBatch: 1_000 });
      for await (const batch of kernel.readResults(handle, { mode })) {
        expect(batch.firstItem).toBe(0);
        break;
      }
    }
    await until(() => silo.bridge.getInfo().devices[0]!.arena.usedBytes === 0, 'the memory comes back');
  });

  it('waits for memory instead of failing, and refuses only what can never fit', async () => {
    await using silo = await startSilo({ kernels: [axpy], cpu: { arenaMiB: 1 } });
    const kernel = silo.bridge.getKernel(axpy);
    const x = new Float32Array(40_000);
    const handles = await Promise.all(Array.from({ length: 10 }, () => kernel.submitBatch({ a: 1, x, y: x })));
    for (const handle of handles)
      expect((await readAll(kernel, handle)).reduce((n, b) => n + b.itemCount, 0)).toBe(40_000);
    const huge = new Float32Array(400_000);
    await expect(kernel.submitBatch({ a: 1, x: huge, y: huge })).rejects.toMatchObject({ code: 'ARENA_EXHAUSTED' });
  });

  it('says that the CPU stood in for a missing GPU', async () => {
    await using silo = await startSilo({ kernels: [axpy] });
    const kernel = silo.bridge.getKernel(axpy);
    const x = Float32Array.of(1);
    const handle = await kernel.submitBatch({ a: 1, x, y: x }, { deviceType: 'gpu' });
    expect(await handle.result).toMatchObject({ fallback: true, deviceType: 'cpu', outcome: 'completed' });
    expect(silo.bridge.getInfo().devices[0]!.counters.fallbacks).toBe(1);
    expect(silo.warnings.join()).toContain('gpu');
    await expect(kernel.submitBatch({ a: 1, x, y: x }, { preferredDevice: 'cuda:0' })).rejects.toMatchObject({
      code: 'DEVICE_NOT_FOUND',
    });
  });
});
