/** Monotonic time and timers; injected, so that tests own time. */
export interface Clock {
  /** Nanoseconds since an arbitrary start; what deadlines are measured on. */
  nowNs(): bigint;
  /** The same clock in milliseconds, fractional; cheap. */
  nowMs(): number;
  /** Time of day, ms since 1970 UTC: only for what outlives the process, such as reminders. It may jump. */
  wallMs(): number;
  /** Runs `callback` once after `delayMs`, unless cancelled. The process need not stay alive for it, unless `holdsProcess`. */
  schedule(callback: () => void, delayMs: number, options?: { readonly holdsProcess: boolean }): Cancellable;
  sleepNs(durationNs: bigint): Promise<void>;
}

export interface Cancellable {
  cancel(): void;
}
