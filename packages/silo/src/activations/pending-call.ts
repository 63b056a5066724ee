import type { GrainId, GpuBridgeError, RequestContext } from '@gpu-bridge/abstractions';
import { TurnRequest } from '../references/request-context.js';
import type { CallLimits } from './call-limits.js';
import type { CallQueue } from './call-queue.js';
import type { GrainMethod } from './grain-method.js';

/**
 * A call that waits for an activation, or one that can end before its turn does. Calls that neither wait nor carry a
 * deadline or a signal do without.
 */
export class PendingCall {
  readonly promise: Promise<unknown>;
  /** Where it waits; undefined once its turn has started. */
  queue: CallQueue | undefined;
  /** What the grain sees: an incoming filter may replace it. */
  seen: RequestContext;
  /** The calls of its signal, it among them; kept by {@link CallLimits}. */
  signalCalls: Set<PendingCall> | undefined;
  /** Kept by {@link CallLimits}. */
  deadlineMs = 0;
  /** Kept by `DeadlineHeap`. */
  heapIndex = -1;

  private resolve!: (value: unknown) => void;
  private reject!: (error: unknown) => void;
  private ended = false;
  private abortedBy: GpuBridgeError | undefined;
  private controller: AbortController | undefined;

  /** @param limits - what watches the deadline and the signal of the request; undefined without either. */
  constructor(
    readonly grain: GrainId,
    readonly method: GrainMethod,
    readonly args: unknown[],
    readonly request: RequestContext,
    private readonly limits: CallLimits | undefined,
  ) {
    this.seen = request;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    limits?.watch(this);
  }

  succeed(value: unknown): void {
    if (this.end()) this.resolve(value);
  }

  fail(error: unknown): void {
    if (this.end()) this.reject(error);
  }

  /** Ends it before its turn: one that waits never runs, the result of one that runs is dropped. */
  abort(error: GpuBridgeError): void {
    if (!this.end()) return;
    this.queue?.remove(this);
    this.abortedBy = error;
    this.controller?.abort(error);
    this.reject(error);
  }

  /** The request as the grain sees it during the turn. */
  turnRequest(): RequestContext {
    return this.request.deadlineNs === undefined ? this.seen : new TurnRequest(this.seen, () => this.turnSignal());
  }

  /** Aborts with the call, also when its deadline passes; made when somebody asks for it. */
  private turnSignal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortedBy !== undefined) this.controller.abort(this.abortedBy);
    }
    const { signal } = this.controller;
    const replaced = this.seen.signal;
    return replaced === undefined || replaced === this.request.signal ? signal : AbortSignal.any([signal, replaced]);
  }

  private end(): boolean {
    if (this.ended) return false;
    this.ended = true;
    this.limits?.unwatch(this);
    return true;
  }
}
