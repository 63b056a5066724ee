import { invariant } from '@gpu-bridge/abstractions';

/** What the clock's rounding may lack of a token; it is owed then, so the rate stays what it is. */
const SLACK = 1e-3;

/** Tokens that come at a steady rate, up to as many as fit; one is taken for each job. */
export class TokenBucket {
  private tokens: number;
  private filledMs = 0;

  /** Full at first. @param size - tokens that fit, at least 1. */
  constructor(
    private readonly perSecond: number,
    private readonly size: number,
  ) {
    invariant(perSecond > 0 && size >= 1, 'a bucket fills, and holds a token');
    this.tokens = size;
  }

  /** Whether there is one now. */
  hasToken(nowMs: number): boolean {
    this.fill(nowMs);
    return this.tokens >= 1 - SLACK;
  }

  /** Takes one that `hasToken` saw. */
  take(): void {
    this.tokens -= 1;
  }

  /** After this time there is one, if nobody takes it. */
  waitNs(nowMs: number): bigint {
    this.fill(nowMs);
    return BigInt(Math.ceil((Math.max(0, 1 - this.tokens) / this.perSecond) * 1e9));
  }

  private fill(nowMs: number): void {
    if (nowMs <= this.filledMs) return;
    this.tokens = Math.min(this.size, this.tokens + ((nowMs - this.filledMs) / 1e3) * this.perSecond);
    this.filledMs = nowMs;
  }
}
