import { describe, expect, it } from 'vitest';
import { runsAllSeeds, testSeeds } from './seeded-schedules.js';
import { TenantSimulation } from './tenant-simulation.js';
import type { Breakage, QueueInside } from './tenant-simulation.js';

describe('under the flood of another tenant a steady one waits for two slots at most', () => {
  const happened = testSeeds({ seeds: 60, perTest: 20 }, (seed) => TenantSimulation.run(seed));

  it.runIf(runsAllSeeds)('and there was a flood, and waiting', () => {
    const { floodSlots = 0, waited = 0, waitedForMoreThanOne = 0 } = happened;
    expect(floodSlots).toBeGreaterThan(5_000);
    expect(waited).toBeGreaterThan(1_000);
    expect(waitedForMoreThanOne).toBeGreaterThan(20);
  });
});

describe.runIf(runsAllSeeds)('the simulation notices', () => {
  const breakages: Record<string, Breakage> = {
    'slots that are taken in the order in which jobs came': (queue) => {
      queue.next = () => oldest(queue);
    },
    'weights that are ignored': (queue) => {
      const tenant = queue.tenant.bind(queue);
      queue.tenant = (name) => Object.assign(tenant(name), { weight: 1 });
    },
  };
  it.each(Object.entries(breakages))('%s', { timeout: 600_000 }, async (_, breakage) => {
    let caught = 0;
    for (let seed = 1; seed <= 12; seed++) {
      await TenantSimulation.run(seed, breakage).catch((error: unknown) => {
        expect(String(error)).toMatch(/ms of waiting/);
        caught++;
      });
    }
    expect(caught).toBeGreaterThan(0);
  });
});

function oldest(queue: QueueInside): ReturnType<QueueInside['next']> {
  const waiting = [...queue.tenants.values()].flatMap((tenant) =>
    tenant.lanes.flatMap((lane) => {
      const job = lane.batch?.jobs[0] ?? lane.peek();
      return job === undefined ? [] : [{ tenant, lane, job }];
    }),
  );
  return waiting.sort((a, b) => a.job.submittedMs - b.job.submittedMs)[0];
}
