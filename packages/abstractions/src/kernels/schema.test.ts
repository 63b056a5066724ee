import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { f32, f64, i64, isWide, sizeOf, u32 } from './dtype.js';
import { scratch } from './params.js';
import { columnsOf, ragged, struct } from './schema.js';
import type { Extent, StructFields } from './schema.js';

function fieldRefused(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error.details.field;
    throw error;
  }
}

describe('struct', () => {
  it('keeps its fields in order', () => {
    const line = struct({ account: u32, amount: i64, rate: f64 });
    expect(columnsOf(line)).toEqual([
      { name: 'account', dtype: 'u32' },
      { name: 'amount', dtype: 'i64' },
      { name: 'rate', dtype: 'f64' },
    ]);
    expect(columnsOf(f32)).toEqual([{ name: 'value', dtype: 'f32' }]);
  });

  it.each(['length', 'capacity', 'push', 'get', 'value', '0', 'a-b', '', 'a b', 'ä'])(
    'refuses the field name %o',
    (name) => {
      expect(fieldRefused(() => struct({ [name]: u32 }))).toBe('fields');
    },
  );

  it('refuses no fields and fields that are no scalars', () => {
    expect(fieldRefused(() => struct({}))).toBe('fields');
    const wrong = [struct({ a: u32 }), ragged(u32), 'u32', undefined];
    for (const type of wrong)
      expect(fieldRefused(() => struct({ a: type } as unknown as StructFields))).toBe('fields.a');
  });
});

describe('an extent', () => {
  it('is two non-negative integers below 2^20', () => {
    expect(ragged(u32, { max: [0, 0] }).max).toEqual([0, 0]);
    expect(ragged(u32, { max: [2 ** 20 - 1, 2 ** 20 - 1], per: 'lines' }).per).toBe('lines');
    expect(ragged(u32)).toEqual({ kind: 'ragged', element: u32 });
    const wrong = [
      [1],
      [1, 2, 3],
      [-1, 0],
      [0.5, 1],
      [0, 2 ** 20],
      [Number.NaN, 1],
      ['1', 1],
      'ab',
      { 0: 1, 1: 2, length: 2 },
      undefined,
    ];
    for (const max of wrong) {
      expect(fieldRefused(() => ragged(u32, { max: max as unknown as Extent }))).toBe('max');
      expect(fieldRefused(() => scratch(u32, { max: max as unknown as Extent }))).toBe('max');
    }
  });
});

describe('a dtype', () => {
  it('has a size, and is wide when it is a 64-bit integer', () => {
    const sizes = (['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool'] as const).map((d) => [d, sizeOf(d), isWide(d)]);
    expect(sizes).toEqual([
      ['f32', 4, false],
      ['f64', 8, false],
      ['i32', 4, false],
      ['u32', 4, false],
      ['i64', 8, true],
      ['u64', 8, true],
      ['bool', 4, false],
    ]);
  });
});
