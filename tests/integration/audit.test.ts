import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
import type { JobRecorder } from '@gpu-bridge/abstractions';
import { readJob, readLog, verifyLog } from '@gpu-bridge/audit';
import { createKernelCompiler, input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAll, startSilo, until } from '../support/silo.js';

const twice = mapKernel('audit/twice', { params: { x: input(u32), y: output(u32) } }, (k, { x, y }) => {
  y.value = x * k.u32(2);
});
const thrice = mapKernel('audit/thrice', { params: { x: input(u32), y: output(u32) } }, (k, { x, y }) => {
  y.value = x * k.u32(3);
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-audit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cpu = { workers: 1, arenaMiB: 64 };
const from = (first: number, count: number): Uint32Array => new Uint32Array(count).map((_, i) => first + i);

/** One large record at a time: the next job is refused until the one before is on disk. */
async function admitted<T>(submit: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await submit();
    } catch (error) {
      if (!GpuBridgeError.is(error, 'QUEUE_FULL')) throw error;
      await pause(Number(error.details.retryAfterNs / 1_000_000n));
    }
  }
}

describe('jobs of a silo with an audit log', () => {
  it('are in a log that verifies, small and larger than its buffer, as their kernels are to be kept', async () => {
    const kernels = { 'audit/thrice': 'inputs-and-outputs' } as const;
    const audit = { folder, policy: 'digest', kernels, bufferMiB: 1, segmentMiB: 1 } as const;
    const ids: string[] = [];
    {
      await using silo = await startSilo({ kernels: [twice, thrice], cpu, audit });
      const [a, b] = [silo.bridge.getKernel(twice), silo.bridge.getKernel(thrice)];
      // 3 MiB of columns are three times the buffer.
      for (const [kernel, count] of [
        [a, 1_000],
        [b, 100],
        [b, 400_000],
        [a, 400_000],
        [b, 7],
      ] as const) {
        const handle = await admitted(() => kernel.submitBatch({ x: from(5, count) }));
        const batches = await readAll(kernel, handle);
        expect(batches.at(-1)!.columns.y.at(-1)).toBe((count + 4) * (kernel === a ? 2 : 3));
        ids.push(handle.jobId);
      }
      const recorder = silo.container.get<JobRecorder>(Tokens.JobRecorder);
      await recorder.flush();
      expect(recorder.getInfo()).toMatchObject({
        writtenRecords: 5,
        pendingRecords: 0,
        pendingBytes: 0,
        lostRecords: 0,
      });
      expect(verifyLog(folder)).toMatchObject({ records: 5, closed: false, unconfirmedRecords: 0, problems: [] });
    }
    expect(verifyLog(folder)).toMatchObject({ records: 5, closed: true, problems: [] });
    expect([...readLog(folder)].map(({ header }) => header.jobId)).toEqual(ids);
    const digestOnly = readJob(folder, ids[0]!);
    expect(digestOnly.header).toMatchObject({
      kernel: createKernelCompiler().compile(twice).descriptor.id,
      outcome: 'completed',
      device: 'cpu:0',
      itemCount: 1_000,
    });
    expect(digestOnly.bytes).toEqual([undefined, undefined]);
    const stored = readJob(folder, ids[2]!);
    const [x, y] = stored.bytes as [Buffer, Buffer];
    expect(Buffer.compare(x, Buffer.from(from(5, 400_000).buffer))).toBe(0);
    expect(y.readUInt32LE(y.length - 4)).toBe(400_004 * 3);
  });

  it('go on in the log of the silo before, and have no log that another silo has', async () => {
    for (const records of [1, 2]) {
      await using silo = await startSilo({ kernels: [twice], cpu, audit: { folder } });
      const kernel = silo.bridge.getKernel(twice);
      await readAll(kernel, await kernel.submitBatch({ x: from(0, 3) }));
      const second = startSilo({ kernels: [twice], cpu, audit: { folder } });
      await expect(second.then(() => 'started')).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
      await silo.host.stop();
      expect(verifyLog(folder)).toMatchObject({ segments: records, records, closed: true, problems: [] });
    }
  });

  it('are refused when the log can no longer be written, and those under way are counted', async () => {
    await using silo = await startSilo({
      ...{ kernels: [twice, thrice], cpu },
      audit: { folder, segmentMiB: 1, policy: 'inputs', kernels: { 'audit/thrice': 'off' } },
    });
    const recorder = silo.container.get<JobRecorder>(Tokens.JobRecorder);
    const kernel = silo.bridge.getKernel(twice);
    await (
      await kernel.submitBatch({ x: from(0, 300_000) })
    ).result;
    // Where the next segment should come, something is already.
    writeFileSync(join(folder, '00000001.audit'), 'taken');
    await recorder.flush();
    await (
      await kernel.submitBatch({ x: from(0, 10) })
    ).result;
    await until(() => recorder.getInfo().failed !== undefined, 'the log fails');
    const refused = await kernel.submitBatch({ x: from(0, 10) }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'AUDIT_UNAVAILABLE', details: { folder } });
    await expect(recorder.flush()).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    expect(recorder.getInfo()).toMatchObject({ writtenRecords: 1, lostRecords: 1 });
    expect(silo.warnings).toContain('the audit log has failed; jobs of audited kernels are refused');
    const others = silo.bridge.getKernel(thrice);
    expect((await readAll(others, await others.submitBatch({ x: from(1, 1) })))[0]!.columns.y[0]).toBe(3);
  });

  it('have no silo while their log is damaged, and have one when it is as it was', async () => {
    const run = async (): Promise<void> => {
      await using silo = await startSilo({ kernels: [twice], cpu, audit: { folder } });
      await (
        await silo.bridge.getKernel(twice).submitBatch({ x: from(0, 3) })
      ).result;
    };
    await run();
    const segment = join(folder, '00000000.audit');
    const bytes = readFileSync(segment);
    writeFileSync(segment, bytes.subarray(0, -1));
    await expect(run()).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE', details: { folder } });
    writeFileSync(segment, bytes);
    await run();
    expect(verifyLog(folder)).toMatchObject({ records: 2, closed: true, problems: [] });
  });

  it('need a policy that there is, for a kernel that there is', async () => {
    const start = (kernels: object) =>
      startSilo({ kernels: [twice], cpu, audit: { folder, kernels: kernels as never } });
    await expect(start({ 'audit/twise': 'digest' })).rejects.toThrow(/audit\.kernels must be one of audit\/twice/);
    await expect(start({ 'audit/twice': 'all' })).rejects.toThrow(/one of off, digest, inputs, inputs-and-outputs/);
  });
});
