/** Kernels without workgroups and arguments for them: what every target is compared with the reference on. */
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import {
  array,
  atomic,
  bool,
  f32,
  f64,
  gridKernel,
  helper,
  i32,
  i64,
  inout,
  input,
  mapKernel,
  mutableArray,
  output,
  ragged,
  scratch,
  struct,
  u32,
  u64,
  uniform,
} from '../index.js';
import type { Arguments } from './argument-block.js';
import { helped, sorted, totals } from './sample-kernels.js';

export interface ScalarCase {
  readonly definition: KernelDefinition;
  readonly args: Arguments;
}

const lines = [
  [
    { amount: 5n, account: 1 },
    { amount: -7n, account: 2 },
    { amount: 2n ** 62n, account: 3 },
  ],
  [],
  [{ amount: 1n, account: 9 }],
];

/** What C leaves open and this language does not: which operand comes first, and what an update may see. */
const ordered = gridKernel(
  'test/ordered',
  { params: { a: inout(i32), log: atomic(u32), out: output(struct({ x: i32, y: u32, z: u32 })) } },
  (k, { a, log, out }) => {
    const i = k.global.x;
    let n = k.i32(3);
    out.x[i] = n + (n = n * 2) * n - (n += 5);
    out.y[i] = k.atomicAdd(log, 0, 1) * 10 + k.atomicAdd(log, 0, 1) * 100 + k.atomicLoad(log, 0);
    let j = i;
    while (j < 9 && (j = j + 1) < 8 && k.atomicAdd(log, 1, j) < 20) {
      if (j === 3) continue;
      a[(j += 1)] = k.i32(j);
    }
    do {
      if (k.atomicExchange(log, 2, j) === 5) continue;
      j += 2;
    } while (k.atomicMax(log, 3, j) < 12);
    out.z[i] = j > 5 ? k.atomicAdd(log, 4, 3) : k.atomicAdd(log, 4, 5);
    k.atomicStore(log, 99, 1);
    k.atomicCompareExchange(log, 5, 0, k.atomicAdd(log, 5, i));
  },
);

/** Updates that a run may collect by itself, in arrays below and above the size where it does. */
const collected = gridKernel(
  'test/collected',
  {
    params: {
      x: input(i32),
      few: atomic(i32),
      least: atomic(i64),
      most: atomic(u32),
      ones: atomic(u64),
      some: atomic(u32),
      odd: atomic(i32),
    },
  },
  (k, { x, few, least, most, ones, some, odd }) => {
    const v = x[k.global.x]!;
    const bin = k.u32(v) % 5;
    k.atomicAdd(few, bin, v);
    k.atomicMin(least, bin, k.i64(v));
    k.atomicMax(most, bin, k.u32(v));
    k.atomicOr(ones, bin, k.u64(v));
    k.atomicAnd(some, bin, k.u32(v));
    k.atomicXor(odd, bin + 2, v);
  },
);

const divided = helper(
  'divided',
  { args: { x: u32, by: u32 }, returns: struct({ quotient: u32, rest: u32 }) },
  (k, { x, by }) => ({ quotient: x / by, rest: x % by }),
);
const swap = helper('swap', { args: { xs: mutableArray(u32), ys: array(f32), at: u32 } }, (k, { xs, ys, at }) => {
  const first = xs.get(at);
  xs[at] = xs.get(at + 1);
  xs[at + 1] = first + k.u32(ys.get(at));
});

/** Helpers with two results and with effects, in the middle of expressions. */
const called = mapKernel(
  'test/called',
  {
    params: {
      xs: input(ragged(f32)),
      by: uniform(u32),
      flag: uniform(bool),
      work: scratch(u32, { max: [2, 4] }),
      out: output(struct({ a: u32, b: u32, yes: bool })),
      rows: output(ragged(struct({ n: u32, half: f32 }), { max: [1, 1] })),
    },
    uses: { divided, swap },
  },
  (k, { xs, by, flag, work, out, rows }) => {
    for (let i = k.u32(0); i < work.length; i++) work[i] = i * i + k.item;
    const { quotient, rest } = k.uses.divided({ x: work.get(3), by });
    k.uses.swap({ xs: work, ys: xs, at: rest });
    out.a = quotient + work.get(rest);
    out.b = rows.capacity;
    out.yes = flag !== xs.length > 2;
    for (let i = k.u32(0); i < xs.length + 3; i++) rows.push({ n: rows.length + i, half: xs.get(i) / 2 });
  },
);

/** Functions of f32 and f64 in strict mode: the library of the language, and the instruction for fma. */
const computed = gridKernel(
  'test/computed',
  { params: { x: input(f32), y: input(f64), out: output(struct({ s: f32, d: f64 })) }, fp: 'strict' },
  (k, { x, y, out }) => {
    const i = k.global.x;
    const a = x.get(i);
    const b = y.get(i);
    out.s[i] = k.exp(a) + k.log(a) * k.sin(a) - k.cos(a) + k.pow(a, 0.75) + k.fma(a, a, -a) + k.sqrt(a) / 3;
    out.d[i] = k.exp(b) + k.log(b) * k.sin(b) - k.cos(b) + k.pow(b, 1.25) + k.fma(b, b, -b) + k.sqrt(b) / 3;
  },
);

/** Literals at the ends of their types, and casts of them. */
const literals = gridKernel(
  'test/literals',
  {
    params: {
      out: output(struct({ a: i32, b: u32, c: i64, d: u64, e: f32, f: f64, g: f32, h: f64, i: i32, j: i64 })),
      x: input(f32),
    },
  },
  (k, { out, x }) => {
    const i = k.global.x;
    out.a[i] = -2147483648;
    out.b[i] = 4294967295;
    out.c[i] = -9223372036854775808n;
    out.d[i] = 18446744073709551615n;
    out.e[i] = 0.1;
    out.f[i] = -0.0;
    out.g[i] = x[i]! * 1e-45 - -3.4028234663852886e38;
    out.h[i] = -(-k.f64(x[i]!)) - 1e308;
    out.i[i] = -2147483648 - k.i32(x[i]!);
    out.j[i] = (-9223372036854775808n / k.i64(x[i]!)) << 65n;
  },
);

const f32s = [0, -0, 1, -1, 2.5, 1e-40, -3.5e9, 1e30, NaN, Infinity, -Infinity, 0.333];

export const SCALAR_CASES: readonly ScalarCase[] = [
  { definition: totals, args: { size: 3, values: { lines, rate: 0.5 } } },
  { definition: totals, args: { size: 3, values: { lines, rate: -1.5 }, range: [1, 2] } },
  { definition: sorted, args: { size: 3, values: { lines }, group: 1, groups: 2 } },
  { definition: helped, args: { size: 3, values: { values: [[1, 2, 3], [], [7]] } } },
  { definition: ordered, args: { size: 4, values: { a: [1, 2, 3, 4, 5, 6], log: 7, out: 4 } } },
  { definition: collected, args: { size: 300, values: collectedValues(6) } },
  { definition: collected, args: { size: 300, values: collectedValues(5000), range: [17, 200] } },
  {
    definition: called,
    args: { size: 3, values: { xs: [[1.5, 2.5, 3.5], [], [-1, 1e9]], by: 3, flag: true } },
  },
  { definition: computed, args: { size: 12, values: { x: f32s.map(Math.fround), y: f32s, out: 12 } } },
  { definition: literals, args: { size: 12, values: { x: f32s.map(Math.fround), out: 12 } } },
];

function collectedValues(elements: number): Arguments['values'] {
  const x = Array.from({ length: 300 }, (_, i) => Math.imul(i, 0x9e37_79b9) >> (i % 13));
  return { x, few: elements, least: elements, most: elements, ones: elements, some: elements, odd: elements };
}
