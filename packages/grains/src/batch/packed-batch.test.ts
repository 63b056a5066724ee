import { WideColumn } from '@gpu-bridge/abstractions';
import type { RaggedOutput } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { batchFrom, packBatch, unpackBatch } from './packed-batch.js';

/** Lists of two elements of room each. */
const lists: RaggedOutput = {
  counts: Uint32Array.of(2, 0, 1),
  start: (item) => 2 * item,
  columns: {
    account: Uint32Array.of(7, 8, 0, 0, 9, 0),
    amount: new WideColumn(BigInt64Array.of(1n, -2n, 0n, 0n, 3n, 0n)),
  },
};

function crossed(columns: Record<string, unknown>): Record<string, unknown> {
  const batch = { jobId: 'job-1', firstItem: 4, itemCount: 3, columns };
  const unpacked = unpackBatch<Record<string, unknown>>(structuredClone(packBatch(batch)));
  expect(unpacked).toMatchObject({ jobId: 'job-1', firstItem: 4, itemCount: 3 });
  return unpacked.columns;
}

describe('a batch that crosses', () => {
  test('has its typed arrays', () => {
    expect(crossed({ y: Float32Array.of(1, 2), n: Uint8Array.of(1) })).toEqual({
      y: Float32Array.of(1, 2),
      n: Uint8Array.of(1),
    });
  });

  test('has wide columns that read numbers and bigints', () => {
    const { total, count } = crossed({
      total: new WideColumn(BigInt64Array.of(-5n, 2n ** 60n)),
      count: new WideColumn(BigUint64Array.of(2n ** 63n)),
    }) as Record<string, WideColumn>;
    expect(total).toBeInstanceOf(WideColumn);
    expect([total!.numberAt(0), total!.bigintAt(1), total!.length]).toEqual([-5, 2n ** 60n, 2]);
    expect(count!.bigintAt(0)).toBe(2n ** 63n);
  });

  test('has fields of structs, whatever their names', () => {
    const columns = {
      pair: { wide: Float64Array.of(1), fields: new WideColumn(BigInt64Array.of(2n)) },
      wide: Int32Array.of(3),
    };
    expect(crossed(columns)).toEqual(columns);
  });

  test('has lists whose elements are where they were', () => {
    const { flows } = crossed({ flows: lists }) as {
      flows: RaggedOutput<{ account: Uint32Array; amount: WideColumn }>;
    };
    expect(flows.counts).toEqual(lists.counts);
    expect([0, 1, 2].map((item) => flows.start(item))).toEqual([0, 2, 4]);
    expect(flows.columns.account[flows.start(2)]).toBe(9);
    expect(flows.columns.amount.numberAt(flows.start(0) + 1)).toBe(-2);
    const bare = crossed({ hits: { ...lists, columns: Uint32Array.of(1, 2, 3, 4, 5, 6) } }) as { hits: RaggedOutput };
    expect(bare.hits.columns).toEqual(Uint32Array.of(1, 2, 3, 4, 5, 6));
  });
});

describe('a batch of which some items are known', () => {
  const whole = unpackBatch<Record<string, unknown>>(
    structuredClone(
      packBatch({
        jobId: 'job-1',
        firstItem: 4,
        itemCount: 3,
        columns: {
          y: Float32Array.of(1, 2, 3),
          pair: { wide: new WideColumn(BigInt64Array.of(-1n, -2n, -3n)), flag: Uint8Array.of(0, 1, 1) },
          lists,
        },
      }),
    ),
  );

  test('is the rest, or nothing', () => {
    expect(batchFrom(whole, 3)).toBe(whole);
    expect(batchFrom(whole, 4)).toBe(whole);
    expect(batchFrom(whole, 7)).toBeUndefined();
    expect(batchFrom(whole, 9)).toBeUndefined();
    const rest = batchFrom(whole, 6)!;
    expect(rest).toMatchObject({ jobId: 'job-1', firstItem: 6, itemCount: 1 });
    const columns = rest.columns as {
      y: Float32Array;
      pair: { wide: WideColumn; flag: Uint8Array };
      lists: RaggedOutput<{ account: Uint32Array; amount: WideColumn }>;
    };
    expect(columns.y).toEqual(Float32Array.of(3));
    expect([columns.pair.wide.length, columns.pair.wide.numberAt(0)]).toEqual([1, -3]);
    expect(columns.pair.flag).toEqual(Uint8Array.of(1));
    expect(columns.lists.counts).toEqual(Uint32Array.of(1));
    expect(columns.lists.columns.account[columns.lists.start(0)]).toBe(9);
  });
});

test.each([
  undefined,
  'batch',
  { jobId: 'job-1', firstItem: 0, itemCount: 1 },
  { jobId: 'job-1', firstItem: 0, itemCount: 1, columns: {} },
  { jobId: 'job-1', firstItem: 0, itemCount: 1, columns: ['wide', Float64Array.of(1)] },
  { jobId: 'job-1', firstItem: 0, itemCount: 1, columns: ['lists', [1], [0], Float32Array.of(1)] },
  { jobId: 'job-1', firstItem: 0, itemCount: 1, columns: ['fields', null] },
  { jobId: 'job-1', firstItem: 0, itemCount: 1, columns: ['fields', { y: 5 }] },
  { jobId: 1, firstItem: 0, itemCount: 1, columns: Float32Array.of(1) },
])('what is no packed batch is refused: %o', (value) => {
  expect(() => unpackBatch(value)).toThrow(/MESSAGE_INVALID/);
});
