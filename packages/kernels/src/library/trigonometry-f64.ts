/** sin and cos of f64 in the kernel language, with exact reduction of every argument. */
import { f64, i32, u64 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';
import { mulHighU64 } from './multiply.js';

/** Words of the binary digits of 2 / π, after a word of zeros. */
const twoOverPi = helper('two_over_pi_u64', { args: { word: i32 }, returns: u64 }, (k, { word }) => {
  let digits = k.u64(0n);
  if (word === 1) digits = 0xa2f9836e4e441529n;
  if (word === 2) digits = 0xfc2757d1f534ddc0n;
  if (word === 3) digits = 0xdb6295993c439041n;
  if (word === 4) digits = 0xfe5163abdebbc561n;
  if (word === 5) digits = 0xb7246e3a424dd2e0n;
  if (word === 6) digits = 0x06492eea09d1921cn;
  if (word === 7) digits = 0xfe1deb1cb129a73en;
  if (word === 8) digits = 0xe88235f52ebb4484n;
  if (word === 9) digits = 0xe99c7026b45f7e41n;
  if (word === 10) digits = 0x3991d639835339f4n;
  if (word === 11) digits = 0x9c845f8bbdf9283bn;
  if (word === 12) digits = 0x1ff897ffde05980fn;
  if (word === 13) digits = 0xef2f118b5a0a6d1fn;
  if (word === 14) digits = 0x6d367ecf27cb09b7n;
  if (word === 15) digits = 0x4f463f669e5fea2dn;
  if (word === 16) digits = 0x7527bac7ebe5f17bn;
  if (word === 17) digits = 0x3d0739f78a5292ean;
  if (word === 18) digits = 0x6bfb5fb11f8d5d08n;
  if (word === 19) digits = 0x56033046fc7b6babn;
  return digits;
});

/**
 * sin(x + turns · π/2). Up to 1.6 million the argument is reduced by four parts of π/2 (Cody and Waite), beyond by 192
 * binary digits of 2/π in integers (Payne and Hanek). The reduced argument is the sum of two f64. Polynomials of FreeBSD's
 * `k_sin.c` and `k_cos.c` (Sun Microsystems).
 */
const sineF64 = helper(
  'sine_f64',
  { args: { x: f64, turns: i32 }, returns: f64, uses: { mulHigh: mulHighU64, twoOverPi } },
  (k, { x, turns }) => {
    let high = k.f64(0);
    let low = k.f64(0);
    let quadrant = k.i32(0);
    if (k.abs(x) < 1.6e6) {
      // Adding 1.5 · 2^52 rounds to an integer.
      const n = x * 0.6366197723675814 + 6755399441055744 - 6755399441055744;
      quadrant = k.i32(n);
      // Parts of 33 bits: their products with n are exact, and what the differences lose is caught.
      const second = n * 6.077100506303966e-11;
      const third = n * 2.0222662487111665e-21;
      const r1 = x - n * 1.5707963267341256;
      const r2 = r1 - second;
      const r3 = r2 - third;
      const lost = r1 - r2 - second + (r2 - r3 - third) - n * 8.4784276603689e-32;
      high = r3 + lost;
      low = r3 - high + lost;
    } else {
      // |x| = m · 2^(e - 62). Digits of 2/π before the window of 192 only add multiples of four quadrants.
      const bits = k.bitcast('u64', k.abs(x));
      const m = (bits & 0x000fffffffffffffn) | 0x0010000000000000n;
      const e = k.i32(bits >> 52n) - 1013;
      const word = e >> 6;
      const left = k.u64(e & 63);
      const w0 = k.uses.twoOverPi({ word });
      const w1 = k.uses.twoOverPi({ word: word + 1 });
      const w2 = k.uses.twoOverPi({ word: word + 2 });
      const w3 = k.uses.twoOverPi({ word: word + 3 });
      const a2 = (w0 << left) | ((w1 >> 1n) >> (63n - left));
      const a1 = (w1 << left) | ((w2 >> 1n) >> (63n - left));
      const a0 = (w2 << left) | ((w3 >> 1n) >> (63n - left));
      const p0 = k.uses.mulHigh({ a: a0, b: m });
      const p1 = p0 + a1 * m;
      const p2 = k.uses.mulHigh({ a: a1, b: m }) + a2 * m + k.u64(p1 < p0);
      // Two bits of quadrant, then the fraction; its magnitude from 0 to 1/2 and the nearest quadrant.
      const f1 = (p2 << 2n) | (p1 >> 62n);
      const f0 = p1 << 2n;
      const isBelow = f1 >> 63n === 1n;
      const g0 = isBelow ? 0n - f0 : f0;
      const g1 = isBelow ? ~f1 + k.u64(f0 === 0n) : f1;
      const zeros = k.clz(g1);
      const h1 = (g1 << zeros) | ((g0 >> 1n) >> (63n - zeros));
      const h0 = g0 << zeros;
      // Digits 1 to 26, 27 to 52 and 53 to 104 as numbers, times π/2 in parts of 26, 27 and 53.
      const scale = k.bitcast('f64', (1023n - zeros) << 52n);
      const x1 = k.f64(h1 >> 38n) * 1.4901161193847656e-8;
      const x2 = k.f64((h1 >> 12n) & 0x3ffffffn) * 2.220446049250313e-16;
      const x3 = k.f64(((h1 & 0xfffn) << 40n) | (h0 >> 24n)) * 4.930380657631324e-32;
      const product = x1 * 1.5707963109016418;
      const rest =
        x1 * 1.5893254712295857e-8 +
        x2 * 1.5707963109016418 +
        (x2 * 1.5893254712295857e-8 + (x1 + x2) * 6.123233995736766e-17 + x3 * 1.5707963267948966);
      const reduced = product + rest;
      const signed = x < 0 !== isBelow ? scale * -1 : scale;
      high = reduced * signed;
      low = (product - reduced + rest) * signed;
      const turned = k.i32(p2 >> 62n) + k.i32(isBelow);
      quadrant = x < 0 ? -turned : turned;
    }
    const q = quadrant + turns;
    const z = high * high;
    const zz = z * z;
    const cube = z * high;
    const r =
      8.33333333332248946124e-3 +
      z * (-1.98412698298579493134e-4 + z * 2.75573137070700676789e-6) +
      z * zz * (-2.50507602534068634195e-8 + z * 1.58969099521155010221e-10);
    const sine = high - (z * (0.5 * low - cube * r) - low - cube * -1.66666666666666324348e-1);
    const half = 0.5 * z;
    const first = 1 - half;
    const series =
      z * (4.16666666666666019037e-2 + z * (-1.38888888888741095749e-3 + z * 2.48015872894767294178e-5)) +
      zz * zz * (-2.75573143513906633035e-7 + z * (2.0875723212981748279e-9 + z * -1.13596475577881948265e-11));
    const cosine = first + (1 - first - half + (z * series - high * low));
    const value: number = (q & 1) === 0 ? sine : cosine;
    const turnedValue = (q & 2) === 0 ? value : -value;
    // Infinity minus itself is NaN, as is NaN.
    return k.abs(x) < k.bitcast('f64', k.u64(0x7ff0000000000000n)) ? turnedValue : x - x;
  },
);

/** Sine of radians, to 0.80 ulp, for every f64. */
export const sinF64 = helper('sin_f64', { args: { x: f64 }, returns: f64, uses: { sine: sineF64 } }, (k, { x }) =>
  // Tiny arguments, -0 among them, are their own sine.
  k.abs(x) < 7.450580596923828e-9 ? x : k.uses.sine({ x, turns: 0 }),
);

/** Cosine of radians, to 0.80 ulp, for every f64. */
export const cosF64 = helper('cos_f64', { args: { x: f64 }, returns: f64, uses: { sine: sineF64 } }, (k, { x }) =>
  k.uses.sine({ x, turns: 1 }),
);
