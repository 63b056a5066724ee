/** When something is due, and how often again. */
export interface Schedule {
  /** From now to the first time, ms. */
  readonly dueMs: number;
  /** From one time to the next, ms. Default: once only. */
  readonly periodMs?: number;
}

/**
 * Durable calls by time: they activate the grain when it is due, also after a restart. At least once per period while any
 * silo of the grain's type runs; periods that passed while none did are made up for by one call.
 */
export interface GrainReminders {
  /**
   * Sets a reminder, replacing the one of that name.
   *
   * @param name - 1 … 64 characters.
   * @param schedule - `periodMs` at least 1,000.
   * @throws GpuBridgeError `STORAGE_UNAVAILABLE` where nothing durable keeps it; `CLUSTER_UNAVAILABLE`, `INVALID_ARGUMENT`.
   */
  register(name: string, schedule: Schedule): Promise<void>;
  /** @returns whether there was one. */
  unregister(name: string): Promise<boolean>;
  /** Names of this grain's reminders. */
  list(): Promise<readonly string[]>;
}

/** One call of a reminder. */
export interface ReminderTick {
  /** When it was due, ms since 1970 UTC; the same when it is delivered twice. */
  readonly dueAtMs: number;
  /** Undefined for a reminder that is due once. */
  readonly periodMs: number | undefined;
}
