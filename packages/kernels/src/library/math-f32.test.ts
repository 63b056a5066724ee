import { describe, expect, it } from 'vitest';
import { f32, input, mapKernel, output } from '../index.js';
import { applyColumns, randomBits } from '../testing/apply-columns.js';
import { exactFma } from '../testing/exact-math.js';
import { f32FromBits, ulpsF32 } from '../testing/ulps.js';

const unary = { x: input(f32), result: output(f32) };
const exp = mapKernel('test/exp', { params: unary }, (k, p) => void (p.result.value = k.exp(p.x)));
const log = mapKernel('test/log', { params: unary }, (k, p) => void (p.result.value = k.log(p.x)));
const sin = mapKernel('test/sin', { params: unary }, (k, p) => void (p.result.value = k.sin(p.x)));
const cos = mapKernel('test/cos', { params: unary }, (k, p) => void (p.result.value = k.cos(p.x)));
const pow = mapKernel(
  'test/pow',
  { params: { x: input(f32), y: input(f32), result: output(f32) } },
  (k, p) => void (p.result.value = k.pow(p.x, p.y)),
);
const fma = mapKernel(
  'test/fma',
  { params: { x: input(f32), y: input(f32), z: input(f32), result: output(f32) } },
  (k, p) => void (p.result.value = k.fma(p.x, p.y, p.z)),
);

const SPECIAL = [0, 1, 2, 0.5, 3, 1.5, 10, 2 ** 24, 2 ** 24 - 1, 2 ** 25, Infinity, 1e-45, 1.1754944e-38, 3.4028235e38];
const SIGNED = [NaN, ...SPECIAL, ...SPECIAL.map((x) => -x)].map(Math.fround);

/** Every sign and exponent, `each` mantissas of it. */
function everyExponent(each: number): number[] {
  const bits = randomBits(7);
  return Array.from({ length: 512 * each }, (_, i) =>
    f32FromBits((((i % 512) << 23) | (i < 512 ? 0 : bits() & 0x7fffff)) >>> 0),
  );
}

function worst(actual: readonly number[], exact: (i: number) => number): { ulps: number; at: number } {
  let found = { ulps: 0, at: -1 };
  actual.forEach((value, i) => {
    const ulps = ulpsF32(value, exact(i));
    if (ulps > found.ulps) found = { ulps, at: i };
  });
  return found;
}

describe('functions of f32', () => {
  it.each([
    ['exp', exp, Math.exp, 0.99],
    ['log', log, Math.log, 0.81],
    ['sin', sin, Math.sin, 0.96],
    ['cos', cos, Math.cos, 0.96],
  ] as const)('%s stays within its tolerance over all exponents', (_, kernel, reference, bound) => {
    const boundaries = [
      88.722831, 88.722839, -87.336544, -103.97207, -103.97208, -104, 89, 3000, 2999.9998, 0.70710677,
    ];
    const xs = [...SIGNED, ...boundaries.map(Math.fround), ...everyExponent(400)];
    const dense = Array.from({ length: 50_000 }, (__, i) => Math.fround((i - 25_000) * 0.0041));
    const all = [...xs, ...dense];
    const found = worst(applyColumns(kernel, { x: all }), (i) => reference(all[i] ?? 0));
    expect(found.ulps, `at ${all[found.at]}`).toBeLessThan(bound);
  });

  it('sin and cos are exact to the last place where the argument is as near to a multiple of π/2 as any f32', () => {
    // Kahan and McDonald's search: 16367173 · 2^72 lies 1.6e-9 from a multiple; the others are multiples as rounded.
    const near = [
      16_367_173 * 2 ** 72,
      ...[1, 2, 3, 710, 1910, 1911, 20_000].map((n) => Math.fround((n * Math.PI) / 2)),
    ];
    expect(worst(applyColumns(sin, { x: near }), (i) => Math.sin(near[i] ?? 0)).ulps).toBeLessThan(1);
    expect(worst(applyColumns(cos, { x: near }), (i) => Math.cos(near[i] ?? 0)).ulps).toBeLessThan(1);
  });

  it('pow has the special cases of C99 and stays within its tolerance', () => {
    const bits = randomBits(11);
    const xs = SIGNED.flatMap((x) => SIGNED.map(() => x));
    const ys = SIGNED.flatMap(() => SIGNED);
    for (let i = 0; i < 150_000; i++) {
      const x = i % 2 ? f32FromBits(bits() & 0x7fffffff) : Math.fround(1 + (bits() / 2 ** 31 - 1) * 2 ** -(i % 24));
      xs.push(x);
      // A power over the whole range of results.
      ys.push(i % 3 ? Math.fround(((bits() / 2 ** 32) * 300 - 151) / Math.log2(x)) : f32FromBits(bits()));
    }
    // JavaScript gives NaN where C gives 1.
    const exact = (x: number, y: number): number =>
      x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
    const found = worst(applyColumns(pow, { x: xs, y: ys }), (i) => exact(xs[i] ?? 0, ys[i] ?? 0));
    expect(found.ulps, `at ${xs[found.at]} ** ${ys[found.at]}`).toBeLessThan(0.9);
  });

  it('fma rounds once', () => {
    const bits = randomBits(13);
    const xs: number[] = [];
    const ys: number[] = [];
    const zs: number[] = [];
    for (let i = 0; i < 60_000; i++) {
      const x = f32FromBits(bits());
      const y = f32FromBits(i % 2 ? bits() : ((254 << 23) - (bits() & 0x7f800000)) | (bits() & 0x807fffff));
      xs.push(x);
      ys.push(y);
      // Near the negative product, near half of its last place, or anything.
      zs.push(i % 3 === 0 ? Math.fround(-x * y) : i % 3 === 1 ? Math.fround(x * y * 2 ** -24) : f32FromBits(bits()));
    }
    for (const x of SIGNED) {
      for (const y of SIGNED) {
        xs.push(...SIGNED.map(() => x));
        ys.push(...SIGNED.map(() => y));
        zs.push(...SIGNED);
      }
    }
    const actual = applyColumns(fma, { x: xs, y: ys, z: zs });
    const wrong = actual.findIndex(
      (value, i) => !Object.is(value, exactFma('f32', xs[i] ?? 0, ys[i] ?? 0, zs[i] ?? 0)),
    );
    expect([xs[wrong], ys[wrong], zs[wrong]]).toEqual([undefined, undefined, undefined]);
  });
});
