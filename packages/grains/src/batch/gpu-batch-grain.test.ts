import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, GrainContext, RequestContext } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import { Loopback, Site } from '../testing/loopback.js';
import { StubBridge } from '../testing/stub-bridge.js';
import { batchGrainClass } from './batch-grain-class.js';
import { GpuBatchGrain } from './gpu-batch-grain.js';
import type { UntypedColumns } from './gpu-batch-grain.js';
import { PublishedJobs } from './published-jobs.js';

type Caller = Pick<GpuBatchGrain, 'execute' | 'executeGrid'>;

function contextOf(key: string, request: RequestContext = {}) {
  return { id: { type: 'gpu-batch', key }, siloId: 'silo-b', request };
}

async function activated(stub: StubBridge, request?: RequestContext): Promise<GpuBatchGrain> {
  const grain = new GpuBatchGrain(stub.bridge, contextOf('scale', request), new PublishedJobs());
  await grain.onActivate();
  return grain;
}

/** As the grain's silo calls it, and as another silo does. */
const ROUTES: Readonly<Record<string, (stub: StubBridge) => Promise<Caller>>> = {
  direct: (stub) => activated(stub),
  'through messages': async (stub) => {
    const batches = batchGrainClass(stub.bridge);
    const grain = batches.create(contextOf('scale') as GrainContext);
    await grain.onActivate();
    const site = new Site('silo-b', grain, batches.followUps);
    const loopback = new Loopback(batches.options, [site], new FakeClock());
    return {
      execute: (...args) => loopback.call('execute', args) as ReturnType<Caller['execute']>,
      executeGrid: (...args) => loopback.call('executeGrid', args) as ReturnType<Caller['executeGrid']>,
    };
  },
};

function batchOf(firstItem: number): ColumnBatch<UntypedColumns> {
  return { jobId: 'job-1', firstItem, itemCount: 1, columns: { y: Float32Array.of(firstItem) } };
}

test('fails its activation with KERNEL_NOT_FOUND when the key names no kernel', async () => {
  const error: unknown = await new GpuBatchGrain(new StubBridge().bridge, contextOf('scael'), new PublishedJobs())
    .onActivate()
    .catch((e: unknown) => e);
  expect(GpuBridgeError.is(error, 'KERNEL_NOT_FOUND')).toBe(true);
});

test('hands the trace of its request on to its job, unless the hints name another', async () => {
  const stub = new StubBridge();
  const grain = await activated(stub, { traceparent: '00-a' });
  await grain.execute({});
  await grain.execute({}, { priority: 'low' });
  await grain.executeGrid({}, { globalSize: [1] }, { traceparent: '00-b' });
  const hints = stub.submissions.map((submission) =>
    submission.find((part, i) => i >= 2 && Object.hasOwn(part as object, 'traceparent')),
  );
  expect(hints).toEqual([{ traceparent: '00-a' }, { priority: 'low', traceparent: '00-a' }, { traceparent: '00-b' }]);
});

test('gives a job the tenant of its request, unless the hints name one', async () => {
  const stub = new StubBridge();
  const grain = await activated(stub, { tenant: 'acme' });
  await grain.execute({});
  await grain.execute({}, { priority: 'low' });
  await grain.executeGrid({}, { globalSize: [1] }, { tenant: 'other' });
  const hints = stub.submissions.map((submission) =>
    submission.find((part, i) => i >= 2 && Object.hasOwn(part as object, 'tenant')),
  );
  expect(hints).toEqual([{ tenant: 'acme' }, { priority: 'low', tenant: 'acme' }, { tenant: 'other' }]);
});

describe.each(Object.entries(ROUTES))('GpuBatchGrain, called %s', (route, callerOf) => {
  test('submits items with hints and signal, and resolves when admitted', async () => {
    const stub = new StubBridge();
    const grain = await callerOf(stub);
    const items = { x: Float32Array.of(1, 2) };
    const hints = { tenant: 'acme' };
    const { signal } = new AbortController();
    const execution = await grain.execute(items, hints, signal);
    expect(stub.submissions).toEqual([['batch', items, hints, signal]]);
    expect(execution).toMatchObject({ jobId: 'job-1', siloId: 'silo-b' });
    expect(await execution.result).toMatchObject({ jobId: 'job-1', outcome: 'completed', deviceId: 'cpu:0' });
  });

  test('launches grids', async () => {
    const stub = new StubBridge();
    const grain = await callerOf(stub);
    const launch = { globalSize: [4, 4] };
    await grain.executeGrid({ n: 4 }, launch);
    expect(stub.submissions).toEqual([['grid', { n: 4 }, launch, undefined, undefined]]);
  });

  test('reads results only when they are iterated', async () => {
    const stub = new StubBridge();
    stub.results = [batchOf(0), batchOf(1)];
    const grain = await callerOf(stub);
    const execution = await grain.execute({}, undefined, undefined, { mode: 'borrow' });
    await execution.result;
    expect(stub.reads).toEqual([]);
    const read: unknown[] = [];
    for await (const batch of execution.batches) read.push(batch);
    expect(read).toEqual(stub.results);
    expect(stub.reads).toMatchObject([{ jobId: 'job-1' }]);
    expect(stub.disposed).toEqual([]);
    if (route === 'direct') expect(stub.reads).toMatchObject([{ options: { mode: 'borrow' } }]);
  });

  test('gives results out once', async () => {
    const stub = new StubBridge();
    const execution = await (await callerOf(stub)).execute({});
    const read = async (): Promise<void> => {
      for await (const batch of execution.batches) void batch;
    };
    await read();
    await expect(read()).rejects.toMatchObject({ code: 'RESULT_CONSUMED' });
  });

  test('says how a job ended whether or not anybody reads it, and also in the middle of reading', async () => {
    const stub = new StubBridge();
    stub.results = Array.from({ length: 50 }, (_, i) => batchOf(i));
    const execution = await (await callerOf(stub)).execute({});
    let count = 0;
    for await (const batch of execution.batches) {
      expect(batch.firstItem).toBe(count++);
      expect((await execution.result).outcome).toBe('completed');
    }
    expect(count).toBe(50);
  });

  test('drops the rest when a reader stops', async () => {
    const stub = new StubBridge();
    stub.results = Array.from({ length: 50 }, (_, i) => batchOf(i));
    const execution = await (await callerOf(stub)).execute({});
    for await (const batch of execution.batches) if (batch.firstItem === 1) break;
    await expect.poll(() => stub.disposed).toContain('job-1');
  });

  test('takes from the device only what is asked for, but for the window of the transport', async () => {
    const stub = new StubBridge();
    stub.results = Array.from({ length: 50 }, (_, i) => batchOf(i));
    const execution = await (await callerOf(stub)).execute({});
    const reader = execution.batches[Symbol.asyncIterator]();
    for (let i = 0; i < 10; i++) await reader.next();
    expect(stub.batchesTaken).toBeGreaterThanOrEqual(10);
    expect(stub.batchesTaken).toBeLessThanOrEqual(12);
  });

  test('passes cancelling and disposing on to the job, which then ends as cancelled', async () => {
    const stub = new StubBridge();
    stub.holds = true;
    const grain = await callerOf(stub);
    const executions = [await grain.execute({}), await grain.execute({}), await grain.execute({})];
    executions[0]!.cancel();
    executions[1]!.dispose();
    executions[2]![Symbol.dispose]();
    for (const execution of executions)
      expect(await execution.result).toMatchObject({ outcome: 'cancelled', error: { code: 'CANCELLED' } });
    expect(stub).toMatchObject({ cancelled: ['job-1'], disposed: ['job-2', 'job-3'] });
  });

  test('tells of a failed job in its result, and to its reader', async () => {
    const stub = new StubBridge();
    stub.failure = new GpuBridgeError(
      'KERNEL_FAULT',
      { kernel: 'scale', deviceId: 'cpu:0', reason: 'trap' },
      'it trapped',
    );
    const execution = await (await callerOf(stub)).execute({});
    const { outcome, error } = await execution.result;
    expect({ outcome, error }).toMatchObject({
      outcome: 'failed',
      error: { code: 'KERNEL_FAULT', message: stub.failure.message },
    });
    expect(error!.details).toEqual(stub.failure.details);
    const first = execution.batches[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 'KERNEL_FAULT' });
  });

  test('passes a refusal on as it is', async () => {
    const stub = new StubBridge();
    const grain = await callerOf(stub);
    const details = { deviceId: 'cpu:0', tenant: 'default', retryAfterNs: 5n };
    stub.refusal = new GpuBridgeError('QUEUE_FULL', details, 'full');
    const expected = { code: 'QUEUE_FULL', details, message: 'QUEUE_FULL: full' };
    await expect(grain.execute({})).rejects.toMatchObject(expected);
    await expect(grain.executeGrid({}, { globalSize: [1] })).rejects.toMatchObject(expected);
  });

  test('refuses an unknown read mode before anything is queued', async () => {
    const stub = new StubBridge();
    const grain = await callerOf(stub);
    for (const options of [{ mode: 'steal' }, 'borrow', null]) {
      const refused = grain.execute({}, undefined, undefined, options as never);
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(stub.submissions).toEqual([]);
  });
});
