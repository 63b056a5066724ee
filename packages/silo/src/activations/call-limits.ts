import type { Cancellable, Clock, GpuBridgeError, GrainId, RequestContext } from '@gpu-bridge/abstractions';
import { cancelled, deadlineExceeded, describeCall } from './call-errors.js';
import { DeadlineHeap } from './deadline-heap.js';
import type { PendingCall } from './pending-call.js';

/** Ends the calls of a silo whose deadline passes or whose signal aborts: one timer, and one listener per signal. */
export class CallLimits {
  private readonly deadlines = new DeadlineHeap();
  /**
   * A signal keeps its listener as long as it lives: adding and removing one costs as much as a call, and callers use a
   * signal for many.
   */
  private readonly calls = new WeakMap<AbortSignal, Set<PendingCall>>();
  private timer: Cancellable | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;

  constructor(private readonly clock: Clock) {}

  /** The error of a call that is over before it began. */
  refusal({ deadlineNs, signal }: RequestContext, grain: GrainId, method: string): GpuBridgeError | undefined {
    if (signal?.aborted === true) return cancelled(describeCall(grain, method), signal.reason);
    if (deadlineNs === undefined || this.clock.nowMs() < milliseconds(deadlineNs)) return undefined;
    return deadlineExceeded(describeCall(grain, method), deadlineNs);
  }

  watch(call: PendingCall): void {
    const { deadlineNs, signal } = call.request;
    if (signal !== undefined) {
      call.signalCalls = this.callsOf(signal);
      call.signalCalls.add(call);
    }
    if (deadlineNs === undefined) return;
    call.deadlineMs = milliseconds(deadlineNs);
    this.deadlines.add(call);
    if (call.deadlineMs < this.timerAtMs) this.arm(call.deadlineMs);
  }

  unwatch(call: PendingCall): void {
    call.signalCalls?.delete(call);
    if (call.heapIndex >= 0) this.deadlines.remove(call);
  }

  /** Leaves no timer behind, unless calls that the silo waits for no longer still have a deadline. */
  close(): void {
    if (this.deadlines.earliest === undefined) this.timer?.cancel();
  }

  private callsOf(signal: AbortSignal): Set<PendingCall> {
    let calls = this.calls.get(signal);
    if (calls === undefined) {
      this.calls.set(signal, (calls = new Set()));
      signal.addEventListener('abort', this.onAbort, { once: true });
    }
    return calls;
  }

  private readonly onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal;
    for (const call of [...(this.calls.get(signal) ?? [])])
      call.abort(cancelled(describeCall(call.grain, call.method.name), signal.reason));
  };

  /** The timer stays when its call has ended: the next call that ends in time would only set it anew. */
  private arm(atMs: number): void {
    this.timer?.cancel();
    this.timerAtMs = atMs;
    const delayMs = Math.min(Math.max(0, atMs - this.clock.nowMs()), MAX_DELAY_MS);
    this.timer = this.clock.schedule(this.onDeadline, delayMs);
  }

  private readonly onDeadline = (): void => {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.nowMs();
    for (let call = this.deadlines.earliest; call !== undefined; call = this.deadlines.earliest) {
      if (call.deadlineMs > nowMs) return this.arm(call.deadlineMs);
      call.abort(deadlineExceeded(describeCall(call.grain, call.method.name), call.request.deadlineNs!));
    }
  };
}

/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function milliseconds(ns: bigint): number {
  return Number(ns) / 1e6;
}
