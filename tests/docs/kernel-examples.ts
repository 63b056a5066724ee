// The examples of docs/KERNELS.md, in its order; a test holds the two together.
import { createKernelCompiler, f32, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';

export const scale = mapKernel(
  'guide/scale',
  { params: { a: uniform(f32), x: input(f32), y: output(f32) } },
  (k, { a, x, y }) => {
    y.value = a * x;
  },
);

const { descriptor, artifacts } = createKernelCompiler().compile(scale);

export { artifacts, descriptor };

import { f64, i64, ragged, scratch, struct, u32 } from '@gpu-bridge/kernels';

const Line = struct({ amount: i64, account: u32 });

export const totals = mapKernel(
  'guide/totals',
  { params: { lines: input(ragged(Line)), rate: uniform(f64), total: output(i64), scaled: output(f64) } },
  (k, { lines, rate, total, scaled }) => {
    let sum = k.i64(0);
    for (let i = k.u32(0); i < lines.length; i++) sum += lines.amount[i]!;
    total.value = sum;
    scaled.value = k.f64(sum) * rate;
  },
);

export const credits = mapKernel(
  'guide/credits',
  {
    params: {
      lines: input(ragged(Line)),
      found: output(ragged(Line, { max: [1, 0] })),
      seen: scratch(u32, { max: [1, 0] }),
    },
  },
  (k, { lines, found, seen }) => {
    let accounts = k.u32(0);
    for (let i = k.u32(0); i < lines.length; i++) {
      if (lines.amount[i]! >= 0n) continue;
      let isNew = true;
      for (let j = k.u32(0); j < accounts; j++) if (seen[j]! === lines.account[i]!) isNew = false;
      if (!isNew) continue;
      seen[accounts] = lines.account[i]!;
      accounts++;
      found.push({ amount: lines.amount[i]!, account: lines.account[i]! });
    }
  },
);

import { atomic, gridKernel } from '@gpu-bridge/kernels';

export const histogram = gridKernel(
  'guide/histogram',
  { params: { account: input(u32), bins: atomic(u32) } },
  (k, { account, bins }) => {
    k.atomicAdd(bins, account[k.global.x]!, 1);
  },
);

export const degrees = gridKernel(
  'guide/degrees',
  {
    params: {
      row: input(u32, { indexes: 'col', inclusive: true }),
      col: input(u32, { indexes: 'weight' }),
      weight: input(f32),
      out: output(f32),
    },
  },
  (k, { row, col, weight, out }) => {
    const u = k.global.x;
    let sum = k.f32(0);
    for (let e = row[u]!; e < row[u + 1]!; e++) sum += weight[col[e]!]!;
    out[u] = sum;
  },
);

import { shared } from '@gpu-bridge/kernels';

export const blockSum = gridKernel(
  'guide/block-sum',
  {
    params: { x: input(f32), out: output(f32) },
    workgroup: 256,
    shared: { tile: shared(f32, 256) },
    grid: 'full-groups',
  },
  (k, { x, out, tile }) => {
    const l = k.local.x;
    tile[l] = k.inRange ? x.get(k.global.x) : 0;
    k.barrier();
    for (let s = k.u32(128); s > 0; s >>= 1) {
      if (l < s) tile[l] += tile[l + s]!;
      k.barrier();
    }
    if (l === 0) out[k.group.x] = tile[0]!;
  },
);

import { columns, helper } from '@gpu-bridge/kernels';

const Range = struct({ low: i64, high: i64 });

const rangeOf = helper('range_of', { args: { lines: columns(Line) }, returns: Range }, (k, { lines }) => {
  let low = k.i64(0);
  let high = k.i64(0);
  for (let i = k.u32(0); i < lines.length; i++) {
    low = k.min(low, lines.amount[i]!);
    high = k.max(high, lines.amount[i]!);
  }
  return { low, high };
});

export const spread = mapKernel(
  'guide/spread',
  { params: { lines: input(ragged(Line)), out: output(i64) }, uses: { rangeOf } },
  (k, { lines, out }) => {
    const { low, high } = k.uses.rangeOf({ lines });
    out.value = high - low;
  },
);

import { constant, specialize } from '@gpu-bridge/kernels';

export const power = mapKernel(
  'guide/power',
  { params: { x: input(f32), y: output(f32) }, constants: { TIMES: constant(u32, 2) } },
  (k, { x, y }) => {
    let product = k.f32(1);
    for (let i = k.u32(0); i < k.constants.TIMES; i++) product *= x;
    y.value = product;
  },
);

export const cube = specialize(power, { TIMES: 3 });

import { philox4x32, unitF32 } from '@gpu-bridge/kernels';

export const walk = mapKernel(
  'guide/walk',
  { params: { seed: uniform(u32), start: input(f32), end: output(f32) }, uses: { philox4x32, unitF32 } },
  (k, { seed, start, end }) => {
    const random = k.uses.philox4x32({ c0: k.item, c1: 0, c2: 0, c3: 0, k0: seed, k1: 0 });
    const u = k.uses.unitF32({ word: random.x });
    const v = k.uses.unitF32({ word: random.y });
    const normal = k.sqrt(-2 * k.log(1 - u)) * k.cos(k.f32(6.2831853) * v);
    end.value = start * k.exp(normal);
  },
);

import { raw } from '@gpu-bridge/kernels';

export const saxpy = raw(
  'guide/saxpy',
  { params: { a: uniform(f32), x: input(f32), y: output(f32) } },
  { cuda: 'y[global_x] = fmaf(a, x[global_x], 1.0f);', opencl: 'y[global_x] = fma(a, x[global_x], 1.0f);' },
);
