import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, RequestContext } from '@gpu-bridge/abstractions';

/** Waits between tries, ms; the last one repeats. The first tries follow at once: what moved is usually there already. */
const DELAYS_MS = [0, 0, 10, 20, 50, 100, 200, 500];

/** The tries of one call to find a silo that takes it: how long to wait between them, and when to give up. */
export class Attempts {
  private made = 0;
  private readonly startMs: number;

  /** @param giveUpMs - no further try is made so long after the first. */
  constructor(
    private readonly clock: Clock,
    private readonly request: RequestContext,
    private readonly giveUpMs: number,
  ) {
    this.startMs = clock.nowMs();
  }

  /**
   * Resolves when the next try is due.
   *
   * @param reason - thrown when it is too late for one.
   * @throws GpuBridgeError also `CANCELLED` and `DEADLINE_EXCEEDED`, as the request says.
   */
  async next(reason: GpuBridgeError, what: string): Promise<void> {
    const delayMs = DELAYS_MS[Math.min(this.made++, DELAYS_MS.length - 1)]!;
    if (this.clock.nowMs() + delayMs - this.startMs > this.giveUpMs) throw reason;
    if (delayMs > 0) await this.wait(delayMs);
    const { signal, deadlineNs } = this.request;
    if (signal?.aborted) throw new GpuBridgeError('CANCELLED', { what }, `the call of ${what} was cancelled`);
    if (deadlineNs !== undefined && this.clock.nowNs() >= deadlineNs) {
      throw new GpuBridgeError('DEADLINE_EXCEEDED', { what, deadlineNs }, `no silo took the call of ${what} in time`);
    }
  }

  /** Until the delay is over, or the request, whichever is first. */
  private wait(delayMs: number): Promise<void> {
    const { signal, deadlineNs } = this.request;
    const leftMs = deadlineNs === undefined ? delayMs : Number(deadlineNs - this.clock.nowNs()) / 1e6;
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.clock.schedule(done, Math.max(0, Math.min(delayMs, leftMs)));
      signal?.addEventListener('abort', done);
    });
  }
}
