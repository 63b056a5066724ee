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

import { array, atomic, gridKernel, helper } from '@gpu-bridge/kernels';

export const histogram = gridKernel(
  'ledger/histogram',
  { params: { account: input(u32), bins: atomic(u32) } },
  (k, { account, bins }) => {
    const i = k.global.x;
    if (i < account.length) k.atomicAdd(bins, account[i]!, 1);
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
