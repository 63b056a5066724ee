import { GpuBridgeError } from '@gpu-bridge/abstractions';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeValue, encodeValue } from './codec.js';

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(undefined, null, true, false, -0, NaN, Infinity, -Infinity),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
    fc.string({ unit: 'binary' }),
    // Lone surrogates too.
    fc.array(fc.nat(0xffff), { maxLength: 300 }).map((units) => String.fromCharCode(...units)),
    fc.int8Array(),
    fc.uint16Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
    fc.array(tie('any'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__'),
      tie('any'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).any;

test('any plain data comes back as it was', () => {
  fc.assert(
    fc.property(value, (original) => {
      expect(decodeValue(encodeValue(original))).toStrictEqual(original);
    }),
    { numRuns: 2_000 },
  );
});

/** Decodes, or fails as told. */
function attempt(bytes: Uint8Array): void {
  try {
    decodeValue(bytes);
  } catch (error) {
    if (!GpuBridgeError.is(error, 'MESSAGE_INVALID')) throw error;
  }
}

test('random bytes decode, or are refused as such', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { numRuns: 20_000 });
});

test('values with changed, missing and additional bytes decode, or are refused as such', () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), do: fc.constantFrom('set', 'cut', 'add') });
  fc.assert(
    fc.property(value, fc.array(change, { minLength: 1, maxLength: 4 }), (original, changes) => {
      let bytes = [...encodeValue(original)];
      for (const { at, byte, do: how } of changes) {
        const index = at % (bytes.length + 1);
        if (how === 'set') bytes[index] = byte;
        else if (how === 'cut') bytes = bytes.slice(0, index);
        else bytes.splice(index, 0, byte);
      }
      attempt(Uint8Array.from(bytes));
    }),
    { numRuns: 5_000 },
  );
});
