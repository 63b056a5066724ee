import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { EMPTY, from, lastValueFrom, take, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { rowArrays, rows, rowsOf } from './rows.js';

interface Columns {
  readonly amount: Float32Array;
}

function batch(firstItem: number, ...amounts: number[]): ColumnBatch<Columns> {
  return { jobId: 'job', firstItem, itemCount: amounts.length, columns: { amount: Float32Array.from(amounts) } };
}

const view = ({ amount }: Columns, index: number, { firstItem }: ColumnBatch<Columns>) => [
  firstItem + index,
  amount[index],
];

describe('rows', () => {
  test('flattens batches to rows in item order', async () => {
    const source = from([batch(0, 5, 6), batch(2), batch(2, 7)]);
    expect(await lastValueFrom(source.pipe(rows(view), toArray()))).toEqual([
      [0, 5],
      [1, 6],
      [2, 7],
    ]);
  });

  test('stops within a batch when the subscriber has had enough', async () => {
    let made = 0;
    const counting = () => ++made;
    await lastValueFrom(from([batch(0, 1, 2, 3), batch(3, 4)]).pipe(rows(counting), take(2)));
    expect(made).toBe(2);
  });

  test('ends with the error of the view', async () => {
    const failing = () => {
      throw new Error('view');
    };
    await expect(lastValueFrom(from([batch(0, 1)]).pipe(rows(failing)))).rejects.toThrow('view');
  });

  test('completes with its source', async () => {
    expect(await lastValueFrom(EMPTY.pipe(rows(view), toArray()))).toEqual([]);
  });
});

describe('rowsOf', () => {
  test('makes the rows of one batch as they are asked for', () => {
    let made = 0;
    const counting = ({ amount }: Columns, index: number) => {
      made++;
      return amount[index];
    };
    const iterator = rowsOf(batch(10, 1, 2, 3), counting);
    expect([iterator.next().value, made]).toEqual([1, 1]);
    expect([...iterator]).toEqual([2, 3]);
  });
});

describe('rowArrays', () => {
  test('gives an array per batch of the rows that are kept, and asks for a batch only when the next one is asked for', async () => {
    let given = 0;
    async function* batches() {
      for (const each of [batch(0, 5, 6, 7), batch(3), batch(3, 8)]) {
        given++;
        yield each;
      }
    }
    const arrays = rowArrays(batches(), view, ([item]) => item! % 2 === 0);
    expect((await arrays.next()).value).toEqual([
      [0, 5],
      [2, 7],
    ]);
    expect(given).toBe(1);
    expect((await arrays.next()).value).toEqual([]);
    expect((await arrays.next()).value).toEqual([]);
    expect((await arrays.next()).done).toBe(true);
    const all = rowArrays(batches(), view);
    expect((await all.next()).value).toHaveLength(3);
  });
});
