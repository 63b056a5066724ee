/** exp, log and pow of f64 in the kernel language, after FreeBSD's msun (Sun Microsystems, 1993 and 2004). */
import { f64 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';

/** e^x, to 0.90 ulp; approximation of `e_exp.c`. 2^n is multiplied in two steps, as in the form for f32. */
export const expF64 = helper('exp_f64', { args: { x: f64 }, returns: f64 }, (k, { x }) => {
  const c = k.select(x > 710, k.f64(710), k.select(x < -746, k.f64(-746), x));
  // Adding 1.5 · 2^52 rounds to an integer.
  const n = c * 1.4426950408889634 + 6755399441055744 - 6755399441055744;
  const high = c - n * 6.9314718036912381649e-1;
  const low = n * 1.90821492927058770002e-10;
  const r = high - low;
  const t = r * r;
  const p =
    r -
    t *
      (1.66666666666666019037e-1 +
        t *
          (-2.77777777770155933842e-3 +
            t * (6.61375632143793436117e-5 + t * (-1.6533902205465251539e-6 + t * 4.13813679705723846039e-8))));
  const y = 1 - (low - (r * p) / (2 - p) - high);
  const e = k.i32(n);
  const half = e >> 1;
  return y * k.bitcast('f64', k.i64(half + 1023) << 52n) * k.bitcast('f64', k.i64(e - half + 1023) << 52n);
});

/** Natural logarithm, to 0.85 ulp; approximation of `e_log.c`. */
export const logF64 = helper('log_f64', { args: { x: f64 }, returns: f64 }, (k, { x }) => {
  const isDenormal = x < 2.2250738585072014e-308;
  const normal = k.select(isDenormal, x * 18014398509481984, x);
  // x = m · 2^e with m from sqrt(1/2) to sqrt(2).
  const bits = k.bitcast('i64', normal) - 0x3fe6a09e00000000n;
  const e = k.f64(k.i32(bits >> 52n) - k.select(isDenormal, k.i32(54), k.i32(0)));
  const f = k.bitcast('f64', (bits & 0x000fffffffffffffn) + 0x3fe6a09e00000000n) - 1;
  const square = 0.5 * f * f;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const odd =
    z *
    (6.66666666666673513e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const y = s * (square + (odd + even)) + e * 1.90821492927058770002e-10 - square + f + e * 6.9314718036912381649e-1;
  const infinity: number = k.bitcast('f64', k.u64(0x7ff0000000000000n));
  const nan = k.bitcast('f64', k.u64(0x7ff8000000000000n));
  return k.select(x > 0, k.select(x < infinity, y, x), k.select(x === 0, -infinity, nan));
});

/**
 * x^y, to 0.85 ulp, with the special cases of C99 (annex F.9.4.4). log2(x) and its product with y are carried as the sum of two f64, as in
 * `e_pow.c`.
 */
export const powF64 = helper('pow_f64', { args: { x: f64, y: f64 }, returns: f64 }, (k, { x, y }) => {
  const infinity: number = k.bitcast('f64', k.u64(0x7ff0000000000000n));
  const ax = k.abs(x);
  const ay = k.abs(y);
  // |x| = m · 2^e, and u / (m + b) small, where b is 1 or 1.5.
  const isDenormal = ax < 2.2250738585072014e-308;
  const bits = k.bitcast('i64', k.select(isDenormal, ax * 18014398509481984, ax));
  const mantissa = bits & 0x000fffffffffffffn;
  const isUpper = mantissa >= 0x000bb67a00000000n;
  const isMiddle = mantissa >= 0x0003988f00000000n && !isUpper;
  const e = k.i32(bits >> 52n) - k.select(isDenormal, k.i32(1077), k.i32(1023)) + k.i32(isUpper);
  const mBits = (mantissa | 0x3ff0000000000000n) - k.select(isUpper, k.i64(0x0010000000000000n), k.i64(0n));
  const m = k.bitcast('f64', mBits);
  const b = k.select(isMiddle, k.f64(1.5), k.f64(1));
  const u = m - b;
  const v = 1 / (m + b);
  const s = u * v;
  const sHigh = k.bitcast('f64', k.bitcast('i64', s) & -4294967296n);
  const sumBits =
    (((mBits >> 1n) & -4294967296n) | 0x2000000000000000n) +
    0x0008000000000000n +
    k.select(isMiddle, k.i64(0x0004000000000000n), k.i64(0n));
  const sumHigh = k.bitcast('f64', sumBits);
  const sumLow = m - (sumHigh - b);
  const sLow = v * (u - sHigh * sumHigh - sHigh * sumLow);
  // log(m / b) = 2s + 2/3 s³ + …
  const s2 = s * s;
  const series =
    s2 *
      s2 *
      (5.99999999999994648725e-1 +
        s2 *
          (4.28571428578550184252e-1 +
            s2 *
              (3.33333329818377432918e-1 +
                s2 *
                  (2.72728123808534006489e-1 + s2 * (2.30660745775561754067e-1 + s2 * 2.06975017800338417784e-1))))) +
    sLow * (sHigh + s);
  const square = sHigh * sHigh;
  const factorHigh = k.bitcast('f64', k.bitcast('i64', 3 + square + series) & -4294967296n);
  const factorLow = series - (factorHigh - 3 - square);
  const productHigh = sHigh * factorHigh;
  const productLow = sLow * factorHigh + factorLow * s;
  const pHigh = k.bitcast('f64', k.bitcast('i64', productHigh + productLow) & -4294967296n);
  const pLow = productLow - (pHigh - productHigh);
  // Times 2 / (3 ln 2), plus log2(b) and e.
  const zHigh = 9.61796700954437255859e-1 * pHigh;
  const zLow =
    -7.02846165095275826516e-9 * pHigh +
    pLow * 9.61796693925975554329e-1 +
    k.select(isMiddle, k.f64(1.35003920212974897128e-8), k.f64(0));
  const bHigh = k.select(isMiddle, k.f64(5.84962487220764160156e-1), k.f64(0));
  const ef = k.f64(e);
  const logHigh = k.bitcast('f64', k.bitcast('i64', zHigh + zLow + bHigh + ef) & -4294967296n);
  const logLow = zLow - (logHigh - ef - bHigh - zHigh);
  // y · log2|x| = high + low
  const yHigh = k.bitcast('f64', k.bitcast('i64', y) & -4294967296n);
  const low = (y - yHigh) * logHigh + y * logLow;
  const high = yHigh * logHigh;
  const z = low + high;
  // 2^z
  const n = k.select(k.abs(z) < 1200, z, k.f64(0)) + 6755399441055744 - 6755399441055744;
  const rest = high - n;
  const tHigh = k.bitcast('f64', k.bitcast('i64', low + rest) & -4294967296n);
  const wide = tHigh * 6.93147182464599609375e-1;
  const narrow = (low - (tHigh - rest)) * 6.93147180559945286227e-1 + tHigh * -1.90465429995776804525e-9;
  const t = wide + narrow;
  const w = narrow - (t - wide);
  const tt = t * t;
  const q =
    t -
    tt *
      (1.66666666666666019037e-1 +
        tt *
          (-2.77777777770155933842e-3 +
            tt * (6.61375632143793436117e-5 + tt * (-1.6533902205465251539e-6 + tt * 4.13813679705723846039e-8))));
  const power = 1 - ((t * q) / (q - 2) - (w + t * w) - t);
  const en = k.i32(n);
  const half = en >> 1;
  const scaled = power * k.bitcast('f64', k.i64(half + 1023) << 52n) * k.bitcast('f64', k.i64(en - half + 1023) << 52n);
  const finite = k.select(z >= 1025, infinity, k.select(z <= -1076, k.f64(0), scaled));
  // Where |x| or |y| has no logarithm or no finite value.
  const grows = ax > 1 === y > 0;
  const ofY = k.select(ax === 1, k.f64(1), k.select(grows, infinity, k.f64(0)));
  const ofX = k.select((ax === 0) === y < 0, infinity, k.f64(0));
  const magnitude: number = k.select(ay === infinity, ofY, k.select(ax === 0 || ax === infinity, ofX, finite));
  // From 2^53 on every f64 is even; infinity counts as even.
  const isWhole = k.floor(y) === y;
  const isOdd = isWhole && ay < 9007199254740992 && k.floor(y * 0.5) * 2 !== y;
  const signed = k.select(isOdd && k.bitcast('i64', x) < 0n, -magnitude, magnitude);
  const isRoot = x < 0 && ax < infinity && !isWhole;
  const isNan = x !== x || y !== y || isRoot;
  return k.select(x === 1 || y === 0, k.f64(1), k.select(isNan, k.bitcast('f64', k.u64(0x7ff8000000000000n)), signed));
});
