import { describe, expect, it } from 'vitest';
import { createKernelCompiler, f32, gridKernel, i32, output, u32, uniform } from '../../../index.js';
import { runKernel } from '../../../testing/argument-block.js';
import type { Arguments } from '../../../testing/argument-block.js';
import { hasGxx } from '../../../testing/native/native-calls.js';
import { runCpp } from '../../../testing/native/run-cpp.js';
import { SCALAR_CASES } from '../../../testing/scalar-cases.js';
import { WORKGROUP_CASES } from '../../../testing/workgroup-cases.js';

const compiler = createKernelCompiler();

/** Lanes leave the loop one by one; rows are no multiple of the lanes, and the last one goes beyond the array. */
const mandelbrot = gridKernel(
  'test/mandelbrot',
  { params: { out: output(u32), x: uniform(f32), y: uniform(f32), step: uniform(f32), limit: uniform(u32) } },
  (k, { out, x, y, step, limit }) => {
    const cx = x + k.f32(k.global.x) * step;
    const cy = y + k.f32(k.global.y) * step;
    let zx = k.f32(0);
    let zy = k.f32(0);
    let n = k.u32(0);
    while (n < limit) {
      const xx = zx * zx;
      const yy = zy * zy;
      if (xx + yy > 4) break;
      zy = 2 * zx * zy + cy;
      zx = xx - yy + cx;
      n++;
    }
    out[k.global.y * k.globalSize.x + k.global.x] = n;
  },
);

/** Integer operators that have no instruction for several lanes, and edges of casts. */
const integers = gridKernel('test/integers', { params: { out: output(i32), by: uniform(i32) } }, (k, { out, by }) => {
  const i = k.global.x;
  const v = (k.i32(i) - 8) * 0x1234_5678;
  let sum = v / (k.i32(i % 5) - 1) + (v % by) + (v << k.i32(i)) + (v >>> 3) + (v >> k.i32(i));
  sum += k.popcount(v) + k.clz(v) + k.ctz(v) + k.abs(v) + k.min(v, by) + k.max(v, by);
  const f = k.f32(v) * k.f32(i) * k.f32(i);
  sum ^= k.i32(f) + k.i32(k.u32(f)) + k.i32(k.i64(f)) + k.i32(k.min(f, k.floor(f / 3)));
  const w = k.i64(v) * k.i64(v) - 7n;
  if ((i & 3) !== 1) sum += k.i32(w / 9n) + k.i32(k.f32(w) > f ? k.u64(f) : k.u64(w));
  out[i ^ 1] = sum;
});

const own: readonly { readonly definition: typeof mandelbrot | typeof integers; readonly args: Arguments }[] = [
  {
    definition: mandelbrot,
    args: { size: [61, 9, 1], values: { out: 61 * 9 - 20, x: -2, y: -1, step: 0.05, limit: 60 } },
  },
  { definition: integers, args: { size: 40, values: { out: 40, by: 1000 }, range: [3, 30] } },
];

describe.skipIf(!hasGxx())('C++ with several ids side by side (g++)', () => {
  it('gives the bits and counts of the reference in every kernel that has such a form', () => {
    const given = [...own, ...SCALAR_CASES, ...WORKGROUP_CASES];
    const compiled = given.map(({ definition, args }) => ({
      compiled: compiler.compile(definition, { targets: ['js', 'cpp'], simd: 'always' }),
      args,
    }));
    const cases = compiled.filter(({ compiled: { refused } }) => refused.length === 0);
    const names = cases.map((c) => c.compiled.descriptor.name.slice('test/'.length));
    expect(names).toEqual([
      ...['mandelbrot', 'integers', 'collected', 'collected', 'computed', 'literals'],
      ...['reduction', 'transposed', 'counted', 'early', 'parted', 'unordered'],
    ]);
    // At this level, because the library functions of f64 make long texts.
    runCpp(cases, '-O1').forEach((outcome, i) => {
      const { compiled: kernel, args } = cases[i]!;
      expect(outcome, kernel.descriptor.name).toEqual(runKernel(kernel, 'js', args));
      expect(outcome.canariesIntact).toBe(true);
    });
  });

  it('is what arithmetic compiles to, and gives the same bits as it ships', () => {
    const [{ definition, args }] = own as [(typeof own)[0]];
    const kernel = compiler.compile(definition, { targets: ['js', 'cpp'] });
    expect(kernel.artifacts.find((a) => a.target === 'cpp')).toMatchObject({
      source: expect.stringContaining('_lanes(') as string,
    });
    expect(runCpp([{ compiled: kernel, args }])).toEqual([runKernel(kernel, 'js', args)]);
  });

  it('is refused with a reason where a kernel has no such form', () => {
    const { definition } = SCALAR_CASES.find((c) => c.definition.name === 'test/sorted')!;
    expect(compiler.compile(definition, { targets: ['cpp'], simd: 'always' }).refused).toEqual([
      { target: 'cpp', reason: 'no SIMD form: it works on lists or scratch memory' },
    ]);
    expect(compiler.compile(definition, { targets: ['cpp'] }).refused).toEqual([]);
  });
});
