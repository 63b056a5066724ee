import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

interface Timer {
  readonly run: () => void;
  inner: Cancellable | undefined;
}

/** The clock of a process that can be stopped: time goes on, and its timers wait until it is continued. */
export class FreezableClock implements Clock {
  private state: 'running' | 'frozen' | 'ended' = 'running';
  private readonly timers = new Set<Timer>();
  private due: Timer[] = [];

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

  /** Timers that wait. */
  get pending(): number {
    return this.timers.size;
  }

  schedule(callback: () => void, delayMs: number): Cancellable {
    const timer: Timer = { run: callback, inner: undefined };
    if (this.state !== 'ended') {
      this.timers.add(timer);
      timer.inner = this.clock.schedule(() => this.fallDue(timer), delayMs);
    }
    return {
      cancel: () => {
        this.timers.delete(timer);
        timer.inner?.cancel();
      },
    };
  }

  sleepNs(durationNs: bigint): Promise<void> {
    return new Promise((resolve) => void this.schedule(resolve, Number(durationNs) / 1e6));
  }

  freeze(): void {
    if (this.state === 'running') this.state = 'frozen';
  }

  /** Runs what has fallen due meanwhile. */
  thaw(): void {
    if (this.state === 'frozen') this.state = 'running';
    for (const timer of this.due.splice(0)) this.fallDue(timer);
  }

  /** The process is gone: none of its timers runs any more. */
  end(): void {
    this.state = 'ended';
    for (const { inner } of this.timers) inner?.cancel();
    this.timers.clear();
  }

  private fallDue(timer: Timer): void {
    if (this.state === 'frozen') this.due.push(timer);
    else if (this.timers.delete(timer)) timer.run();
  }
}
