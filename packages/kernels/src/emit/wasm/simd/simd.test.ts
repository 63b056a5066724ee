import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import {
  atomic,
  bool,
  createKernelCompiler,
  f32,
  f64,
  gridKernel,
  helper,
  i32,
  inout,
  input,
  mapKernel,
  output,
  shared,
  sharedAtomic,
  struct,
  u32,
  uniform,
} from '../../../index.js';
import { runKernel } from '../../../testing/argument-block.js';
import { simdForms } from '../../../testing/simd-forms.js';
import type { Arguments, Outcome } from '../../../testing/argument-block.js';

const compiler = createKernelCompiler();

let state = 1;
const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
const pick = <T>(values: readonly T[]): T => values[random() % values.length] as T;
const U32 = [0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 100, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const F32 = [0, -0, 1, -1, 0.5, -1.5, 3.25, 1e-42, 3e9, -3e9, 1e20, NaN, Infinity, -Infinity, 2147483520, 4294967040];
const some = <T>(count: number, values: readonly T[]): T[] => Array.from({ length: count }, () => pick(values));
const u32s = (count: number): number[] => some(count, U32);
const i32s = (count: number): number[] => u32s(count).map((n) => n | 0);
const f32s = (count: number): number[] => some(count, F32).map(Math.fround);
const small = (count: number, below: number): number[] => Array.from({ length: count }, () => random() % below);

/** NaNs are equal; -0 and 0 are not. */
function all(definition: KernelDefinition, args: Arguments): Outcome {
  const scalar = compiler.compile(definition, { simd: 'never' });
  const expected = runKernel(scalar, 'js', args);
  expect(runKernel(scalar, 'wasm', args)).toEqual(expected);
  for (const simd of simdForms(definition, scalar)) expect(runKernel(simd, 'wasm', args)).toEqual(expected);
  expect(expected.canariesIntact).toBe(true);
  return expected;
}

const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 1000];

interface Case {
  readonly title: string;
  readonly kernel: KernelDefinition;
  readonly values: (n: number) => Arguments['values'];
}

const cases: Case[] = [];
const add = (title: string, kernel: KernelDefinition, values: Case['values']): void => {
  cases.push({ title, kernel, values });
};

add(
  'adds arrays that end before the ids do',
  gridKernel('test/add', { params: { a: input(f32), b: input(f32), c: output(f32) } }, (k, { a, b, c }) => {
    const i = k.global.x;
    c[i] = a[i]! + b[i + 2]!;
  }),
  (n) => ({ a: f32s(n), b: f32s(n), c: Math.max(0, n - 3) }),
);
add(
  'reads before the first element',
  gridKernel(
    'test/back',
    { params: { a: input(i32), c: output(i32), d: inout(i32), e: inout(i32) } },
    (k, { a, c, d, e }) => {
      const i = k.global.x;
      c[i - 2] = a[i - 3]! - a[i]!;
      d[i + 1]! += a[i - 1]!;
      e[i - 1]! /= a[i]!;
    },
  ),
  (n) => ({ a: i32s(n), c: n, d: i32s(n), e: i32s(n) }),
);
add(
  'leaves loops by condition, break and continue, and returns from within',
  gridKernel('test/jumps', { params: { a: input(u32), c: inout(u32) } }, (k, { a, c }) => {
    const i = k.global.x;
    let sum = k.u32(0);
    let n = a[i]! % 50;
    while (n > 0) {
      n--;
      if (n % 3 === 1) continue;
      for (let j = k.u32(0); j < n; j++) {
        if ((j ^ i) === 5) break;
        if (j * n === 36) {
          c[i] = 77;
          return;
        }
        if (j === 2) continue;
        sum += j;
      }
      if (sum > 1000) break;
      sum ^= n;
    }
    do {
      sum += 3;
      if (sum % 7 === 0) continue;
      if (sum % 11 === 0) break;
    } while (sum % 5 !== 0);
    c[i] = sum;
  }),
  (n) => ({ a: u32s(n), c: u32s(n) }),
);
add(
  'gathers and scatters, with indexes outside',
  gridKernel(
    'test/gather',
    { params: { at: input(u32), a: input(f32), c: output(f32), d: inout(i32) } },
    (k, { at, a, c, d }) => {
      const i = k.global.x;
      const j = at[i]!;
      c[i] = a[j]! + (j > 3 ? a[j - 3]! : a[at[j]!]!);
      if (a[j]! > 0 && at[j + 1]! < 5) d[i * 2] = k.i32(j) - 1;
      else d[i * 2 + 1]! *= 3;
    },
  ),
  (n) => ({ at: small(n, n + 2), a: f32s(n), c: n, d: i32s(2 * n) }),
);
add(
  'stores under masks, also where lanes meet at one element',
  gridKernel('test/masked', { params: { a: input(u32), c: inout(u32), last: inout(u32) } }, (k, { a, c, last }) => {
    const i = k.global.x;
    if (a[i]! > 7) c[i] = i;
    else if (a[i]! !== 2) c[i]! -= 5;
    if (i === 6) last[0] = a[i]!;
    if (a[0] === a[1]) last[1] = 3;
    last[2] = 4;
    last[i & 1] = a[i]!;
  }),
  (n) => ({ a: u32s(n), c: u32s(n), last: [1, 2, 3, 4, 5] }),
);
const root = helper('root', { args: { x: f32, n: u32 }, returns: f32 }, (k, { x, n }) => {
  if (x < 0) return -1;
  let y = x;
  for (let i = k.u32(0); i < n; i++) {
    if (y < 1) return y;
    y = y * 0.5;
    if (y > 100) continue;
    if (i === 3) return y + 1;
  }
  return y;
});
const split = helper(
  'split',
  { args: { x: i32, by: i32 }, returns: struct({ quotient: i32, rest: i32 }) },
  (k, { x, by }) => {
    if (by === 3) return { quotient: 0, rest: x };
    return { quotient: x / by, rest: x % by };
  },
);
add(
  'calls helpers that return early',
  gridKernel(
    'test/helpers',
    { params: { a: input(f32), b: input(i32), c: output(f32), d: output(i32) }, uses: { root, split } },
    (k, { a, b, c, d }) => {
      const i = k.global.x;
      c[i] = k.uses.root({ x: a[i]!, n: i % 9 }) + k.uses.root({ x: 50, n: 4 });
      if (b[i]! > -2) {
        const r = k.uses.split({ x: b[i]!, by: b[i + 1]! });
        d[i] = r.quotient ^ r.rest;
      }
    },
  ),
  (n) => ({ a: f32s(n), b: i32s(n), c: n, d: n }),
);
add(
  'divides and shifts by anything',
  gridKernel(
    'test/integers',
    { params: { a: input(i32), b: input(u32), c: output(i32), d: output(u32), e: output(u32) } },
    (k, { a, b, c, d, e }) => {
      const i = k.global.x;
      const x = a[i]!;
      const y = b[i]!;
      c[i] = (x / a[i + 1]!) ^ (x % a[i + 1]!) ^ (x / -1) ^ (x % 0) ^ (x / 7) ^ (x >> 3) ^ (x << k.i32(y)) ^ (x >>> 5);
      d[i] = (y / b[i + 1]!) ^ (y % b[i + 1]!) ^ (y / 8) ^ (y % 16) ^ (y / 10) ^ (y >> b[i + 1]!) ^ (y << 33);
      e[i] = k.popcount(y) + k.clz(y) * 33 + k.ctz(y) * 7 + k.min(y, 5) + k.max(y, 7) + k.u32(k.abs(x)) + k.u32(~x) * 3;
    },
  ),
  (n) => ({ a: i32s(n), b: u32s(n), c: n, d: n, e: n }),
);
add(
  'does with floats what the language says',
  gridKernel(
    'test/floats',
    { params: { a: input(f32), b: input(f32), c: output(f32), d: output(i32), e: output(u32), f: output(f32) } },
    (k, { a, b, c, d, e, f }) => {
      const i = k.global.x;
      const x = a[i]!;
      const y = b[i]!;
      c[i] = k.min(x, y) + k.max(x, y) * k.sqrt(x) - k.abs(y) / k.floor(x) + k.ceil(y) * k.trunc(x);
      d[i] = k.i32(x) + k.i32(k.bitcast('i32', y));
      e[i] = k.u32(x) ^ k.u32(1 / k.min(x, y) > 0) ^ k.bitcast('u32', k.f32(k.u32(y)));
      f[i] = k.f32(k.u32(k.i32(y))) + k.f32(k.i32(x)) + k.f32(x < y) * -x;
    },
  ),
  (n) => ({ a: f32s(n), b: f32s(n), c: n, d: n, e: n, f: n }),
);
add(
  'keeps truth in masks',
  gridKernel(
    'test/bools',
    { params: { a: input(bool), b: input(u32), t: uniform(bool), c: output(bool), d: inout(bool), e: inout(bool) } },
    (k, { a, b, t, c, d, e }) => {
      const i = k.global.x;
      let flag = a[i]!;
      if (b[i]! > 5) flag = !flag;
      const other = k.bool(b[i]!) === flag;
      c[i] = (other && t) || (b[i]! > 7 !== flag && a[i + 1]!) || k.select(flag, t, other);
      if (other) d[i] = flag;
      if (t && flag) e[i + 1] = t;
    },
  ),
  (n) => ({
    a: small(n, 2).map(Boolean),
    b: u32s(n),
    t: n % 2 === 0,
    c: n,
    d: small(n, 2).map(Boolean),
    e: small(n, 2).map(Boolean),
  }),
);
add(
  'assigns in expressions',
  gridKernel('test/sequences', { params: { a: input(u32), c: output(u32) } }, (k, { a, c }) => {
    const i = k.global.x;
    let x = a[i]! % 17;
    let y = k.u32(1);
    const z = x + (x > 4 ? ((y = x * 2), (x = 3), y) : ((y += 9), x)) * x;
    c[i] = x > 2 && ((x = y), y > 3) ? x + z : (y++, x ^ y ^ z);
  }),
  (n) => ({ a: u32s(n), c: n }),
);
add(
  'counts in atomics',
  gridKernel(
    'test/atomics',
    { params: { a: input(u32), bins: atomic(u32), low: atomic(i32), old: output(u32) } },
    (k, { a, bins, low, old }) => {
      const i = k.global.x;
      k.atomicAdd(bins, a[i]! % 6, i);
      if (a[i]! > 7) k.atomicMin(low, i & 1, k.i32(a[i]!));
      old[i] = i % 3 === 0 ? (k.atomicMax(low, 2, k.i32(i)) === 99 ? 1 : 2) : 0;
    },
  ),
  (n) => ({ a: u32s(n), bins: 5, low: 3, old: n }),
);
add(
  'works on the items of a batch',
  mapKernel(
    'test/items',
    {
      params: {
        a: input(struct({ x: f32, ok: bool })),
        s: uniform(f32),
        c: output(struct({ y: f32, z: u32, w: bool })),
      },
    },
    (k, { a, s, c }) => {
      c.z = 0;
      c.w = a.ok;
      if (a.ok) {
        c.y = a.x * s;
        return;
      }
      c.y = s;
      for (let i = k.u32(0); k.f32(i) < a.x && i < 5; i++) c.z = i + k.item;
    },
  ),
  (n) => ({ a: { x: f32s(n), ok: small(n, 2).map(Boolean) }, s: 1.5 }),
);

describe.each(cases)('$title', ({ kernel, values }) => {
  it.each(SIZES)('for %d ids', (size) => {
    state = size + 1;
    const args = { size, values: values(size) };
    all(kernel, args);
    if (size > 6) all(kernel, { ...args, range: [1, size - 3] });
  });
});

describe('ids in two and three dimensions', () => {
  const kernel = gridKernel('test/places', { params: { c: output(u32), a: input(u32) } }, (k, { c, a }) => {
    const { x, y, z } = k.global;
    const at = x + k.globalSize.x * (y + k.globalSize.y * z);
    c[at] = x * 10_000 + y * 100 + z + a[y]! + a[x + y]!;
  });
  it.each([
    [1, 1, 1],
    [3, 5, 2],
    [4, 4, 4],
    [9, 7, 1],
    [17, 3, 5],
    [64, 2, 1],
  ] as const)('%d x %d x %d', (x, y, z) => {
    const total = x * y * z;
    all(kernel, { size: [x, y, z], values: { c: total, a: u32s(total) } });
    for (const range of [
      [0, 1],
      [total >> 1, total - (total >> 1)],
      [total >> 2, total >> 1],
    ] as const)
      all(kernel, { size: [x, y, z], values: { c: total, a: u32s(total) }, range });
  });
});

describe('workgroups', () => {
  const reduce = gridKernel(
    'test/reduce',
    {
      params: { x: input(f32), out: output(f32), bins: atomic(u32) },
      workgroup: 32,
      shared: { tile: shared(f32, 32), counts: sharedAtomic(u32, 4) },
      grid: 'full-groups',
    },
    (k, { x, out, bins, tile, counts }) => {
      const l = k.local.x;
      tile[l] = k.inRange ? x[k.global.x]! : 0;
      const mine = tile[l] * 2;
      k.atomicAdd(counts, l & 3, 1);
      k.barrier();
      for (let s = k.u32(16); s > 0; s >>= 1) {
        if (l < s) tile[l] += tile[l + s]!;
        k.barrier();
      }
      if (mine > tile[0]!) k.atomicAdd(bins, k.u32(mine) & 3, k.atomicLoad(counts, 0));
      if (l === 0) out[k.group.x] = tile[0]!;
    },
  );
  it.each([0, 1, 31, 32, 33, 64, 100])('reduce %d ids', (size) => {
    state = size;
    const groups = Math.ceil(size / 32);
    const values = { x: small(size, 1000).map((n) => n / 8), out: groups, bins: 3 };
    all(reduce, { size, values });
  });

  const blur = gridKernel(
    'test/blur',
    {
      params: { a: input(i32), c: output(i32) },
      workgroup: [6, 4],
      shared: { tile: shared(i32, 24) },
      grid: 'full-groups',
    },
    (k, { a, c, tile }) => {
      const { x, y } = k.local;
      const at = k.global.y * k.globalSize.x + k.global.x;
      const kept = k.inRange ? a[at]! : -1;
      tile[y * 6 + x] = kept;
      k.barrier();
      if (!k.inRange) return;
      let sum = kept;
      if (x > 0) sum += tile[y * 6 + x - 1]!;
      if (x < 5) sum += tile[y * 6 + x + 1]!;
      sum -= tile[x * 4 + y]!;
      c[at] = sum;
    },
  );
  const exact = gridKernel(
    'test/exact',
    { params: { a: input(i32), c: output(i32) }, workgroup: [8, 2] },
    (k, { a, c }) => {
      const at = k.global.y * k.globalSize.x + k.global.x;
      c[at] = a[at]! * k.i32(k.local.x + 10 * k.group.x + 100 * k.local.y);
    },
  );
  it.each([
    [1, 1],
    [6, 4],
    [7, 5],
    [13, 9],
    [20, 1],
  ] as const)('of two dimensions over %d x %d', (x, y) => {
    const values = { a: i32s(x * y), c: x * y };
    all(blur, { size: [x, y, 1], values });
    all(exact, { size: [x, y, 1], values });
  });
});

describe('the form that is chosen', () => {
  const wasm = (definition: KernelDefinition, simd: 'auto' | 'never' | 'always'): string => {
    const { artifacts } = compiler.compile(definition, { simd });
    const found = artifacts.find((a) => a.target === 'wasm');
    return found?.target === 'wasm' ? String(found.bytes) : '';
  };

  it('is SIMD where ids do arithmetic on neighbours, also in loops that they leave one by one', () => {
    const stream = gridKernel('test/stream', { params: { a: input(f32), c: output(f32) } }, (k, { a, c }) => {
      const i = k.global.x;
      c[i] = a[i]! * 3;
    });
    const escape = gridKernel('test/escape', { params: { a: input(f32), c: output(u32) } }, (k, { a, c }) => {
      const i = k.global.x;
      let x = a[i]!;
      let n = k.u32(0);
      while (n < 256 && x * x < 4) {
        x = x * x + 0.3;
        n++;
      }
      c[i] = n;
    });
    for (const kernel of [stream, escape]) expect(wasm(kernel, 'auto')).toBe(wasm(kernel, 'always'));
  });

  it('is scalar where they follow indexes through memory in such loops, or have no SIMD form', () => {
    const common = gridKernel(
      'test/common',
      { params: { row: input(u32, { indexes: 'col', inclusive: true }), col: input(u32), c: output(u32) } },
      (k, { row, col, c }) => {
        const u = k.global.x;
        let p = row[u]!;
        let q = row[u + 1]!;
        let found = k.u32(0);
        while (p < row[u + 1]! && q < row[u + 2]!) {
          const a = col[p]!;
          const b = col[q]!;
          if (a === b) found++;
          if (a <= b) p++;
          if (b <= a) q++;
        }
        c[u] = found;
      },
    );
    const wide = gridKernel('test/f64', { params: { a: input(f64), c: output(f64) } }, (k, { a, c }) => {
      c[k.global.x] = a[k.global.x]! * 3;
    });
    for (const kernel of [common, wide]) expect(wasm(kernel, 'auto')).toBe(wasm(kernel, 'never'));
    expect(wasm(common, 'always')).not.toBe(wasm(common, 'never'));
  });

  it('is refused with a reason where it is asked for and cannot be', () => {
    const kernel = gridKernel('test/wide', { params: { a: input(u32), c: output(u32) } }, (k, { a, c }) => {
      const i = k.global.x;
      c[i] = k.u32(k.u64(a[i]!) * 3n);
    });
    const { artifacts, refused } = compiler.compile(kernel, { simd: 'always' });
    expect(refused).toEqual([
      { target: 'wasm', reason: 'no SIMD form: it has values of 64 bits that differ between ids' },
    ]);
    expect(artifacts.map((a) => a.target)).toEqual(['js']);
  });
});
