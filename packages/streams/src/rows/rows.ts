import type { ColumnBatch } from '@gpu-bridge/abstractions';
import { Observable } from 'rxjs';
import type { OperatorFunction } from 'rxjs';

/**
 * Makes one row of item `index` of a batch, counted from the batch's first item; the item's number in its job is
 * `batch.firstItem + index`. Called once per item, so what it allocates is the cost.
 */
export type RowView<C, R> = (columns: C, index: number, batch: ColumnBatch<C>) => R;

/** The rows of one batch, made as they are asked for. */
export function* rowsOf<C, R>(batch: ColumnBatch<C>, view: RowView<C, R>): Generator<R, void, void> {
  const { columns, itemCount } = batch;
  for (let index = 0; index < itemCount; index++) yield view(columns, index, batch);
}

/**
 * Flattens column batches to rows by a plain loop: no scheduler and no inner Observable per item, either of which costs
 * more than the row. Stops within a batch when the subscriber has had enough; an error of `view` ends the Observable.
 */
export function rows<C, R>(view: RowView<C, R>): OperatorFunction<ColumnBatch<C>, R> {
  return (batches) =>
    new Observable((subscriber) =>
      batches.subscribe({
        next(batch) {
          const { columns, itemCount } = batch;
          try {
            for (let index = 0; index < itemCount && !subscriber.closed; index++)
              subscriber.next(view(columns, index, batch));
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
}

/**
 * The rows of batches as one array per batch, for readers that pull: nothing is read ahead, and an iteration step per batch
 * instead of one per row. A batch without a row that is kept gives an empty array.
 *
 * @param keep - which rows stay. Default: all.
 */
export async function* rowArrays<C, R>(
  batches: AsyncIterable<ColumnBatch<C>>,
  view: RowView<C, R>,
  keep?: (row: R) => boolean,
): AsyncGenerator<R[], void, undefined> {
  for await (const batch of batches) {
    const { columns, itemCount } = batch;
    const kept: R[] = [];
    for (let index = 0; index < itemCount; index++) {
      const row = view(columns, index, batch);
      if (keep === undefined || keep(row)) kept.push(row);
    }
    yield kept;
  }
}
