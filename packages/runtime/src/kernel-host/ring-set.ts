import { invariant } from '@gpu-bridge/abstractions';
import type { ExecutorSlots } from './executor-slots.js';

/** What waking a parked thread takes, in order of magnitude, ns. */
const WAKE_NS = 200_000;

/** The rings of a device's executors, looked at together. */
export class RingSet {
  private bell: Promise<void> | undefined;
  private ring: (() => void) | undefined;

  /** @param endTogether - whether all executors end when one is killed, so that a suspect must be alone on all rings. */
  constructor(
    readonly executors: readonly ExecutorSlots[],
    private readonly endTogether = false,
  ) {}

  /** Entries in the rings of running executors. */
  outstanding(): number {
    let count = 0;
    for (const slots of this.executors) if (slots.state === 'running') count += slots.outstanding.length;
    return count;
  }

  /** Executors with work, over all, 0 … 1. */
  utilisation(): number {
    return this.executors.filter((slots) => slots.outstanding.length > 0).length / this.executors.length;
  }

  /** A running executor on which a suspect can run, and with it nothing that its death would end. */
  alone(): ExecutorSlots | undefined {
    if (this.endTogether && this.executors.some((slots) => slots.outstanding.length > 0)) return undefined;
    return this.emptiest(1);
  }

  /** Age of the oldest entry in a ring, ms. */
  oldestMs(nowMs: number): number {
    let oldestMs = 0;
    for (const { outstanding } of this.executors)
      if (outstanding[0] !== undefined) oldestMs = Math.max(oldestMs, nowMs - outstanding[0].submittedMs);
    return oldestMs;
  }

  /** A running executor with fewer than `limit` entries: the emptiest, and of those the first, which is likeliest awake. */
  emptiest(limit: number): ExecutorSlots | undefined {
    let best: ExecutorSlots | undefined;
    let least = limit;
    for (const slots of this.executors) {
      if (slots.isExclusive && this.endTogether) return undefined;
      if (slots.state !== 'running' || slots.isExclusive || slots.outstanding.length >= least) continue;
      best = slots;
      least = slots.outstanding.length;
    }
    return best;
  }

  /** Shortest expected service time of an executor's oldest entry, ns. */
  expectedNs(): number {
    let least = Infinity;
    for (const { outstanding } of this.executors) {
      const oldest = outstanding[0];
      if (oldest === undefined) continue;
      const wakeNs = oldest.hasToWake ? WAKE_NS : 0;
      least = Math.min(least, wakeNs + oldest.batch.kernel.expectedNs(oldest.itemCount));
    }
    return least;
  }

  /**
   * Resolves at the next completion of any ring that has work, now or at a later call. All calls share one promise, and
   * each ring has at most one pending wait: a ring that works for long collects no callbacks.
   */
  park(): Promise<void> {
    invariant(this.outstanding() > 0, 'the reaper parks on rings that have work');
    this.bell ??= new Promise((resolve) => (this.ring = resolve));
    for (const slots of this.executors) {
      if (slots.outstanding.length === 0 || slots.state !== 'running') continue;
      slots.waiter ??= slots.executor.ring.park().then(() => {
        slots.waiter = undefined;
        this.wake();
      });
    }
    return this.bell;
  }

  private wake(): void {
    this.ring?.();
    this.bell = undefined;
    this.ring = undefined;
  }
}
