import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
import type { AuditInfo, GpuBridge, GpuKernel, JobRecorder } from '@gpu-bridge/abstractions';
import { verifyLog } from '@gpu-bridge/audit';
import { addGpuBridge } from '@gpu-bridge/hosting';
import { input, mapKernel, output, u32, uniform } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { median } from './report.js';
import type { Benchmark, Figure } from './report.js';

/** 4 KiB in, 4 KiB out. */
const ITEMS = 1_024;
const JOBS_PER_S = 5_000;
const IN_FLIGHT = 32;
const INPUTS = 16;
const PAIRS = 15;
const SLICE_JOBS = 2_500;
const FAST_SLICE_JOBS = 20_000;
const CALIBRATION_JOBS = 1_000;
const PACED_MS = 3_000;

/** The kernel's body: so many rounds of work per item decide the rate that the devices can do. */
const audited = mapKernel(
  'bench/audited',
  { params: { rounds: uniform(u32), x: input(u32), y: output(u32) } },
  (k, { rounds, x, y }) => {
    let h = x;
    for (let i = k.u32(0); i < rounds; i++) h = h * k.u32(1664525) + k.u32(1013904223);
    y.value = h;
  },
);
const unaudited = { ...audited, name: 'bench/unaudited' };

type Kernel = GpuKernel<{ rounds: number; x: Uint32Array }, { y: Uint32Array }>;

/** The kernel of a silo, recorded and not recorded. */
interface Measured {
  readonly on: Kernel;
  readonly off: Kernel;
}

/**
 * What recording costs. One kernel stands in a silo twice, recorded and not recorded, and slices of both alternate. For the
 * cost in throughput its work is such that the devices are saturated by 5,000 unrecorded jobs a second: what recording
 * takes from them or from the broker's thread shows. The time per job is what it adds at full speed, without work.
 */
export const audit: Benchmark = {
  name: 'audit',
  describe: '4 KiB in, 4 KiB out, digests recorded or not: throughput where 5,000 jobs/s saturate, time per job',
  run: async (note) => {
    const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-audit-'));
    try {
      return await measureIn(folder, note);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measureIn(folder: string, note: (line: string) => void): Promise<readonly Figure[]> {
  const container = new Container();
  const policies = { [audited.name]: 'digest', [unaudited.name]: 'off' } as const;
  const host = addGpuBridge(container, { kernels: [audited, unaudited], audit: { folder, kernels: policies } });
  await host.start();
  try {
    const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
    const kernels = { on: bridge.getKernel(audited), off: bridge.getKernel(unaudited) };
    const figures = [await throughputCost(kernels, note), await timePerJob(kernels, note)];
    const recorder = container.get<JobRecorder>(Tokens.JobRecorder);
    await recorder.flush();
    check(folder, recorder.getInfo());
    note(`the log of ${recorder.getInfo().writtenRecords} jobs verifies`);
    return figures;
  } finally {
    await host.stop();
  }
}

function check(folder: string, { writtenRecords, lostRecords }: AuditInfo): void {
  const { records, problems } = verifyLog(folder);
  if (records === writtenRecords && lostRecords === 0 && problems.length === 0) return;
  throw new Error(`${writtenRecords} jobs, ${lostRecords} lost, ${records} records, ${JSON.stringify(problems)}`);
}

async function throughputCost({ on, off }: Measured, note: (line: string) => void): Promise<Figure> {
  const load = await calibrated(off);
  const costs: number[] = [];
  const rates = { on: 0, off: 0 };
  for (let pair = -1; pair < PAIRS; pair++) {
    // Whoever is first has the same part in drifts of the machine as the other.
    const first = pair % 2 === 0 ? off : on;
    const one = await load.jobsPerS(first, SLICE_JOBS);
    const other = await load.jobsPerS(first === on ? off : on, SLICE_JOBS);
    const [rateOn, rateOff] = first === on ? [one, other] : [other, one];
    if (pair < 0) continue;
    costs.push((1 - rateOn / rateOff) * 100);
    rates.on += rateOn / PAIRS;
    rates.off += rateOff / PAIRS;
  }
  note(`${load.rounds} rounds per item: ${rates.off.toFixed(0)} jobs/s not recorded, ${rates.on.toFixed(0)} recorded`);
  // At full speed the queue is never full; at the paced rate it must not be either.
  const light = new Load(0);
  note(`paced at ${JOBS_PER_S} jobs/s, recorded: ${(await light.pacedJobsPerS(on)).toFixed(0)} jobs/s`);
  return median('audit.throughput_cost_pct', '%', costs, PAIRS * SLICE_JOBS * 2);
}

async function timePerJob({ on, off }: Measured, note: (line: string) => void): Promise<Figure> {
  const load = new Load(0);
  const extraUs: number[] = [];
  const rates = { on: 0, off: 0 };
  for (let pair = -1; pair < PAIRS; pair++) {
    const rateOff = await load.jobsPerS(off, FAST_SLICE_JOBS);
    const rateOn = await load.jobsPerS(on, FAST_SLICE_JOBS);
    if (pair < 0) continue;
    extraUs.push(1e6 / rateOn - 1e6 / rateOff);
    rates.on += rateOn / PAIRS;
    rates.off += rateOff / PAIRS;
  }
  note(`at full speed: ${rates.off.toFixed(0)} jobs/s not recorded, ${rates.on.toFixed(0)} recorded`);
  return median('audit.us_per_job', 'µs', extraUs, PAIRS * FAST_SLICE_JOBS * 2);
}

/** With as many rounds as let the devices do 5,000 jobs a second. */
async function calibrated(kernel: Kernel): Promise<Load> {
  let load = new Load(200);
  for (let step = 0; step < 5; step++) {
    // The best of several: whatever else the machine does only lowers a rate.
    let rate = 0;
    for (let slice = 0; slice < 4; slice++) rate = Math.max(rate, await load.jobsPerS(kernel, CALIBRATION_JOBS));
    load = new Load(Math.max(1, Math.round((load.rounds * rate) / JOBS_PER_S)));
  }
  return load;
}

/** Jobs whose results are known, byte for byte. */
class Load {
  private readonly inputs: Uint32Array[] = [];
  private readonly expected: Buffer[] = [];

  constructor(readonly rounds: number) {
    for (let n = 0; n < INPUTS; n++) {
      const x = Uint32Array.from({ length: ITEMS }, (_, i) => n * ITEMS + i);
      this.inputs.push(x);
      this.expected.push(Buffer.from(x.map((value) => this.work(value)).buffer));
    }
  }

  /** A fixed number of callers, each of which reads its results before it calls again. */
  async jobsPerS(kernel: Kernel, jobs: number): Promise<number> {
    let next = 0;
    const start = performance.now();
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        while (next < jobs) await this.job(kernel, next++);
      }),
    );
    return (jobs * 1_000) / (performance.now() - start);
  }

  /** Jobs are submitted on a schedule, whether those before are done or not. */
  async pacedJobsPerS(kernel: Kernel): Promise<number> {
    const running: Promise<void>[] = [];
    const start = performance.now();
    for (let elapsedMs = 0; elapsedMs < PACED_MS; elapsedMs = performance.now() - start) {
      const due = (elapsedMs * JOBS_PER_S) / 1_000;
      while (running.length < due) running.push(this.job(kernel, running.length));
      await turn();
    }
    await Promise.all(running);
    return (running.length * 1_000) / (performance.now() - start);
  }

  private async job(kernel: Kernel, n: number): Promise<void> {
    const handle = await this.submit(kernel, this.inputs[n % INPUTS]!);
    let at = 0;
    for await (const { columns } of kernel.readResults(handle)) {
      const { buffer, byteOffset, byteLength } = columns.y;
      const expected = this.expected[n % INPUTS]!.subarray(at, at + byteLength);
      if (Buffer.compare(Buffer.from(buffer, byteOffset, byteLength), expected) !== 0)
        throw new Error(`job ${handle.jobId} came out otherwise`);
      at += byteLength;
    }
    if (at !== ITEMS * 4) throw new Error(`job ${handle.jobId} gave ${at} bytes`);
  }

  /** Where the log is behind, a caller waits as it is told: that is part of what recording costs. */
  private async submit(kernel: Kernel, x: Uint32Array): ReturnType<Kernel['submitBatch']> {
    for (;;) {
      try {
        return await kernel.submitBatch({ rounds: this.rounds, x });
      } catch (error) {
        if (!GpuBridgeError.is(error, 'QUEUE_FULL')) throw error;
        await pause(Number(error.details.retryAfterNs) / 1e6);
      }
    }
  }

  private work(x: number): number {
    let h = x;
    for (let i = 0; i < this.rounds; i++) h = (Math.imul(h, 1664525) + 1013904223) >>> 0;
    return h;
  }
}
