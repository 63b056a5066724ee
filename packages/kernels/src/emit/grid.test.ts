import { describe, expect, it } from 'vitest';
import {
  atomic,
  createKernelCompiler,
  f32,
  gridKernel,
  i32,
  i64,
  inout,
  input,
  output,
  struct,
  u32,
  u64,
  uniform,
} from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { gridFromText } from '../testing/kernel-from-text.js';

const compiler = createKernelCompiler();

const addArrays = gridKernel(
  'test/add',
  { params: { a: input(f32), b: input(f32), c: output(f32) } },
  (k, { a, b, c }) => {
    const i = k.global.x;
    c[i] = a[i]! + b[i]!;
  },
);

const triangles = gridKernel(
  'test/triangles',
  { params: { row: input(u32, { indexes: 'col', inclusive: true }), col: input(u32), count: atomic(u32) } },
  (k, { row, col, count }) => {
    const u = k.global.x;
    const end = row[u + 1]!;
    let found = k.u32(0);
    for (let e = row[u]!; e < end; e++) {
      const v = col[e]!;
      let p = row[u]!;
      let q = row[v]!;
      const stop = row[v + 1]!;
      while (p < end && q < stop) {
        const a = col[p]!;
        const b = col[q]!;
        if (a === b) found++;
        if (a <= b) p++;
        if (b <= a) q++;
      }
    }
    if (found > 0) k.atomicAdd(count, 0, found);
  },
);

describe.each(['wasm', 'js'] as const)('a grid kernel as %s', (target) => {
  it('adds arrays, in any split of the ids', () => {
    const compiled = compiler.compile(addArrays);
    const values = { a: [1, 2, 3, 4, 5], b: [10, 20, 30, 40, 50], c: 5 };
    expect(runKernel(compiled, target, { size: 5, values }).outputs).toEqual({ c: [11, 22, 33, 44, 55] });
    expect(runKernel(compiled, target, { size: 5, values, range: [2, 2] }).outputs).toEqual({ c: [0, 0, 33, 44, 0] });
    expect(runKernel(compiled, target, { size: 5, values, range: [2, 0] }).outputs).toEqual({ c: [0, 0, 0, 0, 0] });
  });

  it('counts the ids beyond an array as violations', () => {
    const { violations, canariesIntact } = runKernel(compiler.compile(addArrays), target, {
      size: 7,
      values: { a: [1, 2, 3, 4, 5], b: [1, 2, 3, 4, 5], c: 5 },
    });
    expect([violations, canariesIntact]).toEqual([6, true]);
  });

  it('counts reads whose value nobody needs, but evaluates no condition that decides nothing', () => {
    const text = `(k, { a, c }) => {
      const i = k.global.x;
      let unused = a[i];
      if (a[i] > 3) { unused = 1; let y = a[i]; }
      if (a[i] > 3) {}
      c[i] = (a[i] & 0) * k.select(true, 1, a[i]);
    }`;
    const options = { params: { a: input(u32), c: output(u32) } };
    const outcome = runKernel(compiler.compile(gridFromText(options, text)), target, {
      size: 3,
      values: { a: [7], c: 3 },
    });
    expect(outcome).toEqual({ outputs: { c: [0, 0, 0] }, violations: 2 * 4, canariesIntact: true });
  });

  it('counts triangles of a complete graph of four vertices', () => {
    const values = { row: [0, 3, 5, 6, 6], col: [1, 2, 3, 2, 3, 3], count: 1 };
    expect(runKernel(compiler.compile(triangles), target, { size: 4, values })).toMatchObject({
      outputs: { count: [4] },
      violations: 0,
    });
  });

  it('knows its place in three dimensions, from any first id', () => {
    const params = { out: output(struct({ x: u32, y: u32, z: u32, sx: u32, sz: u32 })) };
    const text = `(k, { out }) => {
      const { x, y, z } = k.global;
      const i = x + k.globalSize.x * (y + k.globalSize.y * z);
      out.x[i] = x; out.y[i] = y; out.z[i] = z; out.sx[i] = k.globalSize.x; out.sz[i] = k.globalSize.z;
    }`;
    const compiled = compiler.compile(gridFromText({ params }, text));
    const whole = runKernel(compiled, target, { size: [2, 3, 4], values: { out: 24 } }).outputs.out as Record<
      string,
      number[]
    >;
    const ids = Array.from({ length: 24 }, (_, i) => i);
    expect(whole).toEqual({
      x: ids.map((i) => i % 2),
      y: ids.map((i) => Math.floor(i / 2) % 3),
      z: ids.map((i) => Math.floor(i / 6)),
      sx: ids.map(() => 2),
      sz: ids.map(() => 4),
    });
    const part = runKernel(compiled, target, { size: [2, 3, 4], values: { out: 24 }, range: [7, 10] }).outputs
      .out as Record<string, number[]>;
    expect(part.z).toEqual(ids.map((i) => (i >= 7 && i < 17 ? Math.floor(i / 6) : 0)));
  });

  it('rewrites inout arrays of structs', () => {
    const params = { a: inout(struct({ n: i32, w: i64 })), by: uniform(i32) };
    const compiled = compiler.compile(
      gridFromText(
        { params },
        '(k, { a, by }) => { const i = k.global.x; if (i < a.length) { a.n[i] *= by; a.w[i] -= 1n; } }',
      ),
    );
    const values = { a: { n: [1, -2], w: [5n, -(2n ** 63n)] }, by: -3 };
    expect(runKernel(compiled, target, { size: 4, values })).toMatchObject({
      outputs: { a: { n: [-3, 6], w: [4n, 2n ** 63n - 1n] } },
      violations: 0,
    });
    expect(compiled.descriptor).toMatchObject({ effects: 'mutates', requires: ['i64'] });
  });

  it.each([
    [i32, [3, -5, 7]],
    [u32, [3, 4_294_967_291, 7]],
    [i64, [3n, -5n, 7n]],
    [u64, [3n, 2n ** 64n - 5n, 7n]],
  ] as const)('has wrapping atomics of $dtype', (type, xs) => {
    const wide = typeof xs[0] === 'bigint';
    const text = `(k, { x, bins, old }) => {
      const i = k.global.x;
      const v = x[i];
      old[i] = k.atomicAdd(bins, 0, v);
      k.atomicMin(bins, 1, v); k.atomicMax(bins, 2, v); k.atomicAnd(bins, 3, v); k.atomicOr(bins, 4, v); k.atomicXor(bins, 5, v);
      if (i === 2) { k.atomicAdd(bins, 6, k.atomicLoad(bins, 2)); k.atomicAdd(bins, 7, v); }
    }`;
    const compiled = compiler.compile(
      gridFromText({ params: { x: input(type), bins: atomic(type), old: output(type) } }, text),
    );
    const { outputs, violations } = runKernel(compiled, target, { size: 3, values: { x: xs, bins: 7, old: 3 } });
    const wrap = (v: bigint): number | bigint => {
      if (type.dtype === 'i64') return BigInt.asIntN(64, v);
      if (type.dtype === 'u64') return BigInt.asUintN(64, v);
      return Number(type.dtype === 'i32' ? BigInt.asIntN(32, v) : BigInt.asUintN(32, v));
    };
    const all = xs.map(BigInt);
    const zero = 0n;
    const fold = (f: (a: bigint, b: bigint) => bigint): number | bigint =>
      wrap(all.reduce((a, b) => BigInt(wrap(f(a, b))), zero));
    const max = fold((a, b) => (b > a ? b : a));
    expect(outputs).toEqual({
      bins: [
        fold((a, b) => a + b),
        fold((a, b) => (b < a ? b : a)),
        max,
        fold((a, b) => a & b),
        fold((a, b) => a | b),
        fold((a, b) => a ^ b),
        max,
      ],
      old: [wide ? 0n : 0, xs[0], wrap((all[0] ?? zero) + (all[1] ?? zero))],
    });
    expect(violations).toBe(1);
    expect(compiled.descriptor.effects).toBe('accumulates');
    expect(compiled.descriptor.requires).toEqual(wide ? ['i64', 'i64-atomics'] : []);
  });
});
