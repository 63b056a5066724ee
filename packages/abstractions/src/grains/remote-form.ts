import type { Clock } from '../host/clock.js';
import type { CallPlacement } from '../placement/placement.js';
import type { GrainId } from './grain.js';

/**
 * How one method reaches another silo when its arguments or its result are no plain data: live objects, or times on a
 * clock. Local calls never use it. Plain data, `AbortSignal` arguments and grain references cross by themselves, and an
 * async iterable of plain data as result does too.
 */
export interface RemoteForm<A extends unknown[] = unknown[], R = unknown> {
  /** At the caller. @returns plain data. */
  packArguments?(args: A, clock: Clock): unknown[];
  /** At the grain; checks what it gets. @throws GpuBridgeError `INVALID_ARGUMENT` for arguments that `packArguments` never makes. */
  unpackArguments?(packed: unknown[], clock: Clock): A;
  /** At the grain: the result as a stream of plain data, pulled as the caller asks for it; ended early when the caller gives up. */
  toStream?(result: R): AsyncIterable<unknown>;
  /** At the caller: the result from that stream; rejects when the stream does before the result is there. */
  fromStream?(values: AsyncIterable<unknown>, remote: RemoteSide): Promise<R>;
  /** At the caller, of stateless workers that are placed per call: what this call wants, over what its class wants. Cheap. */
  placement?(args: A, target: GrainId): CallPlacement;
}

/** Where a call went, for results that need more of it than their stream. */
export interface RemoteSide {
  readonly siloId: string;
  /**
   * Calls another method of the same grain, or one of its class's `followUps`, in that very incarnation of the silo and never
   * elsewhere; it is not placed, so it is not refused as `SILO_BUSY`, and not bound by the deadline and the signal of the first
   * call. A keyed grain may be on another silo by then: follow-ups are still there.
   *
   * @param args - plain data.
   * @returns plain data, or an async iterable of it.
   */
  call(method: string, args: readonly unknown[]): Promise<unknown>;
  /**
   * Makes the call anew, placed elsewhere, for when its stream has ended with `OUTCOME_UNKNOWN` because the silo died;
   * undefined where the method is not idempotent. Rejects as a call does.
   *
   * @param change - gives the arguments of the new call, where they shall be others.
   */
  readonly again: ((change?: (args: readonly unknown[]) => unknown[]) => Promise<RemoteStream>) | undefined;
}

/** A streamed call that was made anew. */
export interface RemoteStream {
  readonly values: AsyncIterable<unknown>;
  readonly remote: RemoteSide;
}
