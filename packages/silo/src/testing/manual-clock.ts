import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

/** A clock that moves when a test says so. */
export class ManualClock implements Clock {
  private timeMs = 0;
  private readonly timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  get pendingTimers(): number {
    return this.timers.size;
  }

  nowMs(): number {
    return this.timeMs;
  }

  nowNs(): bigint {
    return BigInt(this.timeMs) * 1_000_000n;
  }

  schedule(callback: () => void, delayMs: number): Cancellable {
    const timer = { atMs: this.timeMs + delayMs, callback };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  sleepNs(durationNs: bigint): Promise<void> {
    return new Promise((resolve) => this.schedule(resolve, Number(durationNs / 1_000_000n)));
  }

  /** Runs what falls due, in order of time; timers set meanwhile included. */
  advance(byMs: number): void {
    const untilMs = this.timeMs + byMs;
    for (;;) {
      const due = [...this.timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.timers.delete(due);
      this.timeMs = due.atMs;
      due.callback();
    }
    this.timeMs = untilMs;
  }
}
