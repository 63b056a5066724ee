import type { DType, StorageOf } from '../kernels/dtype.js';
import type { WideColumn } from './wide-column.js';

/** A result column: the typed array itself, or for 64-bit integers a view that reads numbers and bigints. */
export type OutputColumn<D extends DType = DType> = D extends 'i64' | 'u64' ? WideColumn : StorageOf[D];

/**
 * The lists of a batch's items. Item `i` (counted from the batch's first item) has `counts[i]` elements, at
 * `start(i) … start(i) + counts[i] - 1` of each column; what lies between lists is unspecified.
 */
export interface RaggedOutput<C = unknown> {
  readonly counts: Uint32Array;
  start(item: number): number;
  /** The columns by field name, or the bare column of a scalar. */
  readonly columns: C;
}

/** Results of consecutive items of one job. */
export interface ColumnBatch<TOut> {
  readonly jobId: string;
  /** Index, within the job, of the batch's first item; batches of a job arrive in rising order, without gaps. */
  readonly firstItem: number;
  readonly itemCount: number;
  readonly columns: TOut;
}
