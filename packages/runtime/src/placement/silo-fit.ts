import type { DeviceCapacity, GpuPlacementStrategy, SiloCandidate } from '@gpu-bridge/abstractions';

/**
 * What makes a silo the worse choice, as costs that add up. Each is at most its weight, so that a weight says what the worst
 * of a kind is worth against the worst of another. Measured in simulation, not on hardware: they order, they do not predict.
 */
export const COSTS = {
  /** A full queue on the device. */
  queue: 1,
  /** As many placed calls as the silo takes. */
  placedCalls: 1,
  /** An entry that has been in a ring for {@link OLD_ENTRY_MS}: the device is slow, or stuck. */
  age: 0.5,
  /** None of the wanted datasets resident; a part of them counts in part. */
  datasets: 0.5,
  /** All executors busy. */
  utilisation: 0.25,
  /** Not the silo that the tenant belongs to, of a strategy with `tenantAffinity`. */
  tenant: 0.5,
  /** A device that is suspect or restarting: more than all else together, so it comes after every healthy one. */
  late: 4,
} as const;

const OLD_ENTRY_MS = 1_000;

/** How well a silo would do, by the best of its devices. */
export interface SiloFit {
  readonly candidate: SiloCandidate;
  /** Sum of {@link COSTS}. */
  readonly cost: number;
  /** Placed calls that it takes before it is full; 0 also where no device has room. */
  readonly room: number;
}

/** @returns undefined when no device of the silo is accepted. */
export function fitOf(
  candidate: SiloCandidate,
  strategy: GpuPlacementStrategy,
  accepts: (device: DeviceCapacity) => boolean,
): SiloFit | undefined {
  const { placedCalls, placedCallLimit } = candidate;
  const left = Math.max(0, placedCallLimit - placedCalls);
  let best: SiloFit | undefined;
  for (const device of candidate.devices) {
    if (!accepts(device)) continue;
    const room = hasRoom(device, strategy) ? left : 0;
    if (best !== undefined && best.room > 0 && room === 0) continue;
    const cost = costOf(device, strategy) + COSTS.placedCalls * Math.min(1, placedCalls / placedCallLimit);
    if (best === undefined || cost < best.cost || (best.room === 0 && room > 0)) best = { candidate, cost, room };
  }
  return best;
}

function hasRoom({ freeArenaBytes, queueUse }: DeviceCapacity, { arenaBytes = 0 }: GpuPlacementStrategy): boolean {
  return freeArenaBytes >= arenaBytes && queueUse < 1;
}

function costOf(device: DeviceCapacity, { datasets = [] }: GpuPlacementStrategy): number {
  const { health, queueUse, oldestInFlightMs, utilisation } = device;
  const missing = datasets.filter((dataset) => !device.datasets.includes(dataset)).length;
  return (
    COSTS.queue * Math.min(1, queueUse) +
    COSTS.age * Math.min(1, oldestInFlightMs / OLD_ENTRY_MS) +
    COSTS.utilisation * Math.min(1, utilisation) +
    (missing === 0 ? 0 : (COSTS.datasets * missing) / datasets.length) +
    (health === 'suspect' || health === 'restarting' ? COSTS.late : 0)
  );
}
