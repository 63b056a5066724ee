import type { GpuPlacementDirector } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { simulatePlacement } from '../testing/placement-simulation.js';
import { CapacityPlacementDirector } from './capacity-placement-director.js';

/** Takes what looks least loaded, as one would without thinking of the others. */
const greedy: GpuPlacementDirector = {
  name: 'greedy',
  placesEveryCall: true,
  onAddActivation: (_strategy, _target, { candidates }) =>
    candidates.reduce((best, other) => (other.placedCalls < best.placedCalls ? other : best)).siloId,
};

const SEEDS = [1, 2, 3];
/** Far below, about, and far above the second that figures are old. */
const CALLS_MS = [50, 200, 1_000, 5_000];
const CASES = CALLS_MS.flatMap((callMs) => SEEDS.map((seed) => [callMs, seed] as const));

/** Eight silos that place on eight, at six tenths of what fits, each seeing the others as they were up to a second ago. */
describe('placement on figures that are up to a second old', () => {
  it.each(CASES)('is even, is steady, and is hardly ever refused: calls of %i ms, seed %i', (callMs, seed) => {
    const { placed, refused, busy, mostAccepted, imbalance, swings } = simulatePlacement(
      seed,
      callMs,
      () => new CapacityPlacementDirector(),
    );
    expect(mostAccepted).toBeLessThanOrEqual(64);
    expect((refused + busy) / placed).toBeLessThan(0.02);
    // Pure chance gives 0.15 here.
    expect(imbalance).toBeLessThan(0.2);
    expect(swings).toBeLessThan(0.1);
  });

  it.each(SEEDS)('herds when each takes the least loaded, seed %i', (seed) => {
    const { placed, refused, imbalance, swings } = simulatePlacement(seed, 200, () => greedy);
    expect(refused / placed).toBeGreaterThan(0.15);
    expect(imbalance).toBeGreaterThan(0.35);
    expect(swings).toBeGreaterThan(0.3);
  });

  it.each(SEEDS)('swings when the figures are fully trusted, seed %i', (seed) => {
    const { imbalance, swings } = simulatePlacement(seed, 200, () => new CapacityPlacementDirector({ trust: 1 }));
    expect(imbalance).toBeGreaterThan(0.2);
    expect(swings).toBeGreaterThan(0.1);
  });
});
