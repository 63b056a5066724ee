/** sin and cos of f32 in the kernel language: nothing but 32-bit operations, and exact reduction of every argument. */
import { f32, i32, u32 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';
import { mulHighU32 } from './multiply.js';

/** Words of the binary digits of 2 / π, after a word of zeros. */
const twoOverPi = helper('two_over_pi_u32', { args: { word: i32 }, returns: u32 }, (k, { word }) => {
  const first = k.select(word < 1, k.u32(0), k.select(word < 2, k.u32(0xa2f9836e), k.u32(0x4e441529)));
  const middle = k.select(word < 4, k.u32(0xfc2757d1), k.select(word < 5, k.u32(0xf534ddc0), k.u32(0xdb629599)));
  const last = k.select(word < 7, k.u32(0x3c439041), k.u32(0xfe5163ab));
  return k.select(word < 3, first, k.select(word < 6, middle, last));
});

/**
 * sin(x + turns · π/2). Up to 3000 the argument is reduced by four parts of π/2 (Cody and Waite), beyond by 96 binary
 * digits of 2/π in integers (Payne and Hanek). The reduced argument is the sum of two f32. Polynomials of Cephes `sinf`
 * and `cosf` (S. Moshier).
 */
const sineF32 = helper(
  'sine_f32',
  { args: { x: f32, turns: i32 }, returns: f32, uses: { mulHigh: mulHighU32, twoOverPi } },
  (k, { x, turns }) => {
    // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
    const shifted = x * 0.63661975 + 12582912;
    const n = shifted - 12582912;
    let quadrant = k.bitcast('i32', shifted) - 0x4b400000;
    // Parts of 13 bits: their products with n are exact, and what the differences lose is caught.
    const second = n * 2.396702766418457e-4;
    const third = n * 1.5890691429376602e-8;
    const r1 = x - n * 1.570556640625;
    const r2 = r1 - second;
    const r3 = r2 - third;
    const lost = r1 - r2 - second + (r2 - r3 - third) - n * 2.5633441e-12;
    let high = r3 + lost;
    let low = r3 - high + lost;
    if (!(k.abs(x) < 3000)) {
      // |x| = m · 2^(e - 30). Digits of 2/π before the window of 96 only add multiples of four quadrants.
      const bits = k.bitcast('i32', k.abs(x));
      const m = k.u32((bits & 0x007fffff) | 0x00800000);
      const e = (bits >> 23) - 120;
      const word = e >> 5;
      const left = k.u32(e & 31);
      const w0 = k.uses.twoOverPi({ word });
      const w1 = k.uses.twoOverPi({ word: word + 1 });
      const w2 = k.uses.twoOverPi({ word: word + 2 });
      const w3 = k.uses.twoOverPi({ word: word + 3 });
      const a2 = (w0 << left) | ((w1 >> 1) >> (31 - left));
      const a1 = (w1 << left) | ((w2 >> 1) >> (31 - left));
      const a0 = (w2 << left) | ((w3 >> 1) >> (31 - left));
      const p0 = k.uses.mulHigh({ a: a0, b: m });
      const p1 = p0 + a1 * m;
      const p2 = k.uses.mulHigh({ a: a1, b: m }) + a2 * m + k.select(p1 < p0, k.u32(1), k.u32(0));
      // Two bits of quadrant, then the fraction; its magnitude from 0 to 1/2 and the nearest quadrant.
      const f1 = (p2 << 2) | (p1 >> 30);
      const f0 = p1 << 2;
      const isBelow = k.bitcast('i32', f1) < 0;
      const g0 = k.select(isBelow, 0 - f0, f0);
      const g1 = k.select(isBelow, ~f1 + k.select(f0 === 0, k.u32(1), k.u32(0)), f1);
      const zeros = k.clz(g1);
      const h1 = (g1 << zeros) | ((g0 >> 1) >> (31 - zeros));
      const h0 = g0 << zeros;
      // Digits 1 to 12, 13 to 24 and 25 to 48 as numbers, times π/2 in parts of 12, 12 and 24.
      const scale: number = k.bitcast('f32', (127 - k.bitcast('i32', zeros)) << 23);
      const x1 = k.f32(k.i32(h1 >> 20)) * 2.44140625e-4;
      const x2 = k.f32(k.i32((h1 >> 8) & 0xfff)) * 5.9604644775390625e-8;
      const x3 = k.f32(k.i32(((h1 & 0xff) << 16) | (h0 >> 16))) * 3.5527136788005009e-15;
      const product = x1 * 1.5703125;
      const rest =
        x1 * 4.837512969970703e-4 +
        x2 * 1.5703125 +
        (x2 * 4.837512969970703e-4 + (x1 + x2) * 7.54979e-8 + x3 * 1.5707964);
      const reduced = product + rest;
      const isNegative = x < 0 !== isBelow;
      const signed = k.select(isNegative, -scale, scale);
      high = reduced * signed;
      low = (product - reduced + rest) * signed;
      const turned = k.bitcast('i32', p2 >> 30) + k.select(isBelow, k.i32(1), k.i32(0));
      quadrant = k.select(x < 0, -turned, turned);
    }
    const q = quadrant + turns;
    const z = high * high;
    const sine = high + (low + high * z * ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1));
    const half = 0.5 * z;
    const first = 1 - half;
    const series = (2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2;
    const cosine = first + (1 - first - half + (z * z * series - high * low));
    const value: number = k.select((q & 1) === 0, sine, cosine);
    const turnedValue = k.select((q & 2) === 0, value, -value);
    // Infinity minus itself is NaN, as is NaN.
    return k.select(k.abs(x) < k.bitcast('f32', k.u32(0x7f800000)), turnedValue, x - x);
  },
);

/** Sine of radians, to 0.96 ulp, for every f32. */
export const sinF32 = helper('sin_f32', { args: { x: f32 }, returns: f32, uses: { sine: sineF32 } }, (k, { x }) =>
  // Tiny arguments, -0 among them, are their own sine.
  k.select(k.abs(x) < 2.44140625e-4, x, k.uses.sine({ x, turns: 0 })),
);

/** Cosine of radians, to 0.96 ulp, for every f32. */
export const cosF32 = helper('cos_f32', { args: { x: f32 }, returns: f32, uses: { sine: sineF32 } }, (k, { x }) =>
  k.uses.sine({ x, turns: 1 }),
);
