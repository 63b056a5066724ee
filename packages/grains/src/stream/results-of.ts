import type { StreamBatch, StreamFailure, StreamGap, StreamValue } from './stream-value.js';

/**
 * The results of a stream as column batches, for operators such as `rows` of `@gpu-bridge/streams`. The next value is asked for
 * when the next batch is, so the reader's pace is the stream's.
 *
 * @param otherwise - told of every failure and every gap, in its place; what it throws ends the iteration.
 */
export async function* resultsOf<TOut>(
  values: AsyncIterable<StreamValue<TOut>>,
  otherwise: (value: StreamFailure | StreamGap) => void,
): AsyncGenerator<StreamBatch<TOut>, void, undefined> {
  for await (const value of values) {
    if (value.outcome === 'completed') yield value;
    else otherwise(value);
  }
}
