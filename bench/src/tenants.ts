import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { GpuBridge, GpuKernel, GpuResult } from '@gpu-bridge/abstractions';
import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { median, percentile } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const ROUNDS = 12;
const WINDOW_MS = 1_500;
/** Of the steady tenant: jobs per second, items of each, and how many it lets be on their way. */
const STEADY = { jobsPerS: 200, items: 100, inFlight: 8 };
/** Of the flooding one, which submits the next job as soon as one has ended. */
const FLOOD = { items: 2_000, inFlight: 64 };
/** Rounds of the loop per item: some µs. */
const LOOPS = 4_000;

const spin = mapKernel('bench-tenants', { params: { seed: input(u32), y: output(u32) } }, (k, { seed, y }) => {
  let h = seed;
  for (let i = k.u32(0); i < 4_000; i++) h = h * 1664525 + 1013904223;
  y.value = h;
});

type Spin = GpuKernel<{ readonly seed: Uint32Array }, { readonly y: Uint32Array }>;

/** One batch with its results checked. */
class Work {
  readonly seed: Uint32Array;
  private readonly expected: Uint32Array;

  constructor(
    private readonly kernel: Spin,
    private readonly tenant: string,
    items: number,
  ) {
    this.seed = Uint32Array.from({ length: items }, (_, i) => i * 7 + tenant.length);
    this.expected = this.seed.map((seed) => {
      let h = seed;
      for (let i = 0; i < LOOPS; i++) h = Math.imul(h, 1664525) + 1013904223;
      return h;
    });
  }

  async run(): Promise<GpuResult> {
    const handle = await this.kernel.submitBatch({ seed: this.seed }, { tenant: this.tenant });
    let next = 0;
    for await (const { columns, itemCount } of this.kernel.readResults(handle)) {
      for (let i = 0; i < itemCount; i++, next++)
        if (columns.y[i] !== this.expected[next]) throw new Error(`item ${next} of ${this.tenant} came out wrong`);
    }
    if (next !== this.seed.length) throw new Error(`${this.tenant} got ${next} of ${this.seed.length} items`);
    return handle.result;
  }
}

/** What the steady tenant saw in a window. */
interface Seen {
  readonly jobsPerS: number;
  readonly waitsMs: readonly number[];
}

/** Submits at its rate, as far as what is on its way allows: who has to wait for long gets less done. */
async function steady(work: Work): Promise<Seen> {
  const waitsMs: number[] = [];
  const running = new Set<Promise<void>>();
  const startMs = performance.now();
  let done = 0;
  for (let submitted = 0; performance.now() - startMs < WINDOW_MS;) {
    const due = ((performance.now() - startMs) / 1e3) * STEADY.jobsPerS;
    for (; submitted < due && running.size < STEADY.inFlight; submitted++) {
      const job = work.run().then(({ queuedNs }) => {
        if (performance.now() - startMs < WINDOW_MS) done++;
        waitsMs.push(queuedNs / 1e6);
      });
      running.add(job);
      job.then(
        () => running.delete(job),
        () => undefined, // it stays, and is thrown at the end
      );
    }
    await pause(1);
  }
  await Promise.all(running);
  return { jobsPerS: done / (WINDOW_MS / 1e3), waitsMs };
}

/** Runs `work` while another tenant floods the device. */
async function flooded<T>(flood: Work, work: () => Promise<T>): Promise<T> {
  let isOver = false;
  const callers = Array.from({ length: FLOOD.inFlight }, async () => {
    while (!isOver) await flood.run();
  });
  try {
    await pause(100); // its queue is full by then
    return await work();
  } finally {
    isOver = true;
    await Promise.all(callers);
  }
}

async function measure(bridge: GpuBridge, note: (line: string) => void): Promise<readonly Figure[]> {
  const kernel = bridge.getKernel(spin);
  const work = new Work(kernel, 'steady', STEADY.items);
  const flood = new Work(kernel, 'flood', FLOOD.items);
  for (let i = 0; i < 50; i++) await work.run();
  note(
    `${ROUNDS} rounds of ${WINDOW_MS} ms alone and ${WINDOW_MS} ms under ${FLOOD.inFlight} jobs of another tenant, in turns`,
  );
  const alone: Seen[] = [];
  const under: Seen[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await steady(work));
    under.push(await flooded(flood, () => steady(work)));
  }
  const p95 = (id: string, seen: readonly Seen[]): Figure =>
    median(
      id,
      'ms',
      seen.map(({ waitsMs }) => percentile(waitsMs, 95)),
      seen.reduce((sum, { waitsMs }) => sum + waitsMs.length, 0),
    );
  return [
    median(
      'tenants.steady_throughput_share',
      'x',
      under.map(({ jobsPerS }, i) => jobsPerS / alone[i]!.jobsPerS),
    ),
    p95('tenants.wait_p95_alone_ms', alone),
    p95('tenants.wait_p95_flooded_ms', under),
    median(
      'tenants.steady_jobs_per_s',
      'jobs/s',
      under.map(({ jobsPerS }) => jobsPerS),
    ),
  ];
}

/** A tenant that wants less than its share, alone and under the flood of another one. */
export const tenants: Benchmark = {
  name: 'tenants',
  describe: 'a steady tenant alone and while another one floods the device, in turns',
  // One core is left to callers: what the device's workers take from them is not what is measured.
  run: (note) =>
    withSilo({ kernels: [spin], cpu: { workers: Math.max(1, availableParallelism() - 1) } }, (bridge) =>
      measure(bridge, note),
    ),
};
