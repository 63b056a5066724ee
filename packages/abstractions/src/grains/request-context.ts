/**
 * What travels with a call beside its arguments. It is passed on explicitly: a grain that calls another one hands over its
 * own, `factory.getGrain(type, key, this.context.request)`, or a part of it, or nothing.
 */
export interface RequestContext {
  /** Whose limits apply; 1 to 64 characters. */
  readonly tenant?: string;
  /** W3C trace context, as in the header of that name. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /**
   * Absolute, ns on this silo's clock. When it passes, the call fails with `DEADLINE_EXCEEDED`; a call that still waits for
   * its turn then never runs. Other silos get the time that is left.
   */
  readonly deadlineNs?: bigint;
  /** Aborting fails the call with `CANCELLED`; a call that still waits never runs, a running one sees its own `signal` abort. */
  readonly signal?: AbortSignal;
}
