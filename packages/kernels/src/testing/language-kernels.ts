/** Kernels with helpers of several results, bundles of columns and constants, for tests of every front end. */
import {
  columns,
  constant,
  gridKernel,
  helper,
  i64,
  inout,
  input,
  mapKernel,
  mutableColumns,
  output,
  ragged,
  struct,
  u32,
} from '../index.js';

const Line = struct({ amount: i64, account: u32 });

const divmod = helper('divmod', { args: { a: u32, b: u32 }, returns: struct({ q: u32, r: u32 }) }, (_k, { a, b }) => ({
  q: a / b,
  r: a % b,
}));

export const digits = mapKernel(
  'test/digits',
  {
    params: { n: input(u32), sum: output(u32) },
    uses: { divmod },
    constants: { BASE: constant(u32, 10), ALTERNATE: constant(u32, 0) },
  },
  (k, { n, sum }) => {
    let rest = n;
    let total = k.u32(0);
    let odd = false;
    while (rest > 0) {
      const { q, r } = k.uses.divmod({ a: rest, b: k.constants.BASE });
      total = k.constants.ALTERNATE === 1 && odd ? total + 2 * r : total + r;
      odd = !odd;
      rest = q;
    }
    sum.value = total;
  },
);

const total = helper('total', { args: { lines: columns(Line) }, returns: i64 }, (k, { lines }) => {
  let sum = k.i64(0);
  for (let i = k.u32(0); i < lines.length; i++) sum += lines.amount[i]!;
  return sum;
});
const negate = helper('negate', { args: { lines: mutableColumns(Line), from: u32 } }, (_k, { lines, from }) => {
  for (let i = from; i < lines.length; i++) {
    lines.amount[i] = -lines.amount[i]!;
    lines.account[i]! += 1;
  }
});
/** Passes its own bundle on. */
const twice = helper(
  'twice',
  { args: { lines: columns(Line) }, returns: i64, uses: { total } },
  (k, { lines }) => k.uses.total({ lines }) * 2n,
);

export const bundled = mapKernel(
  'test/bundled',
  {
    params: {
      lines: input(ragged(Line)),
      copy: output(ragged(Line, { max: [1, 0] })),
      sums: output(struct({ a: i64, b: i64 })),
    },
    uses: { total, twice, negate },
  },
  (k, { lines, copy, sums }) => {
    for (let i = k.u32(0); i < lines.length; i++) copy.push({ amount: lines.amount[i]!, account: lines.account[i]! });
    k.uses.negate({ lines: copy, from: 1 });
    sums.a = k.uses.twice({ lines });
    sums.b = k.uses.total({ lines: copy });
  },
);

export const whole = gridKernel(
  'test/whole',
  { params: { lines: inout(Line), sums: output(i64) }, uses: { total, negate } },
  (k, { lines, sums }) => {
    sums[k.global.x] = k.uses.total({ lines });
    k.uses.negate({ lines, from: 2 });
  },
);

/** Branches that return. */
const order = helper(
  'order',
  { args: { a: u32, b: u32 }, returns: struct({ low: u32, high: u32 }), uses: { divmod } },
  (k, { a, b }) => {
    if (a === 0) return { low: a, high: b };
    if (a > b) return { high: a, low: b };
    const { q, r } = k.uses.divmod({ a, b: 3 });
    if (q > 2) {
      return { low: q, high: r };
    }
    return { low: r + q, high: b };
  },
);
export const ordered = mapKernel(
  'test/ordered',
  { params: { n: input(u32), sum: output(u32) }, uses: { order } },
  (k, { n, sum }) => {
    const first = k.uses.order({ a: n, b: 7 });
    const second = k.uses.order({ a: first.low, b: first.high });
    if (n === 3) {
      sum.value = second.low;
      return;
    }
    const third = k.uses.order({ a: n, b: 1 });
    sum.value = third.high;
  },
);
