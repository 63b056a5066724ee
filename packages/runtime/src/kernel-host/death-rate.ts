import type { Clock } from '@gpu-bridge/abstractions';

const MINUTE_MS = 60_000;

/** Deaths that nobody asked for, and starts that failed, within the last minute. */
export class DeathRate {
  private readonly deathsMs: number[] = [];

  constructor(
    private readonly maxPerMinute: number,
    private readonly clock: Clock,
  ) {}

  record(): void {
    this.deathsMs.push(this.clock.nowMs());
  }

  get isTooHigh(): boolean {
    const sinceMs = this.clock.nowMs() - MINUTE_MS;
    while (this.deathsMs.length > 0 && this.deathsMs[0]! < sinceMs) this.deathsMs.shift();
    return this.deathsMs.length > this.maxPerMinute;
  }

  /** As of the last look at `isTooHigh`. */
  get count(): number {
    return this.deathsMs.length;
  }

  forget(): void {
    this.deathsMs.length = 0;
  }
}
