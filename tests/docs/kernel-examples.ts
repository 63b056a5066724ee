// The examples of docs/KERNELS.md, in its order; a test holds the two together.
// prettier-ignore
import { createKernelCompiler, f64, i64, input, mapKernel, output, ragged, struct, u32, uniform } from '@gpu-bridge/kernels';

const Line = struct({ amount: i64, account: u32 });

export const totals = mapKernel(
  'ledger/totals',
  { params: { lines: input(ragged(Line)), rate: uniform(f64), total: output(i64), scaled: output(f64) } },
  (k, { lines, rate, total, scaled }) => {
    let sum = k.i64(0);
    for (let i = k.u32(0); i < lines.length; i++) sum += lines.amount[i]!;
    total.value = sum;
    scaled.value = k.f64(sum) * rate;
  },
);

const { descriptor, artifacts } = createKernelCompiler().compile(totals);

export { artifacts, descriptor };

import {
  array,
  atomic,
  bool,
  columns,
  constant,
  f32,
  gridKernel,
  helper,
  raw,
  shared,
  specialize,
} from '@gpu-bridge/kernels';

export const histogram = gridKernel(
  'ledger/histogram',
  { params: { account: input(u32), bins: atomic(u32) } },
  (k, { account, bins }) => {
    const i = k.global.x;
    if (i < account.length) k.atomicAdd(bins, account[i]!, 1);
  },
);

export const blockSums = gridKernel(
  'ledger/block-sums',
  {
    params: { x: input(f64), sums: output(f64) },
    workgroup: 64,
    grid: 'full-groups',
    shared: { tile: shared(f64, 64) },
  },
  (k, { x, sums, tile }) => {
    const i = k.local.x;
    tile[i] = k.inRange ? x[k.global.x]! : 0;
    k.barrier();
    for (let half = k.localSize.x / 2; half > 0; half /= 2) {
      if (i < half) tile[i] += tile[i + half]!;
      k.barrier();
    }
    if (i === 0) sums[k.group.x] = tile[0]!;
  },
);

const sum = helper('sum', { args: { xs: array(u32), from: u32 }, returns: u32 }, (k, { xs, from }) => {
  let s = k.u32(0);
  for (let i = from; i < xs.length; i++) s += xs[i]!;
  return s;
});
// in a kernel with `uses: { sum }`:  k.uses.sum({ xs: lines.account, from: 0 })

export const accounts = mapKernel(
  'ledger/accounts',
  { params: { lines: input(ragged(Line)), total: output(u32) }, uses: { sum } },
  (k, { lines, total }) => {
    total.value = k.uses.sum({ xs: lines.account, from: 0 });
  },
);

const extremes = helper(
  'extremes',
  {
    args: { lines: columns(Line) },
    returns: struct({ low: i64, high: i64, empty: bool }),
    constants: { NONE: constant(i64, 0n) },
  },
  (k, { lines }) => {
    if (lines.length === 0) return { low: k.constants.NONE, high: k.constants.NONE, empty: true };
    let low = lines.amount[0]!;
    let high = low;
    for (let i = k.u32(1); i < lines.length; i++) {
      low = k.min(low, lines.amount[i]!);
      high = k.max(high, lines.amount[i]!);
    }
    return { low, high, empty: false };
  },
);

export const spread = mapKernel(
  'ledger/spread',
  { params: { lines: input(ragged(Line)), spread: output(i64) }, uses: { extremes } },
  (k, { lines, spread }) => {
    const { low, high } = k.uses.extremes({ lines });
    spread.value = high - low;
  },
);

const rounds = mapKernel(
  'ledger/rounds',
  {
    params: { x: input(u32), y: output(u32) },
    constants: { ROUNDS: constant(u32, 10), FINAL: constant(bool, false) },
  },
  (k, { x, y }) => {
    let n = x;
    for (let i = k.u32(0); i < k.constants.ROUNDS; i++) n = n * 3 + 1;
    y.value = k.constants.FINAL ? n ^ (n >> 16) : n;
  },
);
export const fewRounds = specialize(rounds, { ROUNDS: 2, FINAL: true });

export const scaled = raw(
  'ledger/scaled',
  { params: { x: input(f32), y: output(f32), factor: uniform(f32) } },
  {
    cuda: 'if (global_x < y_length) y[global_x] = factor * x[global_x];',
    opencl: 'if (global_x < y_length) y[global_x] = factor * x[global_x];',
  },
);
