import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { rowArrays, rows, toObservable } from '@gpu-bridge/streams';
import { filter, lastValueFrom, map, reduce } from 'rxjs';
import { median } from '../report.js';
import type { Figure } from '../report.js';

interface Columns {
  readonly account: Uint32Array;
  readonly amount: Float64Array;
}
interface Row {
  readonly account: number;
  readonly amount: number;
}

const BATCHES = 1_000;
const BATCH_ROWS = 1_024;
const WARM_UP_WINDOWS = 2;
const WINDOWS = 9;

const view = ({ account, amount }: Columns, i: number): Row => ({ account: account[i]!, amount: amount[i]! });
const isWanted = ({ amount }: Row): boolean => amount > 1_000;

/** Flatten, map and filter over row objects, of batches that come one at a time; what is left is summed up and checked. */
export async function measureRows(): Promise<Figure[]> {
  const batches = Array.from({ length: BATCHES }, (_, n) => batch(n));
  let expected = 0;
  for (const { columns } of batches) columns.amount.forEach((x) => (expected += 2 * x > 1_000 ? 2 * x : 0));
  const forms = {
    'stream.rows_per_s': () => throughObservable(batches),
    'stream.iterable_rows_per_s': () => throughIterable(batches),
  };
  const figures: Figure[] = [];
  for (const [id, run] of Object.entries(forms)) {
    const rates: number[] = [];
    for (let window = -WARM_UP_WINDOWS; window < WINDOWS; window++) {
      const start = performance.now();
      const sum = await run();
      const elapsedMs = performance.now() - start;
      if (sum !== expected) throw new Error(`${id}: the rows add up to ${sum}, not ${expected}`);
      if (window >= 0) rates.push((BATCHES * BATCH_ROWS * 1_000) / elapsedMs);
    }
    figures.push(median(id, 'rows/s', rates));
  }
  return figures;
}

function throughObservable(batches: readonly ColumnBatch<Columns>[]): Promise<number> {
  return lastValueFrom(
    toObservable(oneByOne(batches), { buffer: 16, overflow: 'error' }).pipe(
      rows(view),
      map(({ account, amount }) => ({ account, amount: 2 * amount })),
      filter(isWanted),
      reduce((sum, { amount }) => sum + amount, 0),
    ),
  );
}

async function throughIterable(batches: readonly ColumnBatch<Columns>[]): Promise<number> {
  const doubled = (columns: Columns, i: number): Row => ({
    account: columns.account[i]!,
    amount: 2 * columns.amount[i]!,
  });
  let sum = 0;
  for await (const kept of rowArrays(oneByOne(batches), doubled, isWanted))
    for (const { amount } of kept) sum += amount;
  return sum;
}

async function* oneByOne(batches: readonly ColumnBatch<Columns>[]): AsyncGenerator<ColumnBatch<Columns>> {
  for (const each of batches) yield each;
}

/** Whole amounts, so that every order of adding them gives the same. */
function batch(n: number): ColumnBatch<Columns> {
  const account = Uint32Array.from({ length: BATCH_ROWS }, (_, i) => i % 97);
  const amount = Float64Array.from({ length: BATCH_ROWS }, (_, i) => (n * 31 + i * 7) % 1_000);
  return { jobId: `job-${n}`, firstItem: n * BATCH_ROWS, itemCount: BATCH_ROWS, columns: { account, amount } };
}
