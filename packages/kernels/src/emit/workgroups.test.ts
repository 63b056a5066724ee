import { describe, expect, it } from 'vitest';
import {
  atomic,
  createKernelCompiler,
  f32,
  helper,
  i32,
  i64,
  inout,
  input,
  output,
  shared,
  sharedAtomic,
  struct,
  u32,
  u64,
  uniform,
} from '../index.js';
import { instantiate, prepare, runKernel } from '../testing/argument-block.js';
import { functionOf, gridFromText } from '../testing/kernel-from-text.js';

const compiler = createKernelCompiler();
const counting = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe.each(['js', 'wasm'] as const)('a kernel with workgroups as %s', (target) => {
  const Place = struct({ global: u32, local: u32, group: u32, runs: u32 });
  const placeText = `(k, { out, counts }) => {
    const { x, y, z } = k.global;
    if (k.inRange) {
      const i = x + k.globalSize.x * (y + k.globalSize.y * z);
      out.global[i] = x + 100 * y + 10000 * z;
      out.local[i] = k.local.x + 100 * k.local.y + 10000 * k.local.z;
      out.group[i] = k.group.x + 100 * k.group.y + 10000 * k.group.z;
      out.runs[i] = k.groupCount.x + 100 * k.groupCount.y + 10000 * k.groupCount.z + 1000000 * k.localSize.y;
    }
    k.atomicAdd(counts, 0, 1);
  }`;
  const place = (grid: 'exact' | 'full-groups') =>
    compiler.compile(
      gridFromText({ params: { out: output(Place), counts: atomic(u32) }, workgroup: [4, 3, 2], grid }, placeText),
    );
  const [sx, sy, sz] = [6, 7, 3];
  const ids = counting(sx * sy * sz).map((i) => [i % sx, Math.floor(i / sx) % sy, Math.floor(i / sx / sy)] as const);
  const code = (x: number, y: number, z: number): number => x + 100 * y + 10000 * z;
  const expected = {
    global: ids.map(([x, y, z]) => code(x, y, z)),
    local: ids.map(([x, y, z]) => code(x % 4, y % 3, z % 2)),
    group: ids.map(([x, y, z]) => code(Math.floor(x / 4), Math.floor(y / 3), Math.floor(z / 2))),
    runs: ids.map(() => code(2, 3, 2) + 3000000),
  };

  it.each([
    ['exact', sx * sy * sz],
    ['full-groups', 2 * 3 * 2 * 24],
  ] as const)('knows its place in three dimensions, with %s groups', (grid, runs) => {
    const args = { size: [sx, sy, sz] as const, values: { out: sx * sy * sz, counts: 1 } };
    expect(runKernel(place(grid), target, args)).toEqual({
      outputs: { out: expected, counts: [runs] },
      violations: 0,
      canariesIntact: true,
    });
  });

  it('runs any range of groups', () => {
    const args = { size: [sx, sy, sz] as const, values: { out: sx * sy * sz, counts: 1 } };
    const { outputs } = runKernel(place('exact'), target, { ...args, range: [5, 4] });
    const inRange = ids.map(([x, y, z]) => {
      const group = Math.floor(x / 4) + 2 * (Math.floor(y / 3) + 3 * Math.floor(z / 2));
      return group >= 5 && group < 9;
    });
    const { global } = outputs.out as { global: number[] };
    expect(global).toEqual(expected.global.map((value, i) => (inRange[i] === true ? value : 0)));
    expect(runKernel(place('exact'), target, { ...args, range: [3, 0] }).outputs.counts).toEqual([0]);
  });

  it('starts every group with shared arrays of zeros, and keeps the executors apart', () => {
    const text = `(k, { x, out, bins, wide }) => {
      if (k.inRange) { k.atomicAdd(bins, x[k.global.x], 1); wide[k.local.x] += 1n; }
      k.barrier();
      if (k.local.x < 3) out[k.group.x * 3 + k.local.x] = k.atomicLoad(bins, k.local.x) + 100 * k.u32(wide[k.local.x]);
    }`;
    const options = { params: { x: input(u32), out: output(u32) }, workgroup: 4 as const };
    const compiled = compiler.compile(
      gridFromText(
        { ...options, grid: 'full-groups', shared: { bins: sharedAtomic(u32, 3), wide: shared(i64, 4) } },
        text,
      ),
    );
    expect(compiled.descriptor).toMatchObject({ workgroup: [4, 1, 1], workspaceBytes: 128, requires: ['i64'] });
    expect(compiled.descriptor.layout.slots.at(-1)).toMatchObject({ part: 'workspace', param: '' });
    const values = { x: [0, 1, 1, 2, 2, 2, 2, 0, 1], out: 9 };
    const prepared = prepare(compiled, { size: 9, values, groups: 2 });
    const run = instantiate(compiled, target, prepared.layout.memory);
    expect([run(1024, 0, 1, 1), run(1024, 1, 1, 0), run(1024, 2, 1, 1)]).toEqual([0, 0, 0]);
    expect(prepared.collect()).toEqual({ out: [101, 102, 101, 101, 100, 103, 100, 1, 0] });
    expect(prepared.layout.canariesIntact()).toBe(true);
  });

  it.each([
    [i32, [3, -5, 7, 7]],
    [u32, [3, 4_294_967_291, 7, 7]],
    [i64, [3n, -5n, 7n, 7n]],
    [u64, [3n, 2n ** 64n - 5n, 7n, 7n]],
  ] as const)('has all atomics of $dtype on parameters and on shared arrays alike', (type, xs) => {
    const n = (value: number): string => (typeof xs[0] === 'bigint' ? `${value}n` : `${value}`);
    const ops = (array: string): string => `
      seen[8 * i] = k.atomicExchange(${array}, 0, v);
      seen[8 * i + 1] = k.atomicCompareExchange(${array}, 1, ${n(0)}, v);
      seen[8 * i + 2] = k.atomicCompareExchange(${array}, 1, ${n(1)}, v);
      k.atomicStore(${array}, 2, v);
      seen[8 * i + 3] = k.atomicLoad(${array}, 2);
      seen[8 * i + 4] = k.atomicMin(${array}, 3, v);
      seen[8 * i + 5] = k.atomicMax(${array}, 4, v);
      seen[8 * i + 6] = k.atomicXor(${array}, 5, v);
      seen[8 * i + 7] = k.atomicAdd(${array}, 9, v);`;
    const outcomes = ['bins', 'tile'].map((array) => {
      const text = `(k, { x, bins, seen, tile }) => { const i = k.global.x; const v = x[i]; ${ops(array)} }`;
      const params = { x: input(type), bins: atomic(type), seen: output(type) };
      const definition = gridFromText({ params, workgroup: 4, shared: { tile: sharedAtomic(type, 6) } }, text);
      return runKernel(compiler.compile(definition), target, { size: 4, values: { x: xs, bins: 6, seen: 32 } });
    });
    const zero = typeof xs[0] === 'bigint' ? 0n : 0;
    const [a, b, c] = xs;
    const [min, max] = type.dtype === 'u32' || type.dtype === 'u64' ? [zero, b] : [b, c];
    const seen = (i: number): unknown[] => (outcomes[0]?.outputs.seen as unknown[]).slice(8 * i, 8 * i + 8);
    expect(outcomes.map((o) => o.violations)).toEqual([4, 4]);
    expect(outcomes[1]?.outputs.seen).toEqual(outcomes[0]?.outputs.seen);
    expect(seen(0)).toEqual([zero, zero, a, a, zero, zero, zero, zero]);
    expect(seen(3)).toEqual([c, a, a, c, min, max, (outcomes[0]?.outputs.seen as unknown[])[8 * 3 + 6], zero]);
  });

  it('adds, exchanges and stores f32 atomically', () => {
    const text = `(k, { x, bins, seen, tile }) => {
      const i = k.global.x;
      seen[4 * i] = k.atomicAdd(bins, 0, x[i]);
      seen[4 * i + 1] = k.atomicExchange(bins, 1, x[i]);
      k.atomicStore(bins, 2, x[i]);
      seen[4 * i + 2] = k.atomicLoad(bins, 2);
      seen[4 * i + 3] = k.atomicAdd(tile, 0, x[i]);
    }`;
    const params = { x: input(f32), bins: atomic(f32), seen: output(f32) };
    const definition = gridFromText({ params, workgroup: 4, shared: { tile: sharedAtomic(f32, 1) } }, text);
    const x = [0.1, 16_777_216, 1, NaN].map(Math.fround);
    const outcome = runKernel(compiler.compile(definition), target, { size: 4, values: { x, bins: 3, seen: 16 } });
    const [a = 0, b = 0, c = 0] = x;
    const two = Math.fround(a + b);
    expect(outcome.outputs).toEqual({
      bins: [NaN, NaN, NaN],
      seen: [0, 0, a, 0, a, a, b, a, two, b, c, two, Math.fround(two + 1), c, NaN, Math.fround(two + 1)],
    });
    expect(outcome.violations).toBe(0);
  });

  it.each([
    ['add', 0, (a: number, b: number) => (a + b) >>> 0],
    ['min', 0, (a: number, b: number) => Math.min(a, b)],
    ['max', 0, (a: number, b: number) => Math.max(a, b)],
    ['and', 0, (a: number, b: number) => (a & b) >>> 0],
    ['or', 0, (a: number, b: number) => (a | b) >>> 0],
    ['xor', 0, (a: number, b: number) => (a ^ b) >>> 0],
  ] as const)(
    'collects unused atomics (%s) with the same result for small and large arrays',
    (operator, zero, fold) => {
      const name = `atomic${operator[0]?.toUpperCase() ?? ''}${operator.slice(1)}`;
      const text = `(k, { x, bins }) => { k.${name}(bins, x[k.global.x] % 80, x[k.global.x]); }`;
      const compiled = compiler.compile(gridFromText({ params: { x: input(u32), bins: atomic(u32) } }, text));
      expect(compiled.descriptor.workspaceBytes).toBe(4 * 4096);
      const x = counting(100).map((i) => Math.imul(i, 2_654_435_761) >>> 0);
      for (const elements of [70, 5000]) {
        const bins = counting(elements).map((): number => zero);
        for (const value of x) if (value % 80 < elements) bins[value % 80] = fold(bins[value % 80] ?? 0, value);
        // In two parts by two executors: what one collected must reach the array before the other adds to it.
        const prepared = prepare(compiled, { size: 100, values: { x, bins: elements }, groups: 2 });
        const run = instantiate(compiled, target, prepared.layout.memory);
        const violations = run(1024, 0, 55, 0) + run(1024, 55, 45, 1);
        expect(prepared.collect()).toEqual({ bins });
        expect(violations).toBe(x.filter((value) => value % 80 >= elements).length);
        expect(prepared.layout.canariesIntact()).toBe(true);
      }
    },
  );

  it('has workspace only where it needs some', () => {
    const used = (text: string, type = u32): number =>
      compiler.compile(gridFromText({ params: { bins: atomic(type), out: output(type) } }, text)).descriptor
        .workspaceBytes;
    expect(used('(k, { bins, out }) => { out[k.global.x] = k.atomicAdd(bins, 0, 1); }')).toBe(0);
    expect(used('(k, { bins }) => { k.atomicAdd(bins, 0, 1); k.atomicMax(bins, 0, 1); }')).toBe(0);
    expect(used('(k, { bins }) => { k.atomicStore(bins, 0, 1); }')).toBe(0);
    expect(used('(k, { bins, out }) => { out[0] = bins.length; }')).toBe(0);
    expect(used('(k, { bins }) => { k.atomicAdd(bins, 0, 1); k.atomicAdd(bins, 3, 1); }')).toBe(16_384);
  });

  it('calls helpers with several results, small and large, from ids and from the group', () => {
    const steps = counting(30).map((i) => `if (at === ${i}) { low -= ${i}; wide += ${i}n; }`);
    const split = (body: string) =>
      helper(
        'split',
        {
          args: { at: u32, xs: { kind: 'array', dtype: 'u32', writable: false } as const },
          returns: struct({ low: u32, wide: i64 }),
        },
        functionOf(body) as never,
      );
    const small = split(
      '(k, { at, xs }) => { if (at > 100) return { low: 1, wide: 2n }; return { low: xs[at], wide: k.i64(at) * -3n }; }',
    );
    const large = split(
      `(k, { at, xs }) => { let low = xs[at]; let wide = k.i64(at); ${steps.join(' ')} return { low, wide }; }`,
    );
    const text = `(k, { x, n, a, w }) => {
      const i = k.global.x;
      const all = k.uses.large({ at: n, xs: x });
      for (let r = k.u32(0); r < all.low; r++) { k.barrier(); a[i] += 1; }
      const own = k.uses.small({ at: i + 97, xs: x });
      const more = k.uses.large({ at: k.local.x, xs: x });
      a[i] += own.low * 10 + more.low * 100;
      w[i] = own.wide + more.wide * 1000n + all.wide * 1000000n;
    }`;
    const params = { x: input(u32), n: uniform(u32), a: inout(u32), w: output(i64) };
    const definition = gridFromText({ params, workgroup: 2, grid: 'full-groups', uses: { small, large } }, text);
    const outcome = runKernel(compiler.compile(definition), target, {
      size: 6,
      values: { x: [5, 6, 7, 8], n: 2, a: counting(6).map(() => 0), w: 6 },
    });
    const own = counting(6).map((i) => (i + 97 > 100 ? [1, 2] : [0, -3 * (i + 97)]));
    const more = counting(6).map((i) => (i % 2 === 0 ? [5, 0] : [5, 2]));
    expect(outcome.outputs).toEqual({
      a: counting(6).map((i) => 5 + 10 * (own[i]?.[0] ?? 0) + 100 * (more[i]?.[0] ?? 0)),
      w: counting(6).map((i) => BigInt((own[i]?.[1] ?? 0) + 1000 * (more[i]?.[1] ?? 0) + 4000000)),
    });
    // Four ids read x far outside.
    expect(outcome.violations).toBe(4);
  });

  it('counts violations once per id, also in what the whole group decides', () => {
    const text = `(k, { x, n, a }) => {
      if (x[n] === 0) { k.barrier(); a[k.global.x] = 7; }
      for (let i = k.u32(0); i < x[n + i]; i++) k.barrier();
    }`;
    const params = { x: input(u32), n: uniform(u32), a: inout(u32) };
    const compiled = compiler.compile(gridFromText({ params, workgroup: 4, grid: 'full-groups' }, text));
    const outcome = runKernel(compiled, target, { size: 6, values: { x: [1], n: 9, a: counting(6) } });
    expect(outcome).toEqual({ outputs: { a: [7, 7, 7, 7, 7, 7] }, violations: 8 + 2 + 8, canariesIntact: true });
  });
});
