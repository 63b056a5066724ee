import { describe, expect, it } from 'vitest';
import { BREAKAGES } from './cluster/breakages.js';
import { ClusterSimulation } from './cluster/cluster-simulation.js';
import { runsAllSeeds, testSeeds } from './seeded-schedules.js';

/** A broken cluster is noticed within so many: most within ten, what takes a silo that thaws in the middle of a turn later. */
const SEEDS_TO_NOTICE = 400;

describe('a cluster keeps one owner per grain, and every write that it acknowledged, whatever fails', () => {
  const happened = testSeeds({ seeds: 1_000, perTest: 100 }, (seed) => ClusterSimulation.run(seed));

  it.runIf(runsAllSeeds)('and all of it happened', () => {
    const wanted = ['add', 'put', 'read', 'count', 'work', 'freeze', 'kill', 'stop', 'disconnect', 'partition'];
    wanted.push(
      'engineStalls',
      'engineGone',
      'cutOff',
      'cutOffFromEngine',
      'takeovers',
      'migrations',
      'incarnationsLost',
      'repeated',
    );
    wanted.push('callerDied', 'OUTCOME_UNKNOWN', 'CLUSTER_UNAVAILABLE', 'LEASE_FENCED', 'DRAINING', 'SILO_UNREACHABLE');
    expect(wanted.filter((what) => (happened[what] ?? 0) < 5)).toEqual([]);
  });

  it.runIf(runsAllSeeds)('and it happens again with the same seed', async () => {
    for (const seed of [1, 2, 3]) {
      expect(await ClusterSimulation.run(seed)).toEqual(await ClusterSimulation.run(seed));
    }
  });
});

describe.runIf(runsAllSeeds)('the simulation notices', () => {
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
