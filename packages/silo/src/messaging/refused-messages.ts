import type { Clock, Logger } from '@gpu-bridge/abstractions';

const LOG_INTERVAL_MS = 1_000;

/** Counts what arrived and could not be used; says so at most once a second, or a broken peer would fill the log. */
export class RefusedMessages {
  count = 0;
  private unlogged = 0;
  private loggedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  add(reason: string, from: string | undefined): void {
    this.count++;
    this.unlogged++;
    const nowMs = this.clock.nowMs();
    if (nowMs - this.loggedMs < LOG_INTERVAL_MS) return;
    this.loggedMs = nowMs;
    this.logger.warn('refused messages of other silos', { refused: this.unlogged, reason, from });
    this.unlogged = 0;
  }
}
