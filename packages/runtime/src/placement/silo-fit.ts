import type { DeviceCapacity, GpuPlacementStrategy, SiloCandidate } from '@gpu-bridge/abstractions';

/** What a silo's load is made of; the parts add up to 1 where all are at their worst. */
const LOADS = {
  /** As many placed calls as the silo takes, or a full queue on the device, whichever is closer. */
  room: 0.6,
  /** An entry that has been in a ring for {@link OLD_ENTRY_MS}: the device is slow, or stuck. */
  age: 0.25,
  /** All executors busy. */
  utilisation: 0.15,
} as const;

/** What else makes a silo the worse choice, on the scale of loads: half of one is worth half the load of another silo. */
export const DRAWBACKS = {
  /** None of the wanted datasets resident; a part of them counts in part. */
  datasets: 0.5,
  /** Not the silo that the tenant belongs to, of a strategy with `tenantAffinity`. */
  tenant: 0.5,
} as const;

const OLD_ENTRY_MS = 1_000;

/** How well a silo would do, by the best of its devices. */
export interface SiloFit {
  readonly candidate: SiloCandidate;
  /** Its device is suspect or restarting: to be taken when no other is left. */
  readonly isLate: boolean;
  /** Takes the call as far as is known. */
  readonly hasRoom: boolean;
  /** Sum of {@link LOADS}, 0 … 1: of another silo it may be a second old. */
  readonly load: number;
  /** Sum of {@link DRAWBACKS}: does not change from call to call. */
  readonly drawback: number;
}

/** @returns undefined when no device of the silo is accepted. */
export function fitOf(
  candidate: SiloCandidate,
  strategy: GpuPlacementStrategy,
  accepts: (device: DeviceCapacity) => boolean,
): SiloFit | undefined {
  let best: SiloFit | undefined;
  for (const device of candidate.devices) {
    if (!accepts(device)) continue;
    const fit = fitOn(device, candidate, strategy);
    if (best === undefined || rank(fit) < rank(best)) best = fit;
  }
  return best;
}

/** The lower, the better: room first, then health, then the rest. */
function rank({ hasRoom, isLate, load, drawback }: SiloFit): number {
  return (hasRoom ? 0 : 10) + (isLate ? 5 : 0) + load + drawback;
}

function fitOn(device: DeviceCapacity, candidate: SiloCandidate, strategy: GpuPlacementStrategy): SiloFit {
  const { placedCalls, placedCallLimit } = candidate;
  const { arenaBytes = 0, datasets } = strategy;
  const { health, freeArenaBytes, queueUse, oldestInFlightMs, utilisation } = device;
  const missing = datasets === undefined ? 0 : datasets.filter((dataset) => !device.datasets.includes(dataset)).length;
  return {
    candidate,
    isLate: health === 'suspect' || health === 'restarting',
    hasRoom: placedCalls < placedCallLimit && freeArenaBytes >= arenaBytes && queueUse < 1,
    load:
      LOADS.room * Math.min(1, Math.max(queueUse, placedCalls / placedCallLimit)) +
      LOADS.age * Math.min(1, oldestInFlightMs / OLD_ENTRY_MS) +
      LOADS.utilisation * Math.min(1, utilisation),
    drawback: missing === 0 ? 0 : (DRAWBACKS.datasets * missing) / datasets!.length,
  };
}
