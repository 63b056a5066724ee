/** Kernels shared by several tests: one for each main shape of the language. */
import {
  array,
  constant,
  f64,
  helper,
  i64,
  input,
  mapKernel,
  mutableArray,
  output,
  ragged,
  scratch,
  struct,
  u32,
  uniform,
} from '../index.js';

const Line = struct({ amount: i64, account: u32 });

/** Scalars, struct fields, ragged sums. */
export const totals = mapKernel(
  'test/totals',
  {
    params: {
      lines: input(ragged(Line)),
      rate: uniform(f64),
      total: output(i64),
      stats: output(struct({ count: u32, scaled: f64 })),
    },
  },
  (k, { lines, rate, total, stats }) => {
    let sum = k.i64(0);
    for (let i = k.u32(0); i < lines.length; i++) sum += lines.amount[i]!;
    total.value = sum;
    stats.count = lines.length;
    stats.scaled = k.f64(sum) * rate;
  },
);

/** Sorts line indices by amount in scratch memory and pushes the pairs in order. */
export const sorted = mapKernel(
  'test/sorted',
  {
    params: {
      lines: input(ragged(Line)),
      order: scratch(u32, { max: [1, 0] }),
      flows: output(ragged(struct({ rank: u32, amount: i64 }), { max: [1, 0] })),
    },
  },
  (k, { lines, order, flows }) => {
    for (let i = k.u32(0); i < lines.length; i++) {
      const key = lines.amount[i]!;
      let j = i;
      while (j > 0 && lines.amount[order[j - 1]!]! > key) {
        order[j] = order[j - 1]!;
        j--;
      }
      order[j] = i;
    }
    for (let i = k.u32(0); i < lines.length; i++) flows.push({ rank: i, amount: lines.amount.get(order[i]!) });
  },
);

const sumOf = helper('sumOf', { args: { xs: array(u32), from: u32 }, returns: u32 }, (k, { xs, from }) => {
  let sum = k.u32(0);
  for (let i = from; i < xs.length; i++) sum += xs[i]!;
  return sum;
});

const fill = helper('fill', { args: { xs: mutableArray(u32), value: u32 } }, (k, { xs, value }) => {
  for (let i = k.u32(0); i < xs.length; i++) xs[i] = value + i;
});

/** Helpers over scratch and list columns. */
export const helped = mapKernel(
  'test/helped',
  {
    params: {
      values: input(ragged(u32)),
      work: scratch(u32, { max: [2, 3] }),
      result: output(struct({ plain: u32, filled: u32 })),
    },
    constants: { BASE: constant(u32, 5) },
    uses: { sumOf, fill },
  },
  (k, p) => {
    k.uses.fill({ xs: p.work, value: k.constants.BASE });
    p.result.plain = k.uses.sumOf({ xs: p.values, from: 0 });
    p.result.filled = k.uses.sumOf({ xs: p.work, from: 1 });
  },
);
