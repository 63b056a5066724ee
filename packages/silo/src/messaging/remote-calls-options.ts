/** Limits of the calls between silos. */
export interface RemoteCallsOptions {
  /** Largest message: arguments or a result, encoded; bytes. Default 256 MiB. */
  readonly maxMessageBytes?: number;
  /** Calls of others that run here at once; more are refused as `SILO_BUSY`. Default 10,000. */
  readonly maxServedCalls?: number;
  /** Items of a streaming reply that the grain is ahead of its reader, at most. Default 4. */
  readonly streamWindow?: number;
  /** Calls without an answer for so long are asked about, ms. Default 2,000. */
  readonly askAfterMs?: number;
  /** Calls to a silo that lives but answers no question for so long fail with `OUTCOME_UNKNOWN`, ms. Default 60,000. */
  readonly silentAfterMs?: number;
  /** A large message of which nothing has been heard for so long is given up, ms. Default 10,000. */
  readonly abandonAfterMs?: number;
}

export type ResolvedRemoteCallsOptions = Required<RemoteCallsOptions>;

const MIB = 1024 * 1024;

export const REMOTE_CALLS_DEFAULTS: ResolvedRemoteCallsOptions = {
  maxMessageBytes: 256 * MIB,
  maxServedCalls: 10_000,
  streamWindow: 4,
  askAfterMs: 2_000,
  silentAfterMs: 60_000,
  abandonAfterMs: 10_000,
};
