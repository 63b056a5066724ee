import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

/** The clock of a process that can be stopped: time goes on, and its timers wait until it is continued. */
export class FreezableClock implements Clock {
  private frozen = false;
  private due: { readonly run: () => void; cancelled: boolean }[] = [];

  constructor(private readonly clock: Clock) {}

  nowNs(): bigint {
    return this.clock.nowNs();
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  schedule(callback: () => void, delayMs: number): Cancellable {
    const timer = { run: callback, cancelled: false };
    const inner = this.clock.schedule(() => {
      if (this.frozen) this.due.push(timer);
      else callback();
    }, delayMs);
    return {
      cancel: () => {
        timer.cancelled = true;
        inner.cancel();
      },
    };
  }

  sleepNs(durationNs: bigint): Promise<void> {
    return new Promise((resolve) => void this.schedule(resolve, Number(durationNs) / 1e6));
  }

  freeze(): void {
    this.frozen = true;
  }

  /** Runs what has fallen due meanwhile. */
  thaw(): void {
    this.frozen = false;
    for (const timer of this.due.splice(0)) if (!timer.cancelled) timer.run();
  }
}
