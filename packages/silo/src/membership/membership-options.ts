import { GpuBridgeError, checkClusterAddress } from '@gpu-bridge/abstractions';
import { siloAddress } from './member-record.js';

export interface MembershipOptions {
  readonly siloId: string;
  /** Silos of different epochs do not work together: the highest goes on. Default 0. */
  readonly clusterEpoch?: number;
  /** From one beat to the next. Default 1,000. */
  readonly beatMs?: number;
  /** How long a row outlives its last beat: the same for every silo of the cluster. Default 15,000. */
  readonly leaseMs?: number;
  /** How long after its last acknowledged beat a silo may run keyed turns; well below `leaseMs`. Default 10,000. */
  readonly fenceAfterMs?: number;
  /** How long `join` waits for an engine that does not answer. Default 30,000. */
  readonly joinTimeoutMs?: number;
}

/**
 * Fills in the defaults.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a `siloId` that makes no address, or times that do not fit together.
 */
export function resolveMembershipOptions(options: MembershipOptions): Required<MembershipOptions> {
  const { siloId, clusterEpoch = 0, joinTimeoutMs = 30_000 } = options;
  const { beatMs = 1_000, fenceAfterMs = 10_000, leaseMs = 15_000 } = options;
  checkClusterAddress(siloAddress(siloId, Number.MAX_SAFE_INTEGER), 'siloId');
  if (beatMs * 2 > fenceAfterMs || fenceAfterMs >= leaseMs)
    throw GpuBridgeError.invalidArgument('fenceAfterMs', fenceAfterMs, 'at least two beats, and less than leaseMs');
  return { siloId, clusterEpoch, beatMs, leaseMs, fenceAfterMs, joinTimeoutMs };
}
