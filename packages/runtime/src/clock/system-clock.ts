import { setTimeout as sleep } from 'node:timers/promises';
import type { Cancellable, Clock } from '@gpu-bridge/abstractions';

/** The process's monotonic clock. */
export class SystemClock implements Clock {
  nowNs(): bigint {
    // Derived from nowMs, so that both are one clock: performance.now counts from another origin than hrtime.
    return BigInt(Math.round(performance.now() * 1e6));
  }

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  schedule(callback: () => void, delayMs: number, options?: { readonly holdsProcess: boolean }): Cancellable {
    const timer = setTimeout(callback, delayMs);
    if (options?.holdsProcess !== true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  async sleepNs(durationNs: bigint): Promise<void> {
    await sleep(Number(durationNs) / 1e6);
  }
}
