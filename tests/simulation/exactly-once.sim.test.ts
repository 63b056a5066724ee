import { describe, expect, it } from 'vitest';
import { Simulation } from './simulation.js';

const SEEDS = 240;
const PER_TEST = 40;
/** `SIM_SEED=17` runs that seed alone, `SIM_FROM=1000` as many as always from there. */
const only = process.env['SIM_SEED'];
const from = Number(process.env['SIM_FROM'] ?? 1);
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, i) => from + i) : [Number(only)];

const happened: Record<string, number> = {};

describe('every admitted job ends exactly once, whatever dies', () => {
  for (let at = 0; at < seeds.length; at += PER_TEST) {
    const some = seeds.slice(at, at + PER_TEST);
    it(`seeds ${some[0]} to ${some.at(-1)}`, { timeout: 600_000 }, async () => {
      const failures: string[] = [];
      for (const seed of some) {
        try {
          const seen = await Simulation.run(seed);
          for (const [what, count] of Object.entries(seen)) happened[what] = (happened[what] ?? 0) + count;
        } catch (error) {
          failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
      expect(failures).toEqual([]);
    });
  }

  it.skipIf(only !== undefined)('and all of it happened', () => {
    const wanted = ['readAll', 'survived', 'coalesced', 'deaths', 'expired', 'refused', 'completed', 'CANCELLED'];
    wanted.push('redirected', 'quarantines', 'returns', 'movedWhileRead', 'stoppedInQuarantine', 'fallbacks');
    wanted.push('JOB_POISONED', 'DEADLINE_EXCEEDED', 'BOUNDS_VIOLATION', 'DEVICE_LOST', 'DRAINING');
    expect(wanted.filter((what) => (happened[what] ?? 0) < 5)).toEqual([]);
  });
});
