/** Monotonic time and timers; injected, so that tests own time. */
export interface Clock {
  /** Nanoseconds since an arbitrary start; what deadlines are measured on. */
  nowNs(): bigint;
  /** The same clock in milliseconds, fractional; cheap. */
  nowMs(): number;
  /** Runs `callback` once after `delayMs`, unless cancelled; does not keep the process alive. */
  schedule(callback: () => void, delayMs: number): Cancellable;
  sleepNs(durationNs: bigint): Promise<void>;
}

export interface Cancellable {
  cancel(): void;
}
