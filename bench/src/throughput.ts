import { Caller, total, totalGrain } from './callers.js';
import type { TotalGrain } from './callers.js';
import { onEachDevice } from './devices.js';
import type { MeasuredDevice } from './devices.js';
import { median } from './report.js';
import type { Benchmark } from './report.js';
import { withSilo } from './silo.js';

const PIPELINE = 64;
const BATCH_ITEMS = 64;
const WARM_UP_WINDOWS = 2;
const WINDOWS = 15;
const BATCHES_PER_WINDOW = 16_000;
const CALLS_PER_WINDOW = 64_000;

/** Calls through the batch grain: 64 callers, each of which waits for its results before it calls again. */
export const throughput: Benchmark = {
  name: 'throughput',
  describe: '64-byte items in batches of 64, and single-item calls; 64 in flight through the batch grain',
  run: async (note, device) => {
    const measured = await onEachDevice(device, note, measure);
    return (['items', 'calls'] as const).flatMap((unit) => {
      const id = `throughput.${unit}_per_s`;
      const figures = [...measured].map(([on, rates]) => median(`${id}.${on}`, `${unit}/s`, rates[unit]));
      const best = figures.reduce((a, b) => (b.value > a.value ? b : a));
      return [{ ...best, id }, ...figures];
    });
  },
};

/** Per second, by window. */
interface Rates {
  readonly items: number[];
  readonly calls: number[];
}

function measure({ options }: MeasuredDevice): Promise<Rates> {
  return withSilo({ ...options, kernels: [total] }, async (_, grains) => {
    const grain = totalGrain(grains);
    const batches = Array.from({ length: PIPELINE }, (_, n) => new Caller(n, BATCH_ITEMS));
    const singles = Array.from({ length: PIPELINE }, (_, n) => new Caller(n, 1));
    const rates: Rates = { items: [], calls: [] };
    for (let w = -WARM_UP_WINDOWS; w < WINDOWS; w++) {
      const items = (await callsPerSecond(grain, batches, BATCHES_PER_WINDOW)) * BATCH_ITEMS;
      const calls = await callsPerSecond(grain, singles, CALLS_PER_WINDOW);
      if (w < 0) continue;
      rates.items.push(items);
      rates.calls.push(calls);
    }
    return rates;
  });
}

/** Calls of all callers together, per second. */
async function callsPerSecond(grain: TotalGrain, callers: readonly Caller[], calls: number): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    callers.map(async (caller) => {
      while (next < calls) await caller.call(grain, next++);
    }),
  );
  return (calls * 1_000) / (performance.now() - start);
}
