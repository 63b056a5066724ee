import type { Clock } from '../host/clock.js';

/**
 * How one method reaches another silo when its arguments or its result are no plain data: live objects, or times on a
 * clock. Local calls never use it. Plain data, `AbortSignal` arguments and grain references cross by themselves, and an
 * async iterable of plain data as result does too.
 */
export interface RemoteForm<A extends unknown[] = never[], R = unknown> {
  /** At the caller. @returns plain data. */
  packArguments?(args: A, clock: Clock): unknown[];
  /** At the grain; checks what it gets. @throws GpuBridgeError `INVALID_ARGUMENT` for arguments that `packArguments` never makes. */
  unpackArguments?(packed: unknown[], clock: Clock): A;
  /** At the grain: the result as a stream of plain data, pulled as the caller asks for it; ended early when the caller gives up. */
  toStream?(result: R): AsyncIterable<unknown>;
  /**
   * At the caller: the result from that stream; rejects when the stream does before the result is there.
   *
   * @param again - of an idempotent method: makes the call anew, elsewhere, for when the stream has ended with
   *   `OUTCOME_UNKNOWN` because its silo died; undefined of other methods.
   */
  fromStream?(values: AsyncIterable<unknown>, again?: () => Promise<AsyncIterable<unknown>>): Promise<R>;
}
