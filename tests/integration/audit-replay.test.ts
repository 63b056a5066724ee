import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokens, u32 } from '@gpu-bridge/abstractions';
import type { DatasetStore, GpuBridge, GpuExecutionHints, KernelHandle } from '@gpu-bridge/abstractions';
import { CapturedJobs, readJob, replayJob, verifyLog } from '@gpu-bridge/audit';
import { addGpuBridge, folderDatasetSource } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evenElements, mixIntegers, strictFloats } from '../support/audit-kernels.js';
import { absenceOf } from '../support/native.js';

const PROGRAM = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
const KERNELS = fileURLToPath(new URL('../support/audit-kernels.ts', import.meta.url));
const AUTHORING = fileURLToPath(new URL('../../packages/kernels', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-replay-'));
const log = join(folder, 'log');
const epochs = join(folder, 'epochs');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kernels = [mixIntegers, evenElements, strictFloats];
const cpu = { workers: 1, arenaMiB: 16 } as const;
const absence = await absenceOf({ opencl: true });
/** What jobs are recorded on. */
const DEVICES = ['cpu:0', ...(absence === undefined ? ['opencl:0'] : [])];

/** Recorded jobs by device and kernel. */
const jobs = new Map<string, string>();
const job = (device: string, kernel: string): string => jobs.get(`${device} ${kernel}`)!;

/** A bridge that lasts as long as `work`. */
async function withBridge<T>(
  options: Parameters<typeof addGpuBridge>[1],
  work: (container: Container, bridge: GpuBridge) => Promise<T>,
  prepare: (container: Container) => void = () => undefined,
): Promise<T> {
  const container = new Container();
  const host = addGpuBridge(container, { kernels, cpu, ...options });
  prepare(container);
  await host.start();
  try {
    return await work(container, container.get<GpuBridge>(Tokens.GpuBridge));
  } finally {
    await host.stop();
  }
}

beforeAll(async () => {
  const policies = { [mixIntegers.name]: 'inputs-and-outputs', [strictFloats.name]: 'inputs' } as const;
  const native = absence === undefined ? { native: { opencl: { executors: 1, arenaMiB: 16 } } } : {};
  await withBridge({ ...native, audit: { folder: log, kernels: policies } }, async (container, bridge) => {
    const store = container.get<DatasetStore>(Tokens.DatasetStore);
    const dataset = { id: 'numbers', columns: { x: u32 } };
    store.define(dataset, { source: folderDatasetSource(epochs), sharedWith: 'all' });
    for (const epoch of ['1', '2']) await store.publish(dataset, epoch, { x: Uint32Array.of(7, 8, 9, Number(epoch)) });
    const ended = async (device: string, name: string, submitted: Promise<KernelHandle>): Promise<void> => {
      const handle = await submitted;
      expect(await handle.result).toMatchObject({ outcome: 'completed', deviceId: device });
      jobs.set(`${device} ${name}`, handle.jobId);
      handle.dispose();
    };
    for (const device of DEVICES) {
      const hints: GpuExecutionHints = { preferredDevice: device, tenant: device };
      const x = Uint32Array.from({ length: 1_000 }, (_, i) => i * 2_654_435);
      const mix = bridge.getKernel(mixIntegers);
      await ended(device, 'mix', mix.submitBatch({ seed: 2n ** 63n + 5n, x }, hints));
      const lists = { xs: { offsets: Uint32Array.of(0, 3, 3, 5), columns: { value: Uint32Array.of(2, 3, 4, 5, 6) } } };
      await ended(device, 'even', bridge.getKernel(evenElements).submitBatch(lists, hints));
      const floats = Float32Array.from({ length: 777 }, (_, i) => Math.fround(Math.sin(i) * 1e3));
      const strict = bridge.getKernel(strictFloats);
      const launch = { globalSize: [30, 26], sizes: { y: 777 } };
      await ended(device, 'strict', strict.submitGrid({ scale: Math.PI, x: floats }, launch, hints));
      // Of the older epoch, which is superseded.
      using lease = await store.open(dataset, { epoch: '1', device, tenant: device });
      await ended(device, 'pinned', mix.submitBatch({ seed: 3n, x: lease.data.x }, hints));
    }
  });
}, 120_000);

describe('a replay on compute-cpu', () => {
  it('is identical to what another backend gave, from stored inputs and from a pinned epoch', async () => {
    const captured = new CapturedJobs();
    const prepare = (container: Container): void => void container.bind(Tokens.JobRecorder).toConstantValue(captured);
    const datasets = folderDatasetSource(epochs);
    await withBridge(
      {},
      async (_, bridge) => {
        for (const device of DEVICES) {
          for (const [name, kernel] of [
            ['mix', mixIntegers],
            ['strict', strictFloats],
            ['pinned', mixIntegers],
          ] as const) {
            const recorded = readJob(log, job(device, name));
            expect(recorded.header).toMatchObject({ device, tenant: device });
            const report = await replayJob({
              job: recorded,
              kernel: bridge.getKernel(kernel.name),
              captured,
              datasets,
            });
            expect([device, name, report.identical, report.result.deviceId]).toEqual([device, name, true, 'cpu:0']);
          }
          expect(readJob(log, job(device, 'pinned')).header.inputs).toMatchObject([
            { param: 'x', bytes: 0, stored: false, dataset: { id: 'numbers', epoch: '1', column: 'x' } },
          ]);
        }
        const even = bridge.getKernel(evenElements.name);
        const digestsOnly = replayJob({ job: readJob(log, job('cpu:0', 'even')), kernel: even, captured });
        await expect(digestsOnly).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        const nobodyLoads = replayJob({
          ...{ job: readJob(log, job('cpu:0', 'pinned')), kernel: bridge.getKernel(mixIntegers.name), captured },
        });
        await expect(nobodyLoads).rejects.toThrow(/lies in dataset numbers@1, which nobody loads/);
        const otherKernel = replayJob({ job: readJob(log, job('cpu:0', 'mix')), kernel: even, captured });
        await expect(otherKernel).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
      },
      prepare,
    );
    // Lists have the same digests whatever device they came from.
    const digests = DEVICES.map((device) => readJob(log, job(device, 'even')).digests);
    for (const of of digests) expect(of).toEqual(digests[0]);
  });
});

/** Runs the program; several at a time. */
function gpuBridge(...args: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, [PROGRAM, 'audit', ...args, '--folder', log]);
  let [out, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })));
}

describe('gpu-bridge audit', () => {
  it('lists and shows jobs, and verifies the log', async () => {
    const { head } = verifyLog(log);
    const id = job('cpu:0', 'mix');
    const [list, show, verify, rewritten, unknown, wrong] = await Promise.all([
      gpuBridge('list', '--tenant', 'cpu:0', '--kernel', mixIntegers.name, '--since', '2020-01-01', '--json'),
      gpuBridge('show', id),
      gpuBridge('verify', '--expect', head),
      gpuBridge('verify', '--expect', 'ab'.repeat(32)),
      gpuBridge('show', '00000000-0000-7000-8000-000000000000'),
      gpuBridge('list', '--outcome', 'lost'),
    ]);
    const listed = (JSON.parse(list.out) as { jobs: { jobId: string }[] }).jobs.map(({ jobId }) => jobId);
    expect(listed).toEqual([id, job('cpu:0', 'pinned')]);
    expect(show.out).toMatch(/input +x\.value +u32 +4000 bytes +sha256:[0-9a-f]{64} +stored/);
    expect([verify.code, verify.out]).toEqual([
      0,
      expect.stringMatching(new RegExp(`has the expected hash\nhead ${head}\n$`)),
    ]);
    expect([rewritten.code, rewritten.out]).toEqual([1, expect.stringContaining('INVALID record')]);
    expect([unknown.code, unknown.error]).toEqual([1, expect.stringContaining('AUDIT_RECORD_NOT_FOUND')]);
    expect([wrong.code, wrong.error]).toEqual([2, expect.stringContaining("unknown outcome 'lost'")]);
  });

  it('replays a job, and shows the first elements that another version of the kernel gives otherwise', async () => {
    const project = join(folder, 'project');
    mkdirSync(join(project, 'node_modules/@gpu-bridge'), { recursive: true });
    symlinkSync(AUTHORING, join(project, 'node_modules/@gpu-bridge/kernels'));
    const changed = join(project, 'changed.ts');
    writeFileSync(changed, readFileSync(KERNELS, 'utf8').replace('k.u32(12345)', 'k.u32(12346)'));
    const id = job(DEVICES.at(-1)!, 'mix');
    const pinned = job('cpu:0', 'pinned');
    const [same, fromEpoch, refused, different] = await Promise.all([
      gpuBridge('replay', id, '--kernels', KERNELS),
      gpuBridge('replay', pinned, '--kernels', KERNELS, '--backend', 'cpu', '--dataset-folder', epochs, '--json'),
      gpuBridge('replay', id, '--kernels', changed),
      gpuBridge('replay', id, '--kernels', changed, '--other-version'),
    ]);
    expect(same).toEqual({ code: 0, out: 'identical, on cpu:0\n', error: '' });
    expect(JSON.parse(fromEpoch.out)).toMatchObject({ identical: true, outcome: 'completed', differences: [] });
    expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('KERNEL_NOT_FOUND')]);
    expect(different.code).toBe(1);
    expect(different.out).toMatch(/^different, on cpu:0\nout\.narrow: recorded 4000 bytes/);
    expect(different.out).toContain('out.narrow[0]: recorded 12345, replayed 12346\n');
    expect(different.out).not.toContain('out.wide');
  });
});
