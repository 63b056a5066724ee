import type { DeviceCapacity, PlacementContext, SiloCandidate } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import type { Member } from '../membership/member-record.js';

export function candidate(siloId: string, figures: Partial<SiloCandidate> = {}): SiloCandidate {
  return { siloId, isLocal: false, devices: [], activations: 0, placedCalls: 0, placedCallLimit: 256, ...figures };
}

export function contextOf(candidates: readonly SiloCandidate[], seed = 1): PlacementContext {
  const source = new SeededRandom(seed);
  return {
    candidates,
    tenant: undefined,
    nowMs: 0,
    random: () => source.between(0, 1),
    onFallback: () => undefined,
  };
}

/** A silo as it says it is; every call makes figures of a new beat. */
export function member(siloId: string, figures: Partial<Member> = {}): Member {
  return {
    address: `${siloId}.${figures.generation ?? 1}`,
    siloId,
    generation: 1,
    state: 'active',
    grainTypes: ['worker'],
    statelessTypes: [],
    hostName: 'host',
    pid: 1,
    devices: [],
    activations: 0,
    placedCalls: 0,
    placedCallLimit: 256,
    suspect: false,
    ...figures,
  };
}

export function device(figures: Partial<DeviceCapacity> = {}): DeviceCapacity {
  return {
    deviceId: 'cpu:0',
    type: 'cpu',
    backend: 'cpu',
    health: 'healthy',
    freeArenaBytes: 2 ** 20,
    queuedJobs: 0,
    queueUse: 0,
    oldestInFlightMs: 0,
    utilisation: 0,
    offers: [],
    kernels: [],
    datasets: [],
    ...figures,
  };
}
