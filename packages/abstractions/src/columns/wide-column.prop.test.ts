import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WideColumn, fillWide } from './wide-column.js';

const LIMIT = 2 ** 53 - 1;
/** Safe integers, with the neighbourhoods where a word or a sign changes well represented. */
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc
    .tuple(fc.integer({ min: 0, max: 53 }), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1, -1))
    .map(([bit, delta, sign]) => sign * Math.min(LIMIT, Math.max(0, 2 ** bit + delta))),
  fc.constantFrom(0, -0, LIMIT, -LIMIT),
);

describe('64-bit columns filled from numbers', () => {
  it('hold what BigInt says, and read back as the same numbers', () => {
    fc.assert(
      fc.property(fc.array(safe, { maxLength: 40 }), (values) => {
        const target = new BigInt64Array(values.length);
        fillWide(target, Float64Array.from(values));
        expect([...target]).toEqual(values.map((v) => BigInt(v)));
        const column = new WideColumn(target);
        values.forEach((v, i) => expect(column.numberAt(i)).toBe(v + 0)); // 0 for -0
      }),
    );
  });

  it('hold the same when they are unsigned', () => {
    fc.assert(
      fc.property(fc.array(safe.map(Math.abs), { maxLength: 40 }), (values) => {
        const target = new BigUint64Array(values.length);
        fillWide(target, Float64Array.from(values));
        expect([...target]).toEqual(values.map((v) => BigInt(v)));
        const column = new WideColumn(target);
        values.forEach((v, i) => expect(column.numberAt(i)).toBe(v));
      }),
    );
  });

  it('read any 64 bits exactly or not at all', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const column = new WideColumn(BigInt64Array.of(value));
        if (value >= BigInt(-LIMIT) && value <= BigInt(LIMIT)) expect(BigInt(column.numberAt(0))).toBe(value);
        else expect(() => column.numberAt(0)).toThrow(/NOT_SAFE_INTEGER/);
      }),
      { numRuns: 500 },
    );
  });
});
