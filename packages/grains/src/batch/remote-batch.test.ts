import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import { Loopback, Site } from '../testing/loopback.js';
import { StubBridge } from '../testing/stub-bridge.js';
import { batchGrainClass } from './batch-grain-class.js';
import type { BatchExecution } from './batch-execution.js';
import { GpuBatchGrain } from './gpu-batch-grain.js';
import type { UntypedColumns } from './gpu-batch-grain.js';
import { PublishedJobs, followUpsOf } from './published-jobs.js';

/** Silos with a bridge each; calls go to one after the other. */
class Cluster {
  readonly bridges: readonly StubBridge[];
  readonly jobs: readonly PublishedJobs[];
  private sites!: readonly Site[];

  private constructor(
    names: readonly string[],
    private readonly idempotent: boolean,
  ) {
    this.bridges = names.map((name) => {
      const bridge = new StubBridge(name);
      bridge.holds = true;
      bridge.results = Array.from({ length: 20 }, (_, i) => batchOf(name, i));
      return bridge;
    });
    this.jobs = names.map(() => new PublishedJobs());
  }

  static async of(names: readonly string[], idempotent = true): Promise<Cluster> {
    const cluster = new Cluster(names, idempotent);
    cluster.sites = await Promise.all(
      cluster.bridges.map(async ({ prefix: siloId, bridge }, i) => {
        const grain = new GpuBatchGrain(bridge, contextOf(siloId), cluster.jobs[i]!);
        await grain.onActivate();
        return new Site(siloId, grain, followUpsOf(cluster.jobs[i]!, bridge));
      }),
    );
    return cluster;
  }

  async execute(): Promise<BatchExecution<UntypedColumns>> {
    const { options } = batchGrainClass(this.bridges[0]!.bridge);
    const used = this.idempotent ? options : { remoteForms: options.remoteForms! };
    const loopback = new Loopback(used, this.sites, new FakeClock());
    return (await loopback.call('execute', [{ x: Float32Array.of(1) }])) as BatchExecution<UntypedColumns>;
  }

  die(silo: number): void {
    this.sites[silo]!.die();
  }
}

function contextOf(siloId: string) {
  return { id: { type: 'gpu-batch', key: 'scale' }, siloId, request: {} };
}

function batchOf(jobId: string, firstItem: number): ColumnBatch<UntypedColumns> {
  return { jobId, firstItem, itemCount: 1, columns: { y: Float32Array.of(firstItem) } };
}

async function readAll(execution: BatchExecution<UntypedColumns>): Promise<string[]> {
  const silos: string[] = [];
  for await (const { jobId } of execution.batches) silos.push(jobId);
  return silos;
}

/** Whatever of one silo is settled has been told by then. */
const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a job whose silo dies', () => {
  test('runs anew elsewhere, and completes under another id', async () => {
    const cluster = await Cluster.of(['a', 'b']);
    const execution = await cluster.execute();
    expect(execution).toMatchObject({ jobId: 'a-1', siloId: 'a' });
    cluster.die(0);
    await expect.poll(() => execution.siloId).toBe('b');
    cluster.bridges[1]!.finish();
    expect(await execution.result).toMatchObject({ jobId: 'b-1', outcome: 'completed' });
    expect(new Set(await readAll(execution))).toEqual(new Set(['b']));
  });

  test('runs anew for a reader that waits for its first batch', async () => {
    const cluster = await Cluster.of(['a', 'b']);
    const execution = await cluster.execute();
    const reading = readAll(execution);
    await told();
    cluster.die(0);
    await expect.poll(() => execution.siloId).toBe('b');
    cluster.bridges[1]!.finish();
    expect(await reading).toHaveLength(20);
    expect((await execution.result).jobId).toBe('b-1');
    expect(cluster.bridges[1]!.submissions).toHaveLength(1);
  });

  test('runs anew for its results when it had ended and nobody had read them', async () => {
    const cluster = await Cluster.of(['a', 'b']);
    const execution = await cluster.execute();
    cluster.bridges[0]!.finish();
    expect((await execution.result).jobId).toBe('a-1');
    cluster.die(0);
    cluster.bridges[1]!.holds = false;
    expect(new Set(await readAll(execution))).toEqual(new Set(['b']));
    await told();
    // The second call, too, was heard to its end.
    expect(cluster.jobs[1]!.find('b-1')).toBeUndefined();
  });

  test('runs anew for a reader that has some of it, which gets the rest, however it is cut', async () => {
    const cluster = await Cluster.of(['a', 'b']);
    // The other device hands out three items at a time.
    cluster.bridges[1]!.results = [0, 3, 6, 9, 12, 15, 18].map((first) => ({
      ...batchOf('b', first),
      itemCount: Math.min(3, 20 - first),
      columns: { y: Float32Array.of(first, first + 1, first + 2).subarray(0, 20 - first) },
    }));
    const execution = await cluster.execute();
    cluster.bridges[0]!.finish();
    const read: { readonly silo: string; readonly y: number[] }[] = [];
    for await (const { jobId, firstItem, itemCount, columns } of execution.batches) {
      const y = [...(columns['y'] as Float32Array)];
      expect([y[0], y.length]).toEqual([firstItem, itemCount]);
      read.push({ silo: jobId, y });
      if (read.length > 1) continue;
      cluster.die(0);
      cluster.bridges[1]!.holds = false;
    }
    expect(read.flatMap(({ y }) => y)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(read[0]!.silo).toBe('a');
    expect(read.at(-1)!.silo).toBe('b');
  });

  test('fails when it is called as not idempotent', async () => {
    const cluster = await Cluster.of(['a', 'b'], false);
    const execution = await cluster.execute();
    cluster.die(0);
    expect(await execution.result).toMatchObject({
      jobId: 'a-1',
      outcome: 'failed',
      error: { code: 'OUTCOME_UNKNOWN' },
    });
    await expect(readAll(execution)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  test('runs anew three times at most: perhaps it is what kills them', async () => {
    const cluster = await Cluster.of(['a', 'b', 'c', 'd', 'e']);
    const execution = await cluster.execute();
    for (const [silo, name] of ['a', 'b', 'c', 'd'].entries()) {
      await expect.poll(() => execution.siloId).toBe(name);
      cluster.die(silo);
    }
    expect(await execution.result).toMatchObject({ outcome: 'failed', error: { code: 'OUTCOME_UNKNOWN' } });
    expect(cluster.bridges[4]!.submissions).toEqual([]);
  });

  test('does not run anew when it was given up', async () => {
    const cluster = await Cluster.of(['a', 'b']);
    const execution = await cluster.execute();
    cluster.die(0);
    execution.cancel();
    expect(await execution.result).toMatchObject({ outcome: 'cancelled', error: { code: 'CANCELLED' } });
    expect(cluster.bridges[1]!.submissions).toEqual([]);
  });
});

describe('what a silo keeps of a job', () => {
  test('is gone when its results were read', async () => {
    const cluster = await Cluster.of(['a']);
    const execution = await cluster.execute();
    expect(cluster.jobs[0]!.find('a-1')).toBeDefined();
    cluster.bridges[0]!.finish();
    await readAll(execution);
    await told();
    expect(cluster.jobs[0]!.find('a-1')).toBeUndefined();
  });

  test('is gone when it was disposed of, and then there are no results', async () => {
    const cluster = await Cluster.of(['a']);
    const execution = await cluster.execute();
    cluster.bridges[0]!.finish();
    await execution.result;
    expect(cluster.jobs[0]!.find('a-1')).toBeDefined();
    execution.dispose();
    await told();
    expect(cluster.jobs[0]!.find('a-1')).toBeUndefined();
    await expect(readAll(execution)).rejects.toMatchObject({ code: 'RESULT_EXPIRED' });
  });

  test('is not for another tenant, to read or to give up, and the refusal says no more than that', async () => {
    const stub = new StubBridge('a');
    stub.holds = true;
    const { bridge } = stub;
    const refused: string[] = [];
    const counting = {
      ...bridge,
      foreignHandle: (what: string, tenant: string) => {
        refused.push(`${tenant}: ${what}`);
        return bridge.foreignHandle(what, tenant);
      },
    };
    const jobs = new PublishedJobs();
    const request = { tenant: 'acme' };
    const grain = new GpuBatchGrain(counting, { ...contextOf('a'), request }, jobs);
    await grain.onActivate();
    const form = batchGrainClass(bridge).options.remoteForms!['execute']!;
    form.toStream!(await grain.execute({}, { tenant: 'billing' }));
    const { readRemote, giveUpRemote } = followUpsOf(jobs, counting);
    const code = { code: 'FOREIGN_HANDLE', details: { what: 'job a-1', tenant: 'other' } };
    const other = { tenant: 'other' };
    const refusal = expect.objectContaining(code) as Error;
    expect(() => readRemote!(other, 'a-1')).toThrow(refusal);
    for (const how of ['cancel', 'dispose']) expect(() => giveUpRemote!(other, 'a-1', how)).toThrow(refusal);
    expect(() => readRemote!({}, 'a-1')).toThrow(/FOREIGN_HANDLE/);
    expect([stub.cancelled, stub.disposed, jobs.find('a-1')?.handle]).toMatchObject([[], [], { jobId: 'a-1' }]);
    expect(refused).toEqual([...new Array<string>(3).fill('other: job a-1'), 'default: job a-1']);
    giveUpRemote!({ tenant: 'billing' }, 'a-1', 'cancel'); // whose job it is
    giveUpRemote!(request, 'a-1', 'dispose'); // who submitted it
    expect([stub.cancelled, stub.disposed]).toEqual([['a-1'], ['a-1']]);
  });

  test('is nothing when its caller gives up or dies: the job is disposed of at once', async () => {
    const cluster = await Cluster.of(['a']);
    const grain = new GpuBatchGrain(cluster.bridges[0]!.bridge, contextOf('a'), cluster.jobs[0]!);
    await grain.onActivate();
    const form = batchGrainClass(cluster.bridges[0]!.bridge).options.remoteForms!['execute']!;
    const stream = form.toStream!(await grain.execute({}))[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: { jobId: 'a-1', kernelId: 'scale@0' } });
    const outcome = stream.next();
    await stream.return!();
    expect(cluster.bridges[0]!.disposed).toEqual(['a-1']);
    expect(await outcome).toMatchObject({ value: { outcome: 'cancelled' } });
    expect(cluster.jobs[0]!.find('a-1')).toBeUndefined();
  });
});

test('an admission that is none is refused, and the call ended', async () => {
  const form = batchGrainClass(new StubBridge().bridge).options.remoteForms!['execute']!;
  let ended = false;
  async function* nonsense(): AsyncGenerator<unknown> {
    try {
      yield { jobId: 5 };
    } finally {
      ended = true;
    }
  }
  const remote = { siloId: 'a', call: () => Promise.reject(new Error('not called')), again: undefined };
  const opening = form.fromStream!(nonsense(), remote);
  await expect(opening).rejects.toSatisfy((error) => GpuBridgeError.is(error, 'MESSAGE_INVALID'));
  expect(ended).toBe(true);
});
