import type { GpuExecutionHints, GrainFactory } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { f64, input, mapKernel, output, struct } from '@gpu-bridge/kernels';

/** 64 bytes. */
const Item = struct({ a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64 });
const FIELDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

/** Adds the fields of each item up. */
export const total = mapKernel(
  'bench-total',
  { params: { item: input(Item), sum: output(f64) } },
  (_k, { item, sum }) => {
    sum.value = item.a + item.b + item.c + item.d + item.e + item.f + item.g + item.h;
  },
);

export type TotalGrain = ReturnType<typeof totalGrain>;
export function totalGrain(grains: GrainFactory) {
  return getBatchGrain(grains, total);
}

/** A caller that keeps one call in flight: its columns, and what it expects of them. */
export class Caller {
  private readonly item: Readonly<Record<(typeof FIELDS)[number], Float64Array>>;
  /** Sum of all fields but the first, by item; integers, so that sums are exact. */
  private readonly rest: Float64Array;

  constructor(
    number: number,
    readonly items: number,
    private readonly hints?: GpuExecutionHints,
  ) {
    const columns = FIELDS.map((_, field) =>
      Float64Array.from({ length: items }, (_, i) => number * 1_000 + field * 100 + i),
    );
    this.item = Object.fromEntries(FIELDS.map((name, field) => [name, columns[field]!])) as typeof this.item;
    this.rest = Float64Array.from({ length: items }, (_, i) =>
      columns.slice(1).reduce((sum, values) => sum + values[i]!, 0),
    );
  }

  /**
   * Calls with data that differ from round to round, reads all results and checks each.
   *
   * @throws WrongAnswer when a result is wrong, is missing or comes twice; else what the call throws.
   */
  async call(grain: TotalGrain, round: number): Promise<void> {
    const { item, rest, items, hints } = this;
    item.a.fill(round);
    const execution = await grain.execute({ item }, hints);
    let seen = 0;
    for await (const { columns } of execution.batches) {
      const { sum } = columns;
      for (let i = 0; i < sum.length; i++, seen++) {
        if (sum[i] !== rest[seen]! + round)
          throw new WrongAnswer(`item ${seen} is ${sum[i]}, not ${rest[seen]! + round}`);
      }
    }
    if (seen !== items) throw new WrongAnswer(`${seen} results of ${items}`);
  }
}

export class WrongAnswer extends Error {}
