import { setTimeout as pause } from 'node:timers/promises';
import { getBatchGrain } from '@gpu-bridge/grains';
import { axpy, check, columns, directCall, window } from './axpy.js';
import type { Batch, Call } from './axpy.js';
import { nativeLatency } from './native-latency.js';
import { median, percentile } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const WARM_UP_CALLS = 30_000;
const WINDOWS = 15;
const CALLS_PER_WINDOW = 4_000;
const ISOLATED_CALLS = 300;

/** 64-item batches, one after the other: submission to last result through the public API, results checked. */
export const latency: Benchmark = {
  name: 'latency',
  describe: 'submitBatch of 64 items to last result, sequential and warm; isolated calls beside',
  run: async (note) => {
    const embedded = await withSilo({ kernels: [axpy] }, async (bridge, grains) => {
      const grain = getBatchGrain(grains, axpy);
      const direct = directCall(bridge);
      const viaGrain: Call = async (round) => {
        const a = round % 1_000;
        const start = performance.now();
        const execution = await grain.execute({ a, ...columns });
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
    });
    return [...embedded, ...(await nativeLatency(note))];
  },
};
