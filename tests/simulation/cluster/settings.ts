import type { SiloOptions } from '@gpu-bridge/silo';
import type { SeededRandom } from '@gpu-bridge/testkit';

/** A cluster of the simulation as a seed draws it. */
export interface ClusterSettings {
  readonly silos: number;
  /** Hosts no grains, and calls those of the others. */
  readonly hasCaller: boolean;
  readonly keys: readonly string[];
  readonly steps: number;
  /** Director of the ledgers. */
  readonly director: string;
  readonly silo: SiloOptions;
  readonly requestTimeoutMs: number;
  /** Of a hundred steps, so many begin a fault. */
  readonly faultiness: number;
  /** Hops lost without a reason, of a thousand. */
  readonly lossPerMille: number;
}

export const LEASE_MS = 3_000;

const DIRECTORS = ['prefer-local', 'random', 'hash', 'least-loaded'];

export function drawSettings(random: SeededRandom): ClusterSettings {
  const silos = 3 + random.below(2);
  return {
    silos,
    hasCaller: random.below(4) === 0,
    keys: ['x', 'y', 'z'].slice(0, 1 + random.below(3)),
    steps: 20 + random.below(16),
    director: DIRECTORS[random.below(DIRECTORS.length)]!,
    silo: {
      leaseMs: LEASE_MS,
      beatIntervalMs: 500,
      fenceAfterMs: 2_000,
      idleAfterMs: random.below(3) === 0 ? 400 : 60_000,
      placedCallLimit: 1 + random.below(4),
      drainTimeoutMs: random.below(2) === 0 ? 100 : 2_000,
    },
    requestTimeoutMs: 500,
    faultiness: random.below(5) === 0 ? 0 : 10 + random.below(40),
    lossPerMille: random.below(3) === 0 ? random.below(60) : 0,
  };
}
