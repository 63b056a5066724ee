import { randomUUID } from 'node:crypto';
import { GpuBridgeError } from '@gpu-bridge/abstractions';

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
  /** How long `stop` waits for accepted calls and `onDeactivate`, ms. Default 30,000. */
  readonly drainTimeoutMs?: number;
}

export type ResolvedSiloOptions = Required<SiloOptions>;

const FIELDS = new Set<string>([
  'siloId',
  'idleAfterMs',
  'sweepIntervalMs',
  'callQueueLimit',
  'placedCallLimit',
  'drainTimeoutMs',
] satisfies (keyof SiloOptions)[]);
/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Checks every option and fills in the defaults.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown option or a value out of its range.
 */
export function resolveSiloOptions(options: SiloOptions = {}): ResolvedSiloOptions {
  if (typeof options !== 'object' || options === null)
    throw GpuBridgeError.invalidArgument('options', options, 'an object');
  for (const field of Object.keys(options)) {
    if (!FIELDS.has(field))
      throw GpuBridgeError.invalidArgument(`options.${field}`, field, `one of ${[...FIELDS].join(', ')}`);
  }
  const siloId = options.siloId ?? `silo-${randomUUID().slice(0, 8)}`;
  if (typeof siloId !== 'string' || siloId.length < 1 || siloId.length > 64) {
    throw GpuBridgeError.invalidArgument('options.siloId', siloId, 'a string of 1..64 characters');
  }
  const idleAfterMs = integer('idleAfterMs', options.idleAfterMs ?? 900_000, 1, MAX_DELAY_MS);
  return {
    siloId,
    idleAfterMs,
    sweepIntervalMs: integer(
      'sweepIntervalMs',
      options.sweepIntervalMs ?? Math.min(idleAfterMs, 60_000),
      1,
      MAX_DELAY_MS,
    ),
    callQueueLimit: integer('callQueueLimit', options.callQueueLimit ?? 10_000, 1, 1e6),
    placedCallLimit: integer('placedCallLimit', options.placedCallLimit ?? 256, 1, 1e6),
    drainTimeoutMs: integer('drainTimeoutMs', options.drainTimeoutMs ?? 30_000, 0, MAX_DELAY_MS),
  };
}

function integer(field: string, value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw GpuBridgeError.invalidArgument(`options.${field}`, value, `an integer of ${low}..${high}`);
}
