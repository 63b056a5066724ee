import { u32, u64 } from '@gpu-bridge/abstractions';
import { helper } from '../authoring/define-helper.js';

/** Upper 32 bits of the product of two u32, by halves: lanes of 32 bits have no wider product. */
export const mulHighU32 = helper('mul_high_u32', { args: { a: u32, b: u32 }, returns: u32 }, (k, { a, b }) => {
  const aLow = a & 0xffff;
  const aHigh = a >> 16;
  const bLow = b & 0xffff;
  const bHigh = b >> 16;
  const cross = aHigh * bLow + ((aLow * bLow) >> 16);
  const carry = aLow * bHigh + (cross & 0xffff);
  return aHigh * bHigh + (cross >> 16) + (carry >> 16);
});

/** Upper 64 bits of the product of two u64. */
export const mulHighU64 = helper('mul_high_u64', { args: { a: u64, b: u64 }, returns: u64 }, (k, { a, b }) => {
  const aLow = a & 0xffffffffn;
  const aHigh = a >> 32n;
  const bLow = b & 0xffffffffn;
  const bHigh = b >> 32n;
  const cross = aHigh * bLow + ((aLow * bLow) >> 32n);
  const carry = aLow * bHigh + (cross & 0xffffffffn);
  return aHigh * bHigh + (cross >> 32n) + (carry >> 32n);
});
