import { setImmediate as turn } from 'node:timers/promises';
import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

interface Timer {
  readonly dueNs: bigint;
  readonly callback: () => void;
}

const WALL_AT_ZERO_MS = Date.UTC(2026, 0, 1);

/**
 * A clock that stands still until told to advance; timers run in the order of their due times. Code that polls until
 * time has passed needs `readNs`, or it polls for ever.
 */
export class FakeClock implements Clock {
  /** Sorted by due time; equal times in the order of scheduling. */
  private readonly timers: Timer[] = [];
  private now: bigint;

  /** @param readNs - how far each look at the clock moves it on; timers that this makes due wait for the next advance. */
  constructor(
    startNs = 0n,
    private readonly readNs = 0n,
  ) {
    this.now = startNs;
  }

  nowNs(): bigint {
    this.now += this.readNs;
    return this.now;
  }

  nowMs(): number {
    return Number(this.nowNs()) / 1e6;
  }

  /** Moves with the clock, from `2026-01-01T00:00:00Z` at its zero. */
  wallMs(): number {
    return WALL_AT_ZERO_MS + Number(this.now) / 1e6;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.timers.length;
  }

  /** When the next timer is due; undefined without one. */
  get nextDueNs(): bigint | undefined {
    return this.timers[0]?.dueNs;
  }

  schedule(callback: () => void, delayMs: number): Cancellable {
    return this.add(callback, BigInt(Math.max(0, Math.ceil(delayMs * 1e6))));
  }

  sleepNs(durationNs: bigint): Promise<void> {
    return new Promise((resolve) => void this.add(resolve, durationNs > 0n ? durationNs : 0n));
  }

  /**
   * Moves time on and runs what falls due, each timer at its own time, also timers that these schedule within the span.
   * What awaits a `sleepNs` goes on only after this returns; see {@link runFor}.
   */
  advanceNs(durationNs: bigint): void {
    const until = this.now + durationNs;
    while (this.runNext(until));
    this.moveTo(until);
  }

  advanceMs(durationMs: number): void {
    this.advanceNs(BigInt(Math.round(durationMs * 1e6)));
  }

  /** As `advanceNs`, but lets promises and immediates run before each timer and at the end. */
  async runFor(durationNs: bigint): Promise<void> {
    const until = this.now + durationNs;
    do await turn();
    while (this.runNext(until));
    this.moveTo(until);
  }

  private runNext(untilNs: bigint): boolean {
    const timer = this.timers[0];
    if (timer === undefined || timer.dueNs > untilNs) return false;
    this.timers.shift();
    this.moveTo(timer.dueNs);
    timer.callback();
    return true;
  }

  /** Looks at the clock may have moved it further already. */
  private moveTo(timeNs: bigint): void {
    if (timeNs > this.now) this.now = timeNs;
  }

  private add(callback: () => void, delayNs: bigint): Cancellable {
    const timer: Timer = { dueNs: this.now + delayNs, callback };
    const after = this.timers.findIndex((t) => t.dueNs > timer.dueNs);
    this.timers.splice(after === -1 ? this.timers.length : after, 0, timer);
    return {
      cancel: () => {
        const index = this.timers.indexOf(timer);
        if (index !== -1) this.timers.splice(index, 1);
      },
    };
  }
}
