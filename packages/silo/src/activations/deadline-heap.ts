import type { PendingCall } from './pending-call.js';

/** Calls by deadline, the earliest first. A call knows its place, so that one that ends can leave from the middle. */
export class DeadlineHeap {
  private readonly calls: PendingCall[] = [];

  get earliest(): PendingCall | undefined {
    return this.calls[0];
  }

  add(call: PendingCall): void {
    this.calls.push(call);
    this.rise(call, this.calls.length - 1);
  }

  remove(call: PendingCall): void {
    const index = call.heapIndex;
    call.heapIndex = -1;
    const last = this.calls.pop()!;
    if (last === call) return;
    const parent = this.calls[(index - 1) >> 1];
    if (index > 0 && last.deadlineMs < parent!.deadlineMs) this.rise(last, index);
    else this.sink(last, index);
  }

  private rise(call: PendingCall, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.calls[above]!;
      if (parent.deadlineMs <= call.deadlineMs) break;
      this.put(parent, index);
      index = above;
    }
    this.put(call, index);
  }

  private sink(call: PendingCall, from: number): void {
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= this.calls.length) break;
      if (below + 1 < this.calls.length && this.calls[below + 1]!.deadlineMs < this.calls[below]!.deadlineMs) below++;
      const child = this.calls[below]!;
      if (child.deadlineMs >= call.deadlineMs) break;
      this.put(child, index);
      index = below;
    }
    this.put(call, index);
  }

  private put(call: PendingCall, index: number): void {
    this.calls[index] = call;
    call.heapIndex = index;
  }
}
