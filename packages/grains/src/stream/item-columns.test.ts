import {
  GpuBridgeError,
  bool,
  f32,
  f64,
  i32,
  i64,
  input,
  output,
  ragged,
  struct,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { ItemBuffer } from './item-buffer.js';
import { checkedColumns, columnsOfItem, inputLayouts, kernelInputs } from './item-columns.js';
import { decodePush, encodePush } from './logged-push.js';

const layouts = inputLayouts({
  by: uniform(i32),
  x: input(f32),
  id: input(i64),
  big: input(u64),
  flag: input(bool),
  pair: input(struct({ a: f64, b: u32 })),
  lines: input(ragged(struct({ account: i32, amount: i64 }))),
  bare: input(ragged(u32)),
  out: output(u32),
});

const good = (): Record<string, unknown> => ({
  x: Float32Array.of(0.5, 1.5),
  id: Float64Array.of(-1, 2 ** 53 - 1),
  big: { low: Uint32Array.of(1, 2), high: Uint32Array.of(0, 2 ** 31) },
  flag: Uint32Array.of(0, 1),
  pair: { a: Float64Array.of(1, 2), b: Uint32Array.of(3, 4) },
  lines: {
    offsets: Uint32Array.of(0, 0, 3),
    columns: { account: Int32Array.of(-1, -2, -3, 99), amount: BigInt64Array.of(5n, 6n, -(2n ** 63n)) },
  },
  bare: { offsets: Uint32Array.of(0, 2, 2), columns: { value: Uint32Array.of(7, 8) } },
});

/** What `good` is as a kernel gets it. */
const stored = {
  x: Float32Array.of(0.5, 1.5),
  id: BigInt64Array.of(-1n, 2n ** 53n - 1n),
  big: BigUint64Array.of(1n, 2n ** 63n + 2n),
  flag: Uint32Array.of(0, 1),
  pair: { a: Float64Array.of(1, 2), b: Uint32Array.of(3, 4) },
  lines: {
    offsets: Uint32Array.of(0, 0, 3),
    columns: { account: Int32Array.of(-1, -2, -3), amount: BigInt64Array.of(5n, 6n, -(2n ** 63n)) },
  },
  bare: { offsets: Uint32Array.of(0, 2, 2), columns: { value: Uint32Array.of(7, 8) } },
};

/** What the columns are after they were copied into a job. */
function collected(...pushes: readonly Parameters<ItemBuffer['append']>[0][]): Record<string, unknown> {
  const buffer = new ItemBuffer(layouts);
  for (const push of pushes) buffer.append(push, 0, push.itemCount);
  return kernelInputs(layouts, buffer.items());
}

/** What a refusal names. */
function refusedField(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error.details.field;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('columns', () => {
  test('of every kind reach the kernel as they were given', () => {
    expect(collected(checkedColumns(layouts, good()))).toEqual(stored);
  });

  test.each<[field: string, change: Record<string, unknown>]>([
    ['x', { x: [1, 2] }],
    ['x', { x: undefined }],
    ['id', { id: new Float32Array(2) }],
    ['id', { id: { low: new Uint32Array(2), high: new Uint32Array(2) } }],
    ['id', { id: new BigInt64Array(3) }],
    ['flag[1]', { flag: Uint32Array.of(0, 2) }],
    ['pair.b', { pair: { a: new Float64Array(2) } }],
    ['pair', { pair: null }],
    ['pair', { pair: { a: new Float64Array(2), b: new Uint32Array(3) } }],
    ['lines.offsets', { lines: undefined }],
    ['lines.offsets', { bare: undefined, lines: { offsets: Uint32Array.of(1), columns: {} } }],
    ['lines.offsets[2]', { lines: { offsets: Uint32Array.of(0, 3, 2), columns: {} } }],
    ['bare', { bare: { offsets: Uint32Array.of(0, 2, 3), columns: { value: new Uint32Array(2) } } }],
    ['items.out', { out: new Uint32Array(2) }],
    ['items.by', { by: 3 }],
  ])('that are wrong in %s are refused', (field, change) => {
    expect(refusedField(() => checkedColumns(layouts, { ...good(), ...change }))).toBe(field);
  });

  test('with a number that is no safe integer are refused', () => {
    const bad = { ...good(), id: Float64Array.of(0, 0.5) };
    expect(() => checkedColumns(layouts, bad)).toThrow('NOT_SAFE_INTEGER');
  });
});

describe('one item', () => {
  const item = {
    x: 0.5,
    id: -1,
    big: 2n ** 64n - 1n,
    flag: true,
    pair: { a: 1, b: 2 },
    lines: [
      { account: 1, amount: 5 },
      { account: -2, amount: -(2n ** 63n) },
    ],
    bare: [],
  };

  test('joins those of columns', () => {
    const both = collected(columnsOfItem(layouts, item), checkedColumns(layouts, good()));
    expect(both).toMatchObject({
      x: Float32Array.of(0.5, 0.5, 1.5),
      big: BigUint64Array.of(2n ** 64n - 1n, 1n, 2n ** 63n + 2n),
      flag: Uint32Array.of(1, 0, 1),
      lines: {
        offsets: Uint32Array.of(0, 2, 2, 5),
        columns: { account: Int32Array.of(1, -2, -1, -2, -3) },
      },
      bare: { offsets: Uint32Array.of(0, 0, 2, 2) },
    });
  });

  test.each<[field: string, change: Record<string, unknown>]>([
    ['x', { x: '1' }],
    ['id', { id: 0.5 }],
    ['id', { id: 2n ** 63n }],
    ['big', { big: -1n }],
    ['flag', { flag: 1 }],
    ['pair.b', { pair: { a: 1, b: -1 } }],
    ['lines', { lines: 3 }],
    ['lines', { lines: [3] }],
    ['lines.account', { lines: [{ account: 2 ** 31, amount: 1n }] }],
    ['item.y', { y: 1 }],
  ])('with a wrong %s is refused', (field, change) => {
    expect(refusedField(() => columnsOfItem(layouts, { ...item, ...change }))).toBe(field);
  });
});

describe('a push in a log', () => {
  const origin = { activationId: 'silo/1', number: 7 };
  const bytes = encodePush(layouts, checkedColumns(layouts, good()), origin);

  test('comes back as it was, without what its lists do not use', () => {
    const push = decodePush(layouts, bytes)!;
    expect(push.origin).toEqual(origin);
    expect(kernelInputs(layouts, push.items)).toEqual(stored);
  });

  test('that is torn, or of another kernel, is none', () => {
    for (let length = 0; length < bytes.byteLength; length += 5)
      expect(decodePush(layouts, bytes.slice(0, length))).toBeUndefined();
    expect(decodePush(layouts.slice(1), bytes)).toBeUndefined();
    const other = layouts.map((layout) => ({ ...layout, name: `${layout.name}-other` }));
    expect(decodePush(other, bytes)).toBeUndefined();
  });
});
