import { setImmediate as turn } from 'node:timers/promises';
import { GpuBridgeError, i64, input, output, ragged, resolveOptions, u32, uniform } from '@gpu-bridge/abstractions';
import type { AuditPolicy, EndedJob, JobRecorder, KernelHandle } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { LocalGpuBridge } from '../bridge/local-gpu-bridge.js';
import { KernelCatalog } from '../catalog/kernel-catalog.js';
import { GpuHostFeature } from '../host/gpu-host-feature.js';
import { LogLines, definitionOf } from '../testing/fixture.js';

const add = definitionOf('add', {
  params: { by: uniform(u32), x: input(u32), y: output(u32) },
  body: (_k, p: { by: number; x: number; y: { value: number } }) => void (p.y.value = p.x + p.by),
});
const evens = definitionOf('evens', {
  params: { xs: input(ragged(u32)), ys: output(ragged(u32, { max: [1, 2] })) },
  body: (
    k: { u32(n: number): number },
    { xs, ys }: { xs: { length: number; [i: number]: number }; ys: { push(x: number): void } },
  ) => {
    for (let i = k.u32(0); i < xs.length; i++) if (xs[i]! % 2 === 0) ys.push(xs[i]!);
  },
});
const wide = definitionOf('wide', {
  params: { x: input(i64), y: output(i64) },
  body: (_k, p: { x: bigint; y: { value: bigint } }) => void (p.y.value = p.x),
});
const fill = definitionOf('fill', {
  kind: 'grid',
  params: { cells: output(u32) },
  body: (k: { global: { x: number } }, { cells }: { cells: number[] }) => void (cells[k.global.x] = k.global.x),
});

/** Copies what it is handed, as recorders must. */
class KeptJobs implements JobRecorder {
  readonly jobs: { job: EndedJob; columns: Record<string, number[]>; reservedBytes: number }[] = [];
  policy: AuditPolicy = 'digest';
  room: boolean | GpuBridgeError = true;
  reserved = 0;

  policyOf(): AuditPolicy {
    return this.policy;
  }

  reserve(bytes: number): boolean {
    if (typeof this.room !== 'boolean') throw this.room;
    if (this.room) this.reserved += bytes;
    return this.room;
  }

  record(job: EndedJob, reservedBytes: number): void {
    this.reserved -= reservedBytes;
    const columns: Record<string, number[]> = {};
    for (const { param, part, bytes } of [...job.inputs, ...job.outputs])
      columns[part === 'column' ? param : `${param}.${part}`] = [...new Uint32Array(bytes.slice().buffer)];
    this.jobs.push({ job, columns, reservedBytes });
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  getInfo(): never {
    throw new Error('nobody asks');
  }
}

async function start(recorder: KeptJobs, manual = false) {
  const clock = new FakeClock(1_000_000n, 2_000n);
  const backend = new ReferenceBackend({ manual, executors: 1, arenaBytes: 2 ** 20, clock });
  const options = resolveOptions({ kernels: [add, evens, wide, fill], cpu: false });
  const logger = new LogLines();
  const catalog = new KernelCatalog(new BodyCompiler());
  const feature = new GpuHostFeature([backend], catalog, options, clock, logger);
  const bridge = new LocalGpuBridge(feature, catalog, options, clock, logger, recorder);
  let isOpen = false;
  void feature.start().then(() => (isOpen = true));
  while (!isOpen) {
    backend.opened[0]?.runUntilIdle();
    await turn();
  }
  bridge.start();
  const ended = async (...handles: KernelHandle[]): Promise<void> => {
    while (handles.some(({ state }) => state === 'queued' || state === 'running')) {
      backend.opened[0]!.runUntilIdle();
      clock.advanceMs(1);
      await turn();
    }
  };
  return { bridge, ended, clock };
}

const words = (...values: number[]): Uint32Array => Uint32Array.from(values);

describe('JobAudit', () => {
  it('records each of several coalesced jobs with its own items, uniforms and outputs', async () => {
    const recorder = new KeptJobs();
    const { bridge, ended } = await start(recorder);
    const kernel = bridge.getKernel('add');
    const jobs = [words(1, 2), words(3), words(4, 5, 6)].map((x) => kernel.submitBatch({ by: 10, x }));
    await ended(...(await Promise.all(jobs)));
    expect(bridge.getInfo().devices[0]!.counters.coalesced).toBe(3);
    expect(recorder.jobs.map(({ columns }) => columns)).toEqual([
      { x: [1, 2], y: [11, 12] },
      { x: [3], y: [13] },
      { x: [4, 5, 6], y: [14, 15, 16] },
    ]);
    const [{ job, reservedBytes }] = recorder.jobs as [KeptJobs['jobs'][0]];
    expect(job).toMatchObject({ uniforms: { by: 10 }, grid: undefined, sizes: {}, result: { outcome: 'completed' } });
    expect(job.result.jobId).toBe((await jobs[0]!).jobId);
    expect(job.artifactHash).toMatch(/^[0-9a-f]{64}$/);
    expect(reservedBytes).toBe(16);
    expect(recorder.reserved).toBe(0);
  });

  it('records of lists the elements they have, in item order, alone and coalesced alike', async () => {
    const recorder = new KeptJobs();
    const { bridge, ended } = await start(recorder);
    const kernel = bridge.getKernel('evens');
    const lists = { xs: { offsets: words(0, 3, 3, 5), columns: { value: words(2, 3, 4, 5, 6) } } };
    const others = { xs: { offsets: words(0, 1), columns: { value: words(8) } } };
    await ended(...(await Promise.all([kernel.submitBatch(others), kernel.submitBatch(lists)])));
    await ended(await kernel.submitBatch(lists));
    expect(bridge.getInfo().devices[0]!.counters.coalesced).toBe(2);
    const expected = { 'xs.offsets': [0, 3, 3, 5], xs: [2, 3, 4, 5, 6], 'ys.counts': [2, 0, 1], ys: [2, 4, 6] };
    expect(recorder.jobs.map(({ columns }) => columns).slice(1)).toEqual([expected, expected]);
  });

  it('records 64-bit columns as they are staged, whatever form they were passed in', async () => {
    const recorder = new KeptJobs();
    const { bridge, ended } = await start(recorder);
    const kernel = bridge.getKernel('wide');
    const forms = [
      BigInt64Array.of(-2n, 7n),
      Float64Array.of(-2, 7),
      { low: words(0xfffffffe, 7), high: Int32Array.of(-1, 0) },
    ];
    for (const x of forms) await ended(await kernel.submitBatch({ x }));
    const column = [0xfffffffe, 0xffffffff, 7, 0];
    for (const { columns } of recorder.jobs) expect(columns).toEqual({ x: column, y: column });
    expect(recorder.jobs).toHaveLength(3);
  });

  it('records the grid and the sizes of a launch', async () => {
    const recorder = new KeptJobs();
    const { bridge, ended } = await start(recorder);
    await ended(await bridge.getKernel('fill').submitGrid({}, { globalSize: [2, 2], sizes: { cells: 5 } }));
    expect(recorder.jobs[0]!.job).toMatchObject({ grid: [2, 2, 1], sizes: { cells: 5 } });
    expect(recorder.jobs[0]!.columns['cells']).toHaveLength(5);
  });

  it('records empty, cancelled and late jobs, without outputs', async () => {
    const recorder = new KeptJobs();
    const { bridge, ended, clock } = await start(recorder, true);
    const kernel = bridge.getKernel('add');
    await kernel.submitBatch({ by: 1, x: words() });
    (await kernel.submitBatch({ by: 1, x: words(1) })).cancel();
    const late = await kernel.submitBatch({ by: 1, x: words(2) }, { deadlineNs: clock.nowNs() + 1_000_000n });
    clock.advanceMs(50);
    await ended(late);
    const ends = recorder.jobs.map(({ job, columns }) => [job.result.outcome, job.result.error?.code, columns]);
    expect(ends).toEqual([
      ['completed', undefined, { x: [], y: [] }],
      ['cancelled', 'CANCELLED', { x: [1] }],
      ['failed', 'DEADLINE_EXCEEDED', { x: [2] }],
    ]);
  });

  it('refuses jobs while there is no room for their records, and for good when nothing can be recorded', async () => {
    const recorder = new KeptJobs();
    const { bridge } = await start(recorder);
    const submit = () => bridge.getKernel('add').submitBatch({ by: 1, x: words(1) });
    recorder.room = false;
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    recorder.room = new GpuBridgeError('AUDIT_UNAVAILABLE', { folder: 'f', reason: 'full' }, 'the disk is full');
    await expect(submit()).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    expect(recorder.jobs).toEqual([]);
    expect(bridge.getInfo().devices[0]!.counters.refused).toBe(1);
  });

  it('asks once for the policy of a kernel, and records nothing of one whose policy is off', async () => {
    const recorder = new KeptJobs();
    recorder.policy = 'off';
    const { bridge, ended } = await start(recorder);
    await ended(await bridge.getKernel('add').submitBatch({ by: 1, x: words(1) }));
    recorder.policy = 'digest';
    await ended(await bridge.getKernel('add').submitBatch({ by: 1, x: words(1) }));
    expect(recorder.jobs).toEqual([]);
  });
});
