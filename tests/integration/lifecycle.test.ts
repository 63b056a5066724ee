import { describe, expect, it } from 'vitest';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { f32, input, mapKernel, output, ragged } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { axpy, spin } from '../support/kernels.js';
import { readAll, startSilo, until } from '../support/silo.js';

describe('lifecycle', () => {
  it('drains accepted jobs on stop, refuses new ones, and leaves their results readable', async () => {
    const silo = await startSilo({ kernels: [spin] });
    const kernel = silo.bridge.getKernel(spin);
    const handles = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        kernel.submitBatch({ rounds: Uint32Array.of(300_000), x: Uint32Array.of(i) }),
      ),
    );
    const stopping = silo.host.stop();
    await until(() => silo.bridge.getInfo().state !== 'started', 'the bridge drains');
    await expect(kernel.submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) })).rejects.toMatchObject({
      code: 'DRAINING',
    });
    await stopping;
    for (const [i, handle] of handles.entries()) expect((await readAll(kernel, handle))[0]!.columns.y[0]).toBe(i + 1);
    expect(silo.bridge.getInfo().state).toBe('stopped');
    expect(() => silo.bridge.getKernel(spin)).toThrow(/DRAINING/);
    await silo.host.stop();
  });

  it('fails what is left with DRAINING when the drain takes too long', async () => {
    const silo = await startSilo({ kernels: [spin], health: { drainTimeoutMs: 50 } });
    const kernel = silo.bridge.getKernel(spin);
    const stuck = await kernel.submitBatch({ rounds: Uint32Array.of(0xffffffff), x: Uint32Array.of(1) });
    await silo.host.stop();
    expect((await stuck.result).error).toMatchObject({ code: 'DRAINING' });
  });

  it('does not start with a kernel that does not compile, and says where the mistake is', async () => {
    const container = new Container();
    const broken = mapKernel('broken', { params: { x: input(f32), y: output(f32) } }, (k, { x, y }) => {
      y.value = x + (k.i32(1) as number);
    });
    const host = addGpuBridge(container, { kernels: [broken] });
    await expect(host.start()).rejects.toMatchObject({ code: 'KERNEL_BUILD_FAILED', details: { kernel: 'broken' } });
    await host.stop();
  });

  it('does not start after a stop', async () => {
    const host = addGpuBridge(new Container(), {});
    await host.stop();
    await expect(host.start()).rejects.toMatchObject({ code: 'DRAINING' });
  });

  it('refuses absurd options before anything is bound', () => {
    const container = new Container();
    expect(() => addGpuBridge(container, { cpu: { workers: -3 } })).toThrow(
      /options\.cpu\.workers must be an integer of 1\.\.64, got -3/,
    );
    expect(() => addGpuBridge(container, { brokr: {} } as never)).toThrow(/brokr/);
    expect(() => addGpuBridge(container, { kernels: [axpy, axpy] })).toThrow(/different names/);
    expect(() => addGpuBridge(container, null as never)).toThrow(/options must be an object/);
    expect(() => mapKernel('a', undefined as never, () => undefined)).toThrow(/options must be/);
    expect(() => mapKernel('a', { params: {} }, undefined as never)).toThrow(/body must be a function/);
    expect(container.isBound(Tokens.GpuBridge)).toBe(false);
  });

  it('explains calls before start and unknown kernels', async () => {
    const container = new Container();
    const host = addGpuBridge(container, { kernels: [axpy], cpu: { workers: 1 } });
    const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
    expect(() => bridge.getKernel(axpy)).toThrow(/not started/);
    await host.start();
    try {
      expect(() => bridge.getKernel('nope')).toThrow(/KERNEL_NOT_FOUND.*axpy/);
      const kernel = bridge.getKernel(axpy);
      const x = Float32Array.of(1, 2);
      await expect(kernel.submitBatch({ a: 1, x, y: Float64Array.of(1, 2) as never })).rejects.toThrow(
        /y must be a Float32Array, got Float64Array/,
      );
      await expect(kernel.submitBatch({ a: 1, x, y: Float32Array.of(1) })).rejects.toThrow(/as many items as x has, 2/);
      await expect(kernel.submitBatch({ a: 'one' as never, x, y: x })).rejects.toThrow(/a must be a number/);
      await expect(kernel.submitBatch({ a: 1, x, y: x, w: x } as never)).rejects.toThrow(/only a, x, y/);
      await expect(kernel.submitBatch({ a: 1, x, y: x }, { maxMicroBatch: 0 })).rejects.toThrow(/hints\.maxMicroBatch/);
      await expect(kernel.submitBatch({ a: 1, x, y: x }, { tenannt: 'x' } as never)).rejects.toThrow(/tenannt/);
      await expect(kernel.submitGrid({ a: 1, x, y: x }, { globalSize: [2] })).rejects.toThrow(/grid kernel/);
      await expect(kernel.submitBatch({ a: 1, x, y: x }, {}, {} as never)).rejects.toThrow(
        /signal must be an AbortSignal/,
      );
      expect(bridge.getInfo().devices[0]!.counters.submitted).toBe(0); // nothing half-done
      expect(() => bridge.getKernel(undefined as never)).toThrow(/kernel must be a name/);
      expect(() => bridge.allocate(undefined as never, 5)).toThrow(/type must be/);
      expect(() => bridge.allocate(f32, undefined as never)).toThrow(/count must be/);
      expect(() => bridge.allocate(ragged(f32), 5 as never)).toThrow(/count must be \{ items, elements \}/);
      expect(() => addGpuBridge(container, {})).toThrow(/a silo has one bridge/);
    } finally {
      await host.stop();
    }
  });
});
