import { expect, it } from 'vitest';

/** `SIM_SEED=17` runs that seed alone, `SIM_FROM=1000` as many as always from there. */
const only = process.env['SIM_SEED'];
const from = Number(process.env['SIM_FROM'] ?? 1);

/** Whether every seed runs, so that what shall have happened over all of them can be asked for. */
export const runsAllSeeds = only === undefined;

/**
 * Tests that run a simulation for seed after seed; one that fails names its seed.
 *
 * @param run - @returns how often what happened.
 * @returns the sums over all seeds, once the tests have run.
 */
export function testSeeds(
  { seeds: count, perTest }: { readonly seeds: number; readonly perTest: number },
  run: (seed: number) => Promise<Readonly<Record<string, number>>>,
): Readonly<Record<string, number>> {
  const seeds = runsAllSeeds ? Array.from({ length: count }, (_, i) => from + i) : [Number(only)];
  const happened: Record<string, number> = {};
  for (let at = 0; at < seeds.length; at += perTest) {
    const some = seeds.slice(at, at + perTest);
    it(`seeds ${some[0]} to ${some.at(-1)}`, { timeout: 600_000 }, async () => {
      const failures: string[] = [];
      for (const seed of some) {
        try {
          const seen = await run(seed);
          for (const [what, times] of Object.entries(seen)) happened[what] = (happened[what] ?? 0) + times;
        } catch (error) {
          failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
      expect(failures).toEqual([]);
    });
  }
  return happened;
}
