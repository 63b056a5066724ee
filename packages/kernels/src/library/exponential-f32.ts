/**
 * exp, log and pow of f32 in the kernel language. Nothing but 32-bit operations and selects instead of branches, so that
 * four or eight lanes can run them at once.
 */
import { f32 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';

/**
 * e^x, to 0.99 ulp. Polynomial of Cephes `expf` (S. Moshier); 2^n is multiplied in two steps, so that results reach the largest
 * number and round once into the denormals.
 */
export const expF32 = helper('exp_f32', { args: { x: f32 }, returns: f32 }, (k, { x }) => {
  // Beyond these the result is infinity or 0; NaN passes.
  const least = k.select(x < -104, k.f32(-104), x);
  const c = k.select(least > 89, k.f32(89), least);
  // Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
  const shifted = c * 1.44269504 + 12582912;
  const n = shifted - 12582912;
  const r = c - n * 0.693359375 + n * 2.1219444e-4;
  // Estrin's scheme: the same polynomial as a tree, whose parts do not wait for each other.
  const rr = r * r;
  const low = 1.6666665459e-1 * r + 5.0000001201e-1;
  const middle = 8.3334519073e-3 * r + 4.1665795894e-2;
  const high = 1.98756915e-4 * r + 1.3981999507e-3;
  const p = (high * rr + middle) * rr + low;
  const y = p * rr + r + 1;
  const e = k.bitcast('i32', shifted) - 0x4b400000;
  const half = e >> 1;
  return y * k.bitcast('f32', (half + 127) << 23) * k.bitcast('f32', (e - half + 127) << 23);
});

/** Natural logarithm, to 0.81 ulp. Polynomial of Cephes `logf` (S. Moshier). */
export const logF32 = helper('log_f32', { args: { x: f32 }, returns: f32 }, (k, { x }) => {
  const isDenormal = x < 1.17549435e-38;
  const normal = k.select(isDenormal, x * 8388608, x);
  // x = m · 2^e with m from sqrt(1/2) to sqrt(2).
  const bits = k.bitcast('i32', normal) - 0x3f3504f3;
  const e = k.f32((bits >> 23) - k.select(isDenormal, k.i32(23), k.i32(0)));
  const f = k.bitcast('f32', (bits & 0x007fffff) + 0x3f3504f3) - 1;
  const z = f * f;
  const zz = z * z;
  const p0 = -2.4999993993e-1 * f + 3.3333331174e-1;
  const p2 = -1.6668057665e-1 * f + 2.0000714765e-1;
  const p4 = -1.2420140846e-1 * f + 1.4249322787e-1;
  const p6 = -1.151461031e-1 * f + 1.167699874e-1;
  const p = (7.0376836292e-2 * zz + (p6 * z + p4)) * zz + (p2 * z + p0);
  const tail = p * (f * z) - e * 2.1219444e-4 - 0.5 * z;
  const y = f + tail + e * 0.693359375;
  const infinity: number = k.bitcast('f32', k.u32(0x7f800000));
  const nan = k.bitcast('f32', k.u32(0x7fc00000));
  return k.select(x > 0, k.select(x < infinity, y, x), k.select(x === 0, -infinity, nan));
});

/**
 * x^y, to 0.90 ulp, with the special cases of C99 (annex F.9.4.4). log2(x) and its product with y are carried as the sum of two f32,
 * as in FreeBSD's `e_powf.c` (Sun Microsystems, I. L. Taylor).
 */
export const powF32 = helper('pow_f32', { args: { x: f32, y: f32 }, returns: f32 }, (k, { x, y }) => {
  const infinity: number = k.bitcast('f32', k.u32(0x7f800000));
  const ax = k.abs(x);
  const ay = k.abs(y);
  // |x| = m · 2^e, and u / (m + b) small, where b is 1 or 1.5.
  const isDenormal = ax < 1.17549435e-38;
  const bits = k.bitcast('i32', k.select(isDenormal, ax * 16777216, ax));
  const mantissa = bits & 0x007fffff;
  const isUpper = mantissa >= 0x5db3d7;
  const isMiddle = mantissa > 0x1cc471 && !isUpper;
  const e = (bits >> 23) - k.select(isDenormal, k.i32(151), k.i32(127)) + k.select(isUpper, k.i32(1), k.i32(0));
  const mBits = (mantissa | 0x3f800000) - k.select(isUpper, k.i32(0x00800000), k.i32(0));
  const m = k.bitcast('f32', mBits);
  const b = k.select(isMiddle, k.f32(1.5), k.f32(1));
  const u = m - b;
  const v = 1 / (m + b);
  const s = u * v;
  const sHigh = k.bitcast('f32', k.bitcast('i32', s) & -4096);
  const sumHigh = k.bitcast(
    'f32',
    (((mBits >> 1) & -4096) | 0x20000000) + 0x00400000 + k.select(isMiddle, k.i32(0x00200000), k.i32(0)),
  );
  const sumLow = m - (sumHigh - b);
  const sLow = v * (u - sHigh * sumHigh - sHigh * sumLow);
  // log(m / b) = 2s + 2/3 s³ + …
  const s2 = s * s;
  const series =
    s2 *
      s2 *
      (0.60000002384 +
        s2 *
          (0.42857143283 + s2 * (0.33333334327 + s2 * (0.27272811532 + s2 * (0.23066075146 + s2 * 0.20697501302))))) +
    sLow * (sHigh + s);
  const square = sHigh * sHigh;
  const factorHigh = k.bitcast('f32', k.bitcast('i32', 3 + square + series) & -4096);
  const factorLow = series - (factorHigh - 3 - square);
  const productHigh = sHigh * factorHigh;
  const productLow = sLow * factorHigh + factorLow * s;
  const pHigh = k.bitcast('f32', k.bitcast('i32', productHigh + productLow) & -4096);
  const pLow = productLow - (pHigh - productHigh);
  // Times 2 / (3 ln 2), plus log2(b) and e.
  const zHigh = 0.9619140625 * pHigh;
  const zLow = -1.1736857402e-4 * pHigh + pLow * 0.96179670095 + k.select(isMiddle, k.f32(1.56322085e-6), k.f32(0));
  const bHigh = k.select(isMiddle, k.f32(0.584960938), k.f32(0));
  const ef = k.f32(e);
  const logHigh = k.bitcast('f32', k.bitcast('i32', zHigh + zLow + bHigh + ef) & -4096);
  const logLow = zLow - (logHigh - ef - bHigh - zHigh);
  // y · log2|x| = high + low
  const yHigh = k.bitcast('f32', k.bitcast('i32', y) & -4096);
  const low = (y - yHigh) * logHigh + y * logLow;
  const high = yHigh * logHigh;
  const z = low + high;
  // 2^z
  const shifted = k.select(k.abs(z) < 200, z, k.f32(0)) + 12582912;
  const rest = high - (shifted - 12582912);
  const tHigh = k.bitcast('f32', k.bitcast('i32', low + rest) & -32768);
  const wide = tHigh * 0.693145752;
  const narrow = (low - (tHigh - rest)) * 0.69314718246 + tHigh * 1.42860654e-6;
  const t = wide + narrow;
  const w = narrow - (t - wide);
  const tt = t * t;
  const q =
    t -
    tt *
      (0.16666667163 + tt * (-2.777777845e-3 + tt * (6.613755977e-5 + tt * (-1.6533901999e-6 + tt * 4.1381369442e-8))));
  const power = 1 - ((t * q) / (q - 2) - (w + t * w) - t);
  const n = k.bitcast('i32', shifted) - 0x4b400000;
  const half = n >> 1;
  const scaled = power * k.bitcast('f32', (half + 127) << 23) * k.bitcast('f32', (n - half + 127) << 23);
  const finite = k.select(z >= 129, infinity, k.select(z <= -151, k.f32(0), scaled));
  // Where |x| or |y| has no logarithm or no finite value.
  const grows = ax > 1 === y > 0;
  const ofY = k.select(ax === 1, k.f32(1), k.select(grows, infinity, k.f32(0)));
  const ofX = k.select((ax === 0) === y < 0, infinity, k.f32(0));
  const magnitude: number = k.select(ay === infinity, ofY, k.select(ax === 0 || ax === infinity, ofX, finite));
  // From 2^24 on every f32 is even; infinity counts as even.
  const isWhole = k.floor(y) === y;
  const isOdd = isWhole && ay < 16777216 && k.floor(y * 0.5) * 2 !== y;
  const signed = k.select(isOdd && k.bitcast('i32', x) < 0, -magnitude, magnitude);
  const isRoot = x < 0 && ax < infinity && !isWhole;
  const isNan = x !== x || y !== y || isRoot;
  return k.select(x === 1 || y === 0, k.f32(1), k.select(isNan, k.bitcast('f32', k.u32(0x7fc00000)), signed));
});
