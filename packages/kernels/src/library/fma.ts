import { f32 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';

/**
 * x · y + z rounded once, for targets without the instruction. The product is exact in f64; the sum is rounded to odd (its
 * last bit stands for whatever was lost), so that rounding it again to f32 errs no more (Boldo and Melquiond, 2008).
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
