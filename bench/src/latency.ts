import { setTimeout as pause } from 'node:timers/promises';
import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { f32, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { median, percentile } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const ITEMS = 64;
const WARM_UP_CALLS = 30_000;
const WINDOWS = 15;
const CALLS_PER_WINDOW = 4_000;
const ISOLATED_CALLS = 300;

const axpy = mapKernel(
  'bench-axpy',
  { params: { a: uniform(f32), x: input(f32), y: input(f32), z: output(f32) } },
  (k, { a, x, y, z }) => {
    z.value = a * x + y;
  },
);

type Batch = ColumnBatch<{ z: Float32Array }>;

/** Submits one batch, reads its last result and checks all of them; µs. */
type Call = (round: number) => Promise<number>;

/** 64-item batches, one after the other: submission to last result through the public API, results checked. */
export const latency: Benchmark = {
  name: 'latency',
  describe: 'submitBatch of 64 items to last result, sequential and warm; isolated calls beside',
  run: (note) =>
    withSilo({ kernels: [axpy] }, async (bridge, grains) => {
      const kernel = bridge.getKernel(axpy);
      const grain = getBatchGrain(grains, axpy);
      const x = Float32Array.from({ length: ITEMS }, (_, i) => i);
      const y = new Float32Array(ITEMS).fill(1);
      const direct: Call = async (round) => {
        const a = round % 1_000;
        const start = performance.now();
        const handle = await kernel.submitBatch({ a, x, y });
        const batches: Batch[] = [];
        for await (const batch of kernel.readResults(handle)) batches.push(batch);
        const elapsed = performance.now() - start;
        check(batches, a);
        return elapsed * 1e3;
      };
      const viaGrain: Call = async (round) => {
        const a = round % 1_000;
        const start = performance.now();
        const execution = await grain.execute({ a, x, y });
        const batches: Batch[] = [];
        for await (const batch of execution.batches) batches.push(batch);
        const elapsed = performance.now() - start;
        check(batches, a);
        return elapsed * 1e3;
      };
      for (let i = 0; i < WARM_UP_CALLS; i++) await (i % 2 === 0 ? direct(i) : viaGrain(i));
      note(`warm; ${WINDOWS} windows of ${CALLS_PER_WINDOW} calls each, direct and through the grain in turn`);
      const windows = { direct: [] as number[][], grain: [] as number[][] };
      for (let w = 0; w < WINDOWS; w++) {
        windows.direct.push(await window(direct, CALLS_PER_WINDOW));
        windows.grain.push(await window(viaGrain, CALLS_PER_WINDOW));
      }
      const isolated: number[] = [];
      for (let i = 0; i < ISOLATED_CALLS; i++) {
        await pause(2);
        isolated.push(await direct(i));
      }
      const over = (id: string, sets: number[][], p: number): Figure =>
        median(
          id,
          'us',
          sets.map((set) => percentile(set, p)),
          sets.length * CALLS_PER_WINDOW,
        );
      return [
        over('latency.public_p50_us', windows.direct, 50),
        over('latency.public_p99_us', windows.direct, 99),
        over('latency.grain_p50_us', windows.grain, 50),
        over('latency.grain_p99_us', windows.grain, 99),
        median('latency.isolated_p50_us', 'us', isolated),
      ];
    }),
};

async function window(call: Call, calls: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) times.push(await call(i));
  return times;
}

function check(batches: readonly Batch[], a: number): void {
  const results = batches.flatMap(({ columns }) => [...columns.z]);
  if (results.length !== ITEMS) throw new Error(`expected ${ITEMS} results, got ${results.length}`);
  results.forEach((z, i) => {
    if (z !== Math.fround(a * i + 1)) throw new Error(`item ${i} is ${z}, expected ${a * i + 1}`);
  });
}
