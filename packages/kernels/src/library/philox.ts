/** Random numbers without state: a function of a counter and a key. */
import { f32, f64, struct, u32 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';
import { mulHighU32 } from './multiply.js';

/**
 * Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): four random words
 * for a counter of four words and a key of two. Equal counters and keys give equal words on every target; counters that
 * differ in any bit give independent ones, so an id, a round and a purpose make a good counter, and a seed a good key.
 *
 * In a kernel with `uses: { philox4x32 }`:
 * `const r = k.uses.philox4x32({ c0: k.global.x, c1: 0, c2: 0, c3: 0, k0: seed, k1: 0 });` and then `r.x`, `r.y`, `r.z`, `r.w`.
 */
export const philox4x32 = helper(
  'philox4x32',
  {
    args: { c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32 },
    returns: struct({ x: u32, y: u32, z: u32, w: u32 }),
    uses: { mulHigh: mulHighU32 },
  },
  (k, { c0, c1, c2, c3, k0, k1 }) => {
    let x = c0;
    let y = c1;
    let z = c2;
    let w = c3;
    let key0 = k0;
    let key1 = k1;
    for (let round = k.u32(0); round < 10; round++) {
      const high0 = k.uses.mulHigh({ a: x, b: 0xd2511f53 });
      const high1 = k.uses.mulHigh({ a: z, b: 0xcd9e8d57 });
      const low0 = x * 0xd2511f53;
      const low1 = z * 0xcd9e8d57;
      x = high1 ^ y ^ key0;
      y = low1;
      z = high0 ^ w ^ key1;
      w = low0;
      key0 += 0x9e3779b9;
      key1 += 0xbb67ae85;
    }
    return { x, y, z, w };
  },
);

/** A random word as a number from 0 to 1, without 1: its upper 24 bits, all of them equally likely. */
export const unitF32 = helper(
  'unit_f32',
  { args: { word: u32 }, returns: f32 },
  (k, { word }) => k.f32(word >> 8) * 5.9604644775390625e-8,
);

/** Two random words as a number from 0 to 1, without 1: 53 of their bits, all equally likely. */
export const unitF64 = helper(
  'unit_f64',
  { args: { high: u32, low: u32 }, returns: f64 },
  (k, { high, low }) => (k.f64(high >> 5) * 67108864 + k.f64(low >> 6)) * 1.1102230246251565e-16,
);
