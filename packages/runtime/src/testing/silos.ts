import type { DeviceCapacity, PlacementContext, SiloCandidate } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';

export function deviceOf(figures: Partial<DeviceCapacity> = {}): DeviceCapacity {
  return {
    deviceId: 'cuda:0',
    type: 'gpu',
    backend: 'cuda',
    health: 'healthy',
    freeArenaBytes: 2 ** 20,
    queuedJobs: 0,
    queueUse: 0,
    oldestInFlightMs: 0,
    utilisation: 0,
    offers: [],
    kernels: ['scale'],
    datasets: [],
    ...figures,
  };
}

export function cpuOf(figures: Partial<DeviceCapacity> = {}): DeviceCapacity {
  return deviceOf({ deviceId: 'cpu:0', type: 'cpu', backend: 'cpu', ...figures });
}

export function siloOf(
  siloId: string,
  devices: readonly DeviceCapacity[],
  figures: Partial<SiloCandidate> = {},
): SiloCandidate {
  return { siloId, isLocal: false, devices, activations: 0, placedCalls: 0, placedCallLimit: 100, ...figures };
}

/** A context that writes fallbacks down. */
export class TestPlacement implements PlacementContext {
  readonly fallbacks: string[] = [];
  readonly nowMs = 0;
  tenant: string | undefined;
  private readonly source: SeededRandom;

  constructor(
    public candidates: readonly SiloCandidate[],
    seed = 1,
  ) {
    this.source = new SeededRandom(seed);
  }

  random(): number {
    return this.source.between(0, 1);
  }

  onFallback(wanted: string, chosen: string): void {
    this.fallbacks.push(`${wanted} ${chosen}`);
  }
}
