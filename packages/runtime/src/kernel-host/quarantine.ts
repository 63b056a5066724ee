import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

const HOUR_MS = 3_600_000;
/** What is given up again so soon after it came back was not well. */
const RELAPSE_MS = 60_000;

/**
 * The circuit breaker of a fault domain that was given up: after a time one start is tried; each that fails doubles the
 * time, up to an hour, and so does a relapse right after the return.
 */
export class Quarantine {
  /** Starts that were tried since the domain was given up. */
  failedStarts = 0;
  endsAtMs = 0;
  reason = '';
  private lengthMs = 0;
  private returnedMs = -Infinity;
  private timer: Cancellable | undefined;

  /** @param probe - tries one start; resolves to whether it succeeded. */
  constructor(
    private readonly firstMs: number,
    private readonly clock: Clock,
    private readonly probe: () => Promise<boolean>,
  ) {}

  begin(reason: string): void {
    const isRelapse = this.clock.nowMs() - this.returnedMs < RELAPSE_MS;
    this.reason = reason;
    this.failedStarts = 0;
    this.wait(isRelapse ? 2 * this.lengthMs : this.firstMs);
  }

  /** No start is tried any more. */
  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private wait(ms: number): void {
    this.lengthMs = Math.max(this.firstMs, Math.min(HOUR_MS, ms));
    this.endsAtMs = this.clock.nowMs() + this.lengthMs;
    this.timer = this.clock.schedule(() => void this.tryOnce(), this.lengthMs);
  }

  private async tryOnce(): Promise<void> {
    this.timer = undefined;
    if (await this.probe()) {
      this.returnedMs = this.clock.nowMs();
      return;
    }
    this.failedStarts++;
    this.wait(2 * this.lengthMs);
  }
}
