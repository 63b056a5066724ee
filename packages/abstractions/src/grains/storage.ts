/**
 * One value per grain, kept by the cluster: plain data (numbers, bigints, strings, booleans, null, arrays, plain objects,
 * typed arrays). Every access carries the activation's fencing token: when another silo has taken the grain over, it is
 * refused with `LEASE_FENCED`, and this activation is over.
 */
export interface GrainStorage {
  /** @throws GpuBridgeError `LEASE_FENCED`, `CLUSTER_UNAVAILABLE` (may be repeated). */
  read(): Promise<unknown>;
  /** Resolves when the engine has it. @throws as `read`; `INVALID_ARGUMENT` for what is no plain data or too large. */
  write(value: unknown): Promise<void>;
  /** Forgets the value. @throws as `read`. */
  clear(): Promise<void>;
}
