import type { GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { f64, input, mapKernel, output, struct } from '@gpu-bridge/kernels';
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

/** 64 bytes. */
const Item = struct({ a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64 });
const FIELDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

const total = mapKernel('bench-total', { params: { item: input(Item), sum: output(f64) } }, (k, { item, sum }) => {
  sum.value = item.a + item.b + item.c + item.d + item.e + item.f + item.g + item.h;
});

/** A caller that keeps one call in flight: its columns, and what it expects of them. */
class Lane {
  private readonly item: Readonly<Record<(typeof FIELDS)[number], Float64Array>>;
  /** Sum of all fields but the first, by item; integers, so that sums are exact. */
  private readonly rest: Float64Array;

  constructor(
    number: number,
    private readonly items: number,
  ) {
    const column = (field: number): Float64Array =>
      Float64Array.from({ length: items }, (_, i) => number * 1_000 + field * 100 + i);
    const columns = FIELDS.map((_, field) => column(field));
    this.item = Object.fromEntries(FIELDS.map((name, field) => [name, columns[field]!])) as typeof this.item;
    this.rest = Float64Array.from({ length: items }, (_, i) =>
      columns.slice(1).reduce((sum, values) => sum + values[i]!, 0),
    );
  }

  /** Calls with data of its own, reads all results and checks each. */
  async call(grain: ReturnType<typeof batchGrain>, round: number): Promise<void> {
    const { item, rest, items } = this;
    item.a.fill(round);
    const execution = await grain.execute({ item });
    let seen = 0;
    for await (const { columns } of execution.batches) {
      const { sum } = columns;
      for (let i = 0; i < sum.length; i++, seen++) {
        if (sum[i] !== rest[seen]! + round)
          throw new Error(`item ${seen} is ${sum[i]}, expected ${rest[seen]! + round}`);
      }
    }
    if (seen !== items) throw new Error(`expected ${items} results, got ${seen}`);
  }
}

function batchGrain(grains: GrainFactory) {
  return getBatchGrain(grains, total);
}

/** Calls through the batch grain: 64 callers, each of which waits for its results before it calls again. */
export const throughput: Benchmark = {
  name: 'throughput',
  describe: '64-byte items in batches of 64, and single-item calls; 64 in flight through the batch grain',
  run: async (note, device) => {
    const measured = await onEachDevice(device, note, measure);
    return ['items', 'calls'].flatMap((unit) => {
      const id = `throughput.${unit}_per_s`;
      const figures = [...measured].map(([on, rates]) =>
        median(`${id}.${on}`, `${unit}/s`, rates[unit as keyof Rates]),
      );
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
    const grain = batchGrain(grains);
    const batches = Array.from({ length: PIPELINE }, (_, n) => new Lane(n, BATCH_ITEMS));
    const singles = Array.from({ length: PIPELINE }, (_, n) => new Lane(n, 1));
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

/** Calls of all lanes together, per second. */
async function callsPerSecond(
  grain: ReturnType<typeof batchGrain>,
  lanes: readonly Lane[],
  calls: number,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    lanes.map(async (lane) => {
      while (next < calls) await lane.call(grain, next++);
    }),
  );
  return (calls * 1_000) / (performance.now() - start);
}
