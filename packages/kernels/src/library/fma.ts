/** Multiply-add rounded once, for targets without the instruction. */
import { f32, f64, i32, u64 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';
import { mulHighU64 } from './multiply.js';

/**
 * x · y + z. The product is exact in f64; the sum is rounded to odd (its last bit stands for whatever was lost), so that
 * rounding it again to f32 errs no more (Boldo and Melquiond, 2008).
 */
export const fmaF32 = helper('fma_f32', { args: { x: f32, y: f32, z: f32 }, returns: f32 }, (k, { x, y, z }) => {
  const product = k.f64(x) * k.f64(y);
  const term = k.f64(z);
  const sum = product + term;
  const back = sum - product;
  const lost = product - (sum - back) + (term - back);
  const bits = k.bitcast('u64', sum);
  // Of infinities and NaN the loss is NaN, and nothing is adjusted.
  const isInexact = lost > 0 || lost < 0;
  const grows = lost > 0 === sum > 0;
  const odd = k.select(isInexact && (bits & 1n) === 0n, k.select(grows, bits + 1n, bits - 1n), bits);
  return k.f32(k.bitcast('f64', odd));
});

/** The 53 digits of a number's mantissa and a 0 below them, denormals brought to the same form. */
const mantissaOf = helper('fma_mantissa', { args: { x: f64 }, returns: u64 }, (k, { x }) => {
  const isDenormal = k.abs(x) < 2.2250738585072014e-308;
  const bits = k.bitcast('u64', isDenormal ? x * 9223372036854775808 : x);
  return ((bits & 0x000fffffffffffffn) | 0x0010000000000000n) << 1n;
});

/** The exponent that belongs to that mantissa; above 970 for 0 (largest), infinity and NaN. */
const exponentOf = helper('fma_exponent', { args: { x: f64 }, returns: i32 }, (k, { x }) => {
  const field = k.i32((k.bitcast('u64', x) >> 52n) & 0x7ffn);
  if (field !== 0) return field - 1076;
  const scaled = k.i32((k.bitcast('u64', x * 9223372036854775808) >> 52n) & 0x7ffn);
  return scaled === 0 ? k.i32(972) : scaled - 1139;
});

/** x · y + z in integers of 128 bits, after musl's `fma.c` (S. Nagy). */
export const fmaF64 = helper(
  'fma_f64',
  {
    args: { x: f64, y: f64, z: f64 },
    returns: f64,
    uses: { mantissaOf, exponentOf, mulHigh: mulHighU64 },
  },
  (k, { x, y, z }) => {
    const ex = k.uses.exponentOf({ x });
    const ey = k.uses.exponentOf({ x: y });
    const ez = k.uses.exponentOf({ x: z });
    if (ex > 970 || ey > 970) return x * y + z;
    if (ez > 970) return ez > 971 ? x * y : z;
    const mx = k.uses.mantissaOf({ x });
    const my = k.uses.mantissaOf({ x: y });
    const mz = k.uses.mantissaOf({ x: z });
    let rHigh = k.uses.mulHigh({ a: mx, b: my });
    let rLow = mx * my;
    let zHigh = k.u64(0n);
    let zLow = mz;
    // Bring both to one exponent; the last bit stands for everything that is shifted out.
    let e = ex + ey;
    const d = k.u64(ez - e);
    if (ez > e) {
      if (d < 64n) {
        zHigh = mz >> (64n - d);
        zLow = mz << d;
      } else {
        zHigh = mz;
        zLow = 0n;
        e = ez - 64;
        const down = d - 64n;
        if (down >= 64n) {
          rLow = 1n;
          rHigh = 0n;
        } else if (down > 0n) {
          rLow = (rHigh << (64n - down)) | (rLow >> down) | k.u64(rLow << (64n - down) !== 0n);
          rHigh = rHigh >> down;
        }
      }
    } else if (ez < e) {
      const down = k.u64(e - ez);
      zLow = down < 64n ? (mz >> down) | k.u64(mz << (64n - down) !== 0n) : k.u64(1n);
    }
    let isNegative = (k.bitcast('i64', x) ^ k.bitcast('i64', y)) < 0n;
    if (isNegative === k.bitcast('i64', z) < 0n) {
      rLow += zLow;
      rHigh += zHigh + k.u64(rLow < zLow);
    } else {
      const before = rLow;
      rLow -= zLow;
      rHigh = rHigh - zHigh - k.u64(before < rLow);
      if (rHigh >> 63n === 1n) {
        rLow = 0n - rLow;
        rHigh = 0n - rHigh - k.u64(rLow !== 0n);
        isNegative = !isNegative;
      }
    }
    // The top 63 digits of the sum, the last one standing for what is below.
    if (rHigh !== 0n) {
      e += 64;
      const up = k.clz(rHigh) - 1n;
      // Shifting by 64 would not shift at all.
      const below = up === 0n ? k.u64(0n) : rLow >> (64n - up);
      rHigh = (rHigh << up) | below | k.u64(rLow << up !== 0n);
      e -= k.i32(up);
    } else if (rLow !== 0n) {
      if (rLow >> 63n === 1n) {
        rHigh = (rLow >> 1n) | (rLow & 1n);
        e += 1;
      } else {
        const up = k.clz(rLow) - 1n;
        rHigh = rLow << up;
        e -= k.i32(up);
      }
    } else {
      return x * y + z;
    }
    // A denormal result keeps fewer digits: drop the others here, so that it rounds only once.
    if (e < -1084) {
      const drop = k.u64(k.min(-1074 - e, 63));
      const kept = rHigh >> drop;
      const rest = rHigh & ((k.u64(1n) << drop) - 1n);
      const half = k.u64(1n) << (drop - 1n);
      const isUp = rest > half || (rest === half && (kept & 1n) === 1n);
      // With 64 digits to drop it is less than half of the smallest number.
      const rounded = e < -1137 ? k.u64(0n) : kept + k.u64(isUp);
      const tiny = k.bitcast('f64', rounded);
      return isNegative ? tiny * -1 : tiny;
    }
    const i = k.i64(rHigh);
    const r = k.f64(isNegative ? 0n - i : i);
    const half = e >> 1;
    return r * k.bitcast('f64', k.u64(half + 1023) << 52n) * k.bitcast('f64', k.u64(e - half + 1023) << 52n);
  },
);
