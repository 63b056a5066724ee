import { gridKernel, inout, input, mapKernel, output, u32, uniform } from '@gpu-bridge/kernels';
import type { ColumnBatch, RaggedOutput } from '@gpu-bridge/abstractions';
import type { SeededRandom } from '@gpu-bridge/testkit';
import { histogram, pick, unfold } from '../support/kernels.js';

/** Joined with others into one slot. */
const double = mapKernel('sim/double', { params: { x: input(u32), y: output(u32) } }, (_k, { x, y }) => {
  y.value = x * 2 + 1;
});
/** Sees its index, so it is never joined. */
const stamp = mapKernel(
  'sim/stamp',
  { params: { by: uniform(u32), x: input(u32), y: output(u32) } },
  (k, { by, x, y }) => {
    y.value = x + k.item * by;
  },
);
/** Changes an array: what ran half must not run twice on it. */
const grow = gridKernel('sim/grow', { params: { by: uniform(u32), cells: inout(u32) } }, (k, { by, cells }) => {
  const i = k.global.x;
  cells[i] = cells[i]! * 3 + by;
});

export const simKernels = [double, stamp, grow, unfold, pick, histogram];

/** One job as the simulation submits it, and what must come back. */
export interface JobPlan {
  readonly kernel: string;
  readonly items: Record<string, unknown>;
  /** Grid kernels only. */
  readonly launch?: { readonly globalSize: readonly number[]; readonly sizes?: Record<string, number> };
  readonly itemCount: number;
  /** The whole result, as plain numbers, in item order. */
  readonly expected: readonly unknown[];
  /** Takes a batch apart the same way. */
  readonly flatten: (batch: ColumnBatch<Record<string, unknown>>) => readonly unknown[];
  /** Index of the item that leaves its list: the job must fail when that item has run. */
  readonly violates?: number;
}

export function planJob(random: SeededRandom): JobPlan {
  const kind = random.below(10);
  const itemCount = random.below(3) === 0 ? 200 + random.below(1_500) : 1 + random.below(6);
  const x = Uint32Array.from({ length: itemCount }, () => random.below(1_000));
  if (kind < 4) {
    return {
      kernel: 'sim/double',
      items: { x },
      itemCount,
      expected: [...x].map((v) => v * 2 + 1),
      flatten: column('y'),
    };
  }
  if (kind < 6) {
    const by = random.below(3);
    const expected = [...x].map((v, i) => v + i * by);
    return { kernel: 'sim/stamp', items: { by, x }, itemCount, expected, flatten: column('y') };
  }
  if (kind === 6) return planUnfold(random, Math.min(itemCount, 300));
  if (kind === 7) return planPick(random, Math.min(itemCount, 20));
  const launch = { globalSize: [itemCount] };
  if (kind === 8) {
    const bins = 1 + random.below(9);
    const expected = new Array<number>(bins).fill(0);
    for (const v of x) expected[v % bins]!++;
    return {
      kernel: 'histogram',
      items: { x },
      launch: { ...launch, sizes: { bins } },
      itemCount,
      expected,
      flatten: column('bins'),
    };
  }
  const by = random.below(5);
  const expected = [...x].map((v) => v * 3 + by);
  return { kernel: 'sim/grow', items: { by, cells: x }, launch, itemCount, expected, flatten: column('cells') };
}

function planUnfold(random: SeededRandom, itemCount: number): JobPlan {
  const lists = random.list(itemCount, () => random.list(random.below(4), () => random.below(1_000)));
  const items = { list: { offsets: offsetsOf(lists), columns: { value: Uint32Array.from(lists.flat()) } } };
  const expected = lists.map((list) => [...list].reverse().flatMap((v) => [v, v]));
  return { kernel: 'unfold', items, itemCount, expected, flatten: listsOf('out') };
}

function planPick(random: SeededRandom, itemCount: number): JobPlan {
  const lists = random.list(itemCount, () => random.list(1 + random.below(4), () => random.below(1_000)));
  const at = Uint32Array.from(lists, (list) => random.below(list.length));
  const items = { list: { offsets: offsetsOf(lists), columns: { v: Uint32Array.from(lists.flat()) } }, at };
  const expected = lists.map((list, i) => list[at[i]!]!);
  const plan = { kernel: 'pick', items, itemCount, expected, flatten: column('out') };
  if (random.below(4) !== 0) return plan;
  const violates = random.below(itemCount);
  at[violates] = 1_000_000;
  return { ...plan, violates };
}

function offsetsOf(lists: readonly (readonly number[])[]): Uint32Array {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => (offsets[i + 1] = offsets[i]! + list.length));
  return offsets;
}

function column(name: string): JobPlan['flatten'] {
  return ({ columns }) => [...(columns[name] as Uint32Array)];
}

function listsOf(name: string): JobPlan['flatten'] {
  return ({ columns, itemCount }) => {
    const lists = columns[name] as RaggedOutput<Uint32Array>;
    return Array.from({ length: itemCount }, (_, i) => [
      ...lists.columns.subarray(lists.start(i), lists.start(i) + lists.counts[i]!),
    ]);
  };
}
