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
    if (delayMs > 0) await this.pause(delayMs).ended;
    this.check(what);
  }

  /**
   * The answer to a question, unless the request is over before it comes.
   *
   * @throws what the question rejects with; GpuBridgeError `CANCELLED`, `DEADLINE_EXCEEDED`.
   */
  async within<T>(answer: Promise<T>, what: string): Promise<T> {
    if (this.request.signal === undefined && this.request.deadlineNs === undefined) return answer;
    const pause = this.pause(MAX_DELAY_MS);
    const answered = answer.then(ignore, ignore);
    await Promise.race([answered, pause.ended]);
    pause.cancel();
    this.check(what);
    return answer;
  }

  private check(what: string): void {
    const { signal, deadlineNs } = this.request;
    if (signal?.aborted) throw new GpuBridgeError('CANCELLED', { what }, `the call of ${what} was cancelled`);
    if (deadlineNs !== undefined && this.clock.nowNs() >= deadlineNs) {
      throw new GpuBridgeError('DEADLINE_EXCEEDED', { what, deadlineNs }, `no silo took the call of ${what} in time`);
    }
  }

  /** Ends with the delay, or the request, whichever is first. */
  private pause(delayMs: number): { readonly ended: Promise<void>; cancel(): void } {
    const { signal, deadlineNs } = this.request;
    const leftMs = deadlineNs === undefined ? delayMs : Math.ceil(Number(deadlineNs - this.clock.nowNs()) / 1e6);
    let end = ignore;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const timer = this.clock.schedule(() => cancel(), Math.max(0, Math.min(delayMs, leftMs)));
    const cancel = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', cancel);
      end();
    };
    signal?.addEventListener('abort', cancel);
    return { ended, cancel };
  }
}

const ignore = (): void => undefined;
/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;
