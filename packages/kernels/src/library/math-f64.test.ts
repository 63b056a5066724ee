import { describe, expect, it } from 'vitest';
import { f64, input, mapKernel, output } from '../index.js';
import { applyColumns, randomBits } from '../testing/apply-columns.js';
import { exactExp, exactFma, exactLog, exactPow, exactSin, ulpsF64 } from '../testing/exact-math.js';
import type { Exact } from '../testing/exact-math.js';

const unary = { x: input(f64), result: output(f64) };
const exp = mapKernel('test/exp', { params: unary }, (k, p) => void (p.result.value = k.exp(p.x)));
const log = mapKernel('test/log', { params: unary }, (k, p) => void (p.result.value = k.log(p.x)));
const sin = mapKernel('test/sin', { params: unary }, (k, p) => void (p.result.value = k.sin(p.x)));
const cos = mapKernel('test/cos', { params: unary }, (k, p) => void (p.result.value = k.cos(p.x)));
const pow = mapKernel(
  'test/pow',
  { params: { x: input(f64), y: input(f64), result: output(f64) } },
  (k, p) => void (p.result.value = k.pow(p.x, p.y)),
);
const fma = mapKernel(
  'test/fma',
  { params: { x: input(f64), y: input(f64), z: input(f64), result: output(f64) } },
  (k, p) => void (p.result.value = k.fma(p.x, p.y, p.z)),
);

const SPECIAL = [
  0,
  1,
  2,
  0.5,
  3,
  1.5,
  10,
  2 ** 53,
  2 ** 53 - 1,
  2 ** 54,
  Infinity,
  5e-324,
  2 ** -1022,
  1.7976931348623157e308,
];
const SIGNED = [NaN, ...SPECIAL, ...SPECIAL.map((x) => -x)];

const view = new DataView(new ArrayBuffer(8));
const random = randomBits(17);
function fromBits(high: number, low: number): number {
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}
/** Random mantissas, every sign and exponent in turn. */
function everyExponent(each: number): number[] {
  return Array.from({ length: 4096 * each }, (_, i) =>
    fromBits((((i % 4096) << 20) | (random() & 0xfffff)) >>> 0, random()),
  ).filter(Number.isFinite);
}

function worst(actual: readonly number[], exact: (i: number) => Exact): { ulps: number; at: number } {
  let found = { ulps: 0, at: -1 };
  actual.forEach((value, i) => {
    const ulps = ulpsF64(value, exact(i));
    if (ulps > found.ulps) found = { ulps, at: i };
  });
  return found;
}

const uniform = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, () => from + (to - from) * ((random() + random() / 2 ** 32) / 2 ** 32));

const exponents = [
  ...uniform(-745.2, 709.8, 6000),
  ...uniform(-2, 2, 2000),
  709.782712893384,
  709.7827128933841,
  -745.1332191019411,
];
const positives = [
  ...everyExponent(1)
    .map(Math.abs)
    .filter((x) => x > 0),
  ...uniform(0.6, 1.5, 5000),
  1 - 2 ** -53,
  1 + 2 ** -52,
];
// The first is as near to a multiple of π/2 as any f64; 1.6 million is where the other reduction begins.
const angles = [
  5.319372648326541e255,
  1.6e6,
  1599999.9999999998,
  Math.PI / 2,
  ...everyExponent(1),
  ...uniform(-100, 100, 4000),
];

describe('functions of f64', () => {
  it.each([
    ['exp', exp, exactExp, exponents, 0.9],
    ['log', log, exactLog, positives, 0.85],
    // The sine of a tiny number is that number: the reference has no digits for it.
    ['sin', sin, exactSin, angles.filter((x) => Math.abs(x) > 1e-30), 0.8],
    ['cos', cos, (x: number) => exactSin(x, 1), angles, 0.8],
  ] as const)('%s stays within its tolerance', (_, kernel, exact, xs, bound) => {
    const found = worst(applyColumns(kernel, { x: xs }), (i) => exact(xs[i] ?? 0));
    expect(found.ulps, `at ${xs[found.at]}`).toBeLessThan(bound);
  });

  it.each([
    ['exp', exp, Math.exp],
    ['log', log, Math.log],
    ['sin', sin, Math.sin],
    ['cos', cos, Math.cos],
  ] as const)('%s gives exact results for special values', (_, kernel, reference) => {
    const xs = [NaN, 0, -0, Infinity, -Infinity, -1, 1000, -1000];
    const isExact = (x: number): boolean => Number.isNaN(x) || Math.abs(x) === Infinity || x === 0 || x === 1;
    const actual = applyColumns(kernel, { x: xs });
    const expected = xs.map(reference);
    expect(actual.map((value, i) => (isExact(expected[i] ?? 0) ? value : 'near'))).toEqual(
      expected.map((value) => (isExact(value) ? value : 'near')),
    );
  });

  it('pow stays within its tolerance', () => {
    const xs = [
      ...everyExponent(1).map(Math.abs),
      ...uniform(0, 2, 4000),
      ...Array.from({ length: 4000 }, (_, i) => 1 + uniform(-1, 1, 1)[0]! * 2 ** -(i % 52)),
    ].filter((x) => x > 0 && x !== 1);
    const ys = xs
      .map((x) => (uniform(-1074, 1024, 1)[0] ?? 0) / Math.log2(x))
      .map((y, i) => (Number.isFinite(y) ? y : i));
    const found = worst(applyColumns(pow, { x: xs, y: ys }), (i) => exactPow(xs[i] ?? 0, ys[i] ?? 0));
    expect(found.ulps, `at ${xs[found.at]} ** ${ys[found.at]}`).toBeLessThan(0.85);
  });

  it('pow has the special cases of C99', () => {
    const xs = SIGNED.flatMap((x) => SIGNED.map(() => x));
    const ys = SIGNED.flatMap(() => SIGNED);
    const expected = xs.map((x, i) => {
      const y = ys[i] ?? 0;
      // JavaScript gives NaN where C gives 1.
      return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
    });
    const actual = applyColumns(pow, { x: xs, y: ys });
    const near = (a: number, b: number): boolean => Object.is(a, b) || Math.abs(a - b) <= Math.abs(b) * 2 ** -52;
    const wrong = actual.findIndex((value, i) => !near(value, expected[i] ?? 0));
    expect([xs[wrong], ys[wrong], actual[wrong]]).toEqual([undefined, undefined, undefined]);
  });

  it('fma rounds once', () => {
    const xs: number[] = [];
    const ys: number[] = [];
    const zs: number[] = [];
    for (let i = 0; i < 40_000; i++) {
      const x = fromBits(random(), random());
      // Products within the range, near its lower end, or anywhere.
      const field = (i % 2 ? 2046 : 1030) - ((i * 7) % 60) - Math.floor((Math.log2(Math.abs(x)) || 0) + 1023);
      const y =
        i % 3
          ? fromBits(((Math.min(2046, Math.max(0, field)) << 20) | (random() & 0x800fffff)) >>> 0, random())
          : fromBits(random(), random());
      xs.push(x);
      ys.push(y);
      const near = [
        -x * y,
        x * y * 2 ** -53,
        -x * y * 2 ** -54,
        5e-324 * (random() % 9),
        fromBits(random(), random()),
        -x * y * (1 + 2 ** -52),
      ];
      zs.push(near[i % near.length] ?? 0);
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
      (value, i) => !Object.is(value, exactFma('f64', xs[i] ?? 0, ys[i] ?? 0, zs[i] ?? 0)),
    );
    expect([xs[wrong], ys[wrong], zs[wrong], actual[wrong]]).toEqual([undefined, undefined, undefined, undefined]);
  });
});
