import type { GrainId } from './grain.js';
import type { RequestContext } from './request-context.js';

/** One call, as filters see it. */
export interface GrainCall {
  readonly grain: GrainId;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly request: RequestContext;
}

/** Runs around grain calls and reminders, not timers: for tracing, checks, logs. Silos without filters do not pay for them. */
export interface GrainCallFilter {
  /** `outgoing`: where the call is made, around its whole life. `incoming`: where the grain is, around its turn. */
  readonly direction: 'incoming' | 'outgoing';
  /**
   * @param next - goes on with the call, with another context where one is given; at most once, and not after
   *   `invoke` has ended. The limits of a call are those it left with: what an incoming filter replaces is only what the
   *   grain sees.
   * @returns the call's result; throwing fails the call.
   */
  invoke(call: GrainCall, next: (request?: RequestContext) => Promise<unknown>): Promise<unknown>;
}
