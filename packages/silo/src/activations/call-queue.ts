import type { GrainMethod } from './grain-method.js';

/** A call that waits for an activation. */
export interface WaitingCall {
  readonly method: GrainMethod;
  readonly args: unknown[];
  readonly resolve: (result: Promise<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** First in, first out, in constant time; `Array.shift` moves every element that is left. */
export class CallQueue {
  private calls: WaitingCall[] = [];
  private first = 0;

  get length(): number {
    return this.calls.length - this.first;
  }

  push(call: WaitingCall): void {
    this.calls.push(call);
  }

  shift(): WaitingCall | undefined {
    if (this.first === this.calls.length) return undefined;
    const call = this.calls[this.first];
    (this.calls as (WaitingCall | undefined)[])[this.first++] = undefined; // the queue must not keep arguments alive
    // Copies at most half of the array, after as many shifts: constant time on average.
    if (this.first >= 32 && this.first * 2 >= this.calls.length) {
      this.calls = this.calls.slice(this.first);
      this.first = 0;
    }
    return call;
  }

  /** Empties the queue. */
  takeAll(): WaitingCall[] {
    const calls = this.calls.slice(this.first);
    this.calls = [];
    this.first = 0;
    return calls;
  }
}
