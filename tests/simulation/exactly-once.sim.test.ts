import { describe, expect, it } from 'vitest';
import { runsAllSeeds, testSeeds } from './seeded-schedules.js';
import { Simulation } from './simulation.js';

describe('every admitted job ends exactly once, whatever dies', () => {
  const happened = testSeeds({ seeds: 240, perTest: 40 }, (seed) => Simulation.run(seed));

  it.runIf(runsAllSeeds)('and all of it happened', () => {
    const wanted = ['readAll', 'survived', 'coalesced', 'deaths', 'expired', 'refused', 'completed', 'CANCELLED'];
    wanted.push(
      'redirected',
      'quarantines',
      'returns',
      'movedWhileRead',
      'stoppedInQuarantine',
      'fallbacks',
      'overQuota',
    );
    wanted.push('JOB_POISONED', 'DEADLINE_EXCEEDED', 'BOUNDS_VIOLATION', 'DEVICE_LOST', 'DRAINING');
    expect(wanted.filter((what) => (happened[what] ?? 0) < 5)).toEqual([]);
  });
});
