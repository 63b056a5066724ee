import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { StubBridge } from '../testing/stub-bridge.js';
import { GpuBatchGrain } from './gpu-batch-grain.js';

async function activated(stub: StubBridge): Promise<GpuBatchGrain> {
  const grain = new GpuBatchGrain(stub.bridge, 'scale');
  await grain.onActivate();
  return grain;
}

describe('GpuBatchGrain', () => {
  test('fails its activation with KERNEL_NOT_FOUND when the key names no kernel', async () => {
    const error: unknown = await new GpuBatchGrain(new StubBridge().bridge, 'scael')
      .onActivate()
      .catch((e: unknown) => e);
    expect(GpuBridgeError.is(error, 'KERNEL_NOT_FOUND')).toBe(true);
  });

  test('submits items with hints and signal, and resolves when admitted', async () => {
    const stub = new StubBridge();
    const grain = await activated(stub);
    const items = { x: Float32Array.of(1, 2) };
    const hints = { tenant: 'acme' };
    const { signal } = new AbortController();
    const execution = await grain.execute(items, hints, signal);
    expect(stub.submissions).toEqual([['batch', items, hints, signal]]);
    expect(execution.jobId).toBe('job-1');
    expect(await execution.result).toMatchObject({ outcome: 'completed' });
  });

  test('launches grids', async () => {
    const stub = new StubBridge();
    const grain = await activated(stub);
    const launch = { globalSize: [4, 4] };
    await grain.executeGrid({ n: 4 }, launch);
    expect(stub.submissions).toEqual([['grid', { n: 4 }, launch, undefined, undefined]]);
  });

  test('reads results only when they are iterated, in the mode that was asked for', async () => {
    const stub = new StubBridge();
    stub.results = [{ jobId: 'job-1', firstItem: 0, itemCount: 1, columns: { y: Float32Array.of(2) } }];
    const grain = await activated(stub);
    const execution = await grain.execute({}, undefined, undefined, { mode: 'borrow' });
    expect(stub.reads).toEqual([]);
    const read: unknown[] = [];
    for await (const batch of execution.batches) read.push(batch);
    expect(read).toEqual(stub.results);
    expect(stub.reads).toEqual([{ jobId: 'job-1', options: { mode: 'borrow' } }]);
  });

  test('passes cancelling and disposing on to the job', async () => {
    const stub = new StubBridge();
    const grain = await activated(stub);
    (await grain.execute({})).cancel();
    (await grain.execute({})).dispose();
    (await grain.execute({}))[Symbol.dispose]();
    expect(stub).toMatchObject({ cancelled: ['job-1'], disposed: ['job-2', 'job-3'] });
  });

  test('passes a refusal on as it is', async () => {
    const stub = new StubBridge();
    const grain = await activated(stub);
    const details = { deviceId: 'cpu:0', tenant: 'default', retryAfterNs: 5n };
    stub.refusal = new GpuBridgeError('QUEUE_FULL', details, 'full');
    await expect(grain.execute({})).rejects.toBe(stub.refusal);
    await expect(grain.executeGrid({}, { globalSize: [1] })).rejects.toBe(stub.refusal);
  });

  test('refuses an unknown read mode before anything is queued', async () => {
    const stub = new StubBridge();
    const grain = await activated(stub);
    for (const options of [{ mode: 'steal' }, 'borrow', null]) {
      const refused = grain.execute({}, undefined, undefined, options as never);
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(stub.submissions).toEqual([]);
  });
});
