import type { PendingCall } from './pending-call.js';

/** First in, first out, in constant time; `Array.shift` moves every element that is left. */
export class CallQueue {
  private calls: (PendingCall | undefined)[] = [];
  private first = 0;
  private waiting = 0;

  /** @param counts - shared by the queues of a grain type. */
  constructor(private readonly counts: { waitingCalls: number }) {}

  get length(): number {
    return this.waiting;
  }

  push(call: PendingCall): void {
    call.queue = this;
    this.calls.push(call);
    this.add(1);
  }

  shift(): PendingCall | undefined {
    if (this.waiting === 0) return undefined;
    while (this.calls[this.first]?.queue !== this) this.first++; // removed ones
    const call = this.calls[this.first]!;
    this.calls[this.first++] = undefined; // the queue must not keep arguments alive
    call.queue = undefined;
    this.add(-1);
    this.compact();
    return call;
  }

  /** Takes a call out of the middle. */
  remove(call: PendingCall): void {
    call.queue = undefined;
    this.add(-1);
    this.compact();
  }

  /** Empties the queue. */
  takeAll(): PendingCall[] {
    const calls = this.calls.filter((call): call is PendingCall => call?.queue === this);
    for (const call of calls) call.queue = undefined;
    this.calls = [];
    this.first = 0;
    this.add(-this.waiting);
    return calls;
  }

  private add(calls: number): void {
    this.waiting += calls;
    this.counts.waitingCalls += calls;
  }

  /** Copies at most half of the array, after as many calls have gone: constant time on average. */
  private compact(): void {
    if (this.calls.length < 64 || this.waiting * 2 > this.calls.length) return;
    this.calls = this.calls.filter((call) => call?.queue === this);
    this.first = 0;
  }
}
