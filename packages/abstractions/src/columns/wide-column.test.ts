import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { WideColumn, checkWide, fillWide } from './wide-column.js';

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return GpuBridgeError.is(error) ? error.code : 'another error';
  }
}

describe('WideColumn', () => {
  it('reads every safe integer as a number, and refuses the first beyond on either side', () => {
    const limit = 2n ** 53n;
    const values = [0n, 1n, -1n, 2n ** 32n - 1n, 2n ** 32n, -(2n ** 32n), limit - 1n, -(limit - 1n)];
    const column = new WideColumn(BigInt64Array.from(values));
    expect(column.length).toBe(values.length);
    values.forEach((value, i) => {
      expect(column.numberAt(i)).toBe(Number(value));
      expect(column.bigintAt(i)).toBe(value);
    });

    const beyond = [limit, -limit, limit + 1n, -limit - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    const outside = new WideColumn(BigInt64Array.from(beyond));
    beyond.forEach((value, i) => {
      expect(codeOf(() => outside.numberAt(i))).toBe('NOT_SAFE_INTEGER');
      expect(outside.bigintAt(i)).toBe(value);
    });
    const unsigned = new WideColumn(BigUint64Array.from([limit - 1n, limit, 2n ** 64n - 1n]));
    expect(unsigned.numberAt(0)).toBe(2 ** 53 - 1);
    expect(codeOf(() => unsigned.numberAt(1))).toBe('NOT_SAFE_INTEGER');
    expect(codeOf(() => unsigned.numberAt(2))).toBe('NOT_SAFE_INTEGER');
  });

  it('says which element is not safe and what it is', () => {
    const column = new WideColumn(BigInt64Array.of(1n, -(2n ** 60n)));
    expect(() => column.numberAt(1)).toThrow('element 1 is -1152921504606846976');
  });

  it.each([-1, 2, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses index %s instead of reading half of two values',
    (index) => {
      const column = new WideColumn(BigInt64Array.of(1n, 2n));
      expect(codeOf(() => column.numberAt(index))).toBe('INVALID_ARGUMENT');
      expect(codeOf(() => column.bigintAt(index))).toBe('INVALID_ARGUMENT');
    },
  );

  it("is a view at the array's own offset", () => {
    const array = BigInt64Array.of(5n, 6n, 7n).subarray(1);
    const column = new WideColumn(array);
    array[0] = -6n;
    expect(column.numberAt(0)).toBe(-6);
  });
});

describe('fillWide', () => {
  it('refuses what is not a safe integer, names the element and keeps what came before', () => {
    for (const wrong of [2 ** 53, -(2 ** 53), 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const target = new BigInt64Array(3);
      expect(() => fillWide(target, Float64Array.of(4, wrong, 5))).toThrow(/element 1/);
      expect([...target]).toEqual([4n, 0n, 0n]);
      expect(codeOf(() => checkWide(Float64Array.of(4, wrong), 'i64'))).toBe('NOT_SAFE_INTEGER');
    }
    expect(codeOf(() => fillWide(new BigUint64Array(1), Float64Array.of(-1)))).toBe('NOT_SAFE_INTEGER');
    expect(codeOf(() => checkWide(Float64Array.of(-1), 'u64'))).toBe('NOT_SAFE_INTEGER');
    expect(codeOf(() => checkWide(Float64Array.of(-1), 'i64'))).toBeUndefined();
  });

  it('refuses a target that is too short instead of dropping the rest', () => {
    const target = new BigInt64Array(1);
    expect(codeOf(() => fillWide(target, Float64Array.of(1, 2)))).toBe('INVALID_ARGUMENT');
    expect(target[0]).toBe(0n);
  });

  it('leaves the rest of a longer target alone', () => {
    const target = BigInt64Array.of(9n, 9n);
    fillWide(target, Float64Array.of(1));
    expect([...target]).toEqual([1n, 9n]);
  });
});
