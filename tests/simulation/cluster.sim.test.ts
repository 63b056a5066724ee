import { describe, expect, it } from 'vitest';
import { BREAKAGES } from './cluster/breakages.js';
import { ClusterSimulation } from './cluster/cluster-simulation.js';

const SEEDS = 1_000;
const PER_TEST = 100;
/** A broken cluster is noticed within so many: most within ten, what takes a silo that thaws in the middle of a turn later. */
const SEEDS_TO_NOTICE = 400;
/** `SIM_SEED=17` runs that seed alone, `SIM_FROM=1000` as many as always from there. */
const only = process.env['SIM_SEED'];
const from = Number(process.env['SIM_FROM'] ?? 1);
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, i) => from + i) : [Number(only)];

const happened: Record<string, number> = {};

describe('a cluster keeps one owner per grain, and every write that it acknowledged, whatever fails', () => {
  for (let at = 0; at < seeds.length; at += PER_TEST) {
    const some = seeds.slice(at, at + PER_TEST);
    it(`seeds ${some[0]} to ${some.at(-1)}`, { timeout: 600_000 }, async () => {
      const failures: string[] = [];
      for (const seed of some) {
        try {
          const seen = await ClusterSimulation.run(seed);
          for (const [what, count] of Object.entries(seen)) happened[what] = (happened[what] ?? 0) + count;
        } catch (error) {
          failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
      expect(failures).toEqual([]);
    });
  }

  it.skipIf(only !== undefined)('and all of it happened', () => {
    const wanted = ['add', 'put', 'read', 'count', 'work', 'freeze', 'kill', 'stop', 'disconnect', 'partition'];
    wanted.push(
      'engineStalls',
      'engineGone',
      'cutOff',
      'cutOffFromEngine',
      'takeovers',
      'incarnationsLost',
      'repeated',
    );
    wanted.push('callerDied', 'OUTCOME_UNKNOWN', 'CLUSTER_UNAVAILABLE', 'LEASE_FENCED', 'DRAINING', 'SILO_UNREACHABLE');
    expect(wanted.filter((what) => (happened[what] ?? 0) < 5)).toEqual([]);
  });

  it.skipIf(only !== undefined)('and it happens again with the same seed', async () => {
    for (const seed of seeds.slice(0, 3)) {
      expect(await ClusterSimulation.run(seed)).toEqual(await ClusterSimulation.run(seed));
    }
  });
});

describe.skipIf(only !== undefined)('the simulation notices', () => {
  it.each(Object.entries(BREAKAGES))('%s', { timeout: 600_000 }, async (_what, breakage) => {
    let noticed: unknown;
    for (let seed = 1; seed <= SEEDS_TO_NOTICE && noticed === undefined; seed++) {
      noticed = await ClusterSimulation.run(seed, breakage).then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(noticed).toBeInstanceOf(Error);
  });
});
