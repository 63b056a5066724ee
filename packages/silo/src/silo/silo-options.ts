import { randomUUID } from 'node:crypto';
import { GpuBridgeError, checkFields, checkInteger } from '@gpu-bridge/abstractions';

/** Options of a silo. Everything has a safe default. */
export interface SiloOptions {
  /** Name of this silo in activation ids and logs, 1 … 64 characters. Default: `silo-` and 8 random hex digits. */
  readonly siloId?: string;
  /** How long an activation may go without a call before it is collected, ms, at least 1. Default 900,000 (15 min). */
  readonly idleAfterMs?: number;
  /**
   * How often the silo looks for idle activations, ms, at least 1. An activation goes at most two intervals late.
   * Default: `idleAfterMs`, at most 60,000.
   */
  readonly sweepIntervalMs?: number;
  /** Calls that may wait per grain key, 1 … 10^6; beyond it: `GRAIN_BUSY`. Default 10,000. */
  readonly callQueueLimit?: number;
  /**
   * Calls that directors may place on this silo at once, 1 … 10^6; beyond it the silo refuses with `SILO_BUSY`, and they go
   * elsewhere. Counts only in a cluster: alone, the queues of the devices limit. Default 256.
   */
  readonly placedCallLimit?: number;
  /** Calls of other silos that run here at once, 1 … 10^6; beyond it `SILO_BUSY`. Default 10,000. */
  readonly maxServedCalls?: number;
  /** Largest message between silos, arguments or a result, MiB, 1 … 2,047. Default 256. */
  readonly maxMessageMiB?: number;
  /** How often a silo renews its row among the members, ms, 10 … 60,000. Default: a fifteenth of `leaseMs`, at most 1,000. */
  readonly beatIntervalMs?: number;
  /**
   * How long the row of a silo outlives its last beat, ms, at least 100; the same on every silo of the cluster. A silo that dies
   * without a supervisor is replaced after so long. Default 15,000, at least 15 beats: an engine that elects a leader may be
   * away for 8 s.
   */
  readonly leaseMs?: number;
  /**
   * How long after its last beat a silo may run keyed grains, ms; above twice `beatIntervalMs`, below `leaseMs`. Default:
   * two thirds of `leaseMs`.
   */
  readonly fenceAfterMs?: number;
  /** Raised by an operator, on every silo, after the engine has lost writes; 0 … 8,191. Default 0. */
  readonly clusterEpoch?: number;
  /** How long `stop` waits for accepted calls and `onDeactivate`, ms. Default 30,000. */
  readonly drainTimeoutMs?: number;
}

export type ResolvedSiloOptions = Required<SiloOptions>;

const FIELDS: readonly string[] = [
  'siloId',
  'idleAfterMs',
  'sweepIntervalMs',
  'callQueueLimit',
  'placedCallLimit',
  'maxServedCalls',
  'maxMessageMiB',
  'beatIntervalMs',
  'leaseMs',
  'fenceAfterMs',
  'clusterEpoch',
  'drainTimeoutMs',
] satisfies (keyof SiloOptions)[];
const BEATS_PER_LEASE = 15;
/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Checks every option and fills in the defaults.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown option or a value out of its range.
 */
export function resolveSiloOptions(options: SiloOptions = {}): ResolvedSiloOptions {
  checkFields('options', options, FIELDS);
  const siloId = options.siloId ?? `silo-${randomUUID().slice(0, 8)}`;
  if (typeof siloId !== 'string' || siloId.length < 1 || siloId.length > 64) {
    throw GpuBridgeError.invalidArgument('options.siloId', siloId, 'a string of 1..64 characters');
  }
  const idleAfterMs = checkInteger('options.idleAfterMs', options.idleAfterMs ?? 900_000, 1, MAX_DELAY_MS);
  return {
    siloId,
    idleAfterMs,
    sweepIntervalMs: checkInteger(
      'options.sweepIntervalMs',
      options.sweepIntervalMs ?? Math.min(idleAfterMs, 60_000),
      1,
      MAX_DELAY_MS,
    ),
    callQueueLimit: checkInteger('options.callQueueLimit', options.callQueueLimit ?? 10_000, 1, 1e6),
    placedCallLimit: checkInteger('options.placedCallLimit', options.placedCallLimit ?? 256, 1, 1e6),
    maxServedCalls: checkInteger('options.maxServedCalls', options.maxServedCalls ?? 10_000, 1, 1e6),
    maxMessageMiB: checkInteger('options.maxMessageMiB', options.maxMessageMiB ?? 256, 1, 2_047),
    ...membershipTimes(options),
    clusterEpoch: checkInteger('options.clusterEpoch', options.clusterEpoch ?? 0, 0, 8_191),
    drainTimeoutMs: checkInteger('options.drainTimeoutMs', options.drainTimeoutMs ?? 30_000, 0, MAX_DELAY_MS),
  };
}

/** With one of the times given, the defaults of the others follow it. */
function membershipTimes(
  options: SiloOptions,
): Pick<ResolvedSiloOptions, 'beatIntervalMs' | 'leaseMs' | 'fenceAfterMs'> {
  const { beatIntervalMs: beat, leaseMs: lease } = options;
  const leaseOfBeat = Math.max(15_000, BEATS_PER_LEASE * (beat ?? 0));
  const leaseMs = checkInteger('options.leaseMs', lease ?? leaseOfBeat, 100, MAX_DELAY_MS);
  const beatOfLease = Math.max(10, Math.min(1_000, Math.floor(leaseMs / BEATS_PER_LEASE)));
  const beatIntervalMs = checkInteger('options.beatIntervalMs', beat ?? beatOfLease, 10, 60_000);
  const fenceAfterMs = options.fenceAfterMs ?? Math.floor((leaseMs * 2) / 3);
  return {
    beatIntervalMs,
    leaseMs,
    fenceAfterMs: checkInteger('options.fenceAfterMs', fenceAfterMs, 2 * beatIntervalMs + 1, leaseMs - 1),
  };
}
