import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProbeSource } from '../testing/probe-source.js';
import { consume } from './consume.js';

const plan = fc.record({
  costs: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 }),
  credits: fc.integer({ min: 1, max: 5 }),
  /** Which call fails, which step of the source fails, before which step it is aborted; beyond the end: none. */
  failsAt: fc.nat(20),
  sourceFails: fc.boolean(),
  abortsAt: fc.nat(20),
});

test('under any schedule: order, credits, one close, and no call after the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, { costs, credits, failsAt, sourceFails, abortsAt }) => {
      const abort = new AbortController();
      const source = new ProbeSource({
        itemCount: costs.length,
        before: (index) => s.schedule(Promise.resolve(), `step ${index}`),
        ...(sourceFails ? { failure: new Error('source') } : {}),
      });
      const started: number[] = [];
      const working = new Map<number, number>();
      let over = false;
      const work = async (item: number): Promise<void> => {
        expect(over).toBe(false);
        started.push(item);
        working.set(item, costs[item]!);
        const outstanding = [...working.values()].reduce((sum, cost) => sum + cost, 0);
        expect(outstanding <= credits || working.size === 1).toBe(true);
        if (item === abortsAt) abort.abort(new Error('abort'));
        await s.schedule(Promise.resolve(), `work ${item}`);
        working.delete(item);
        if (item === failsAt) throw new Error('work');
      };
      const outcome = consume(source, work, { credits, cost: (item) => costs[item]!, signal: abort.signal }).then(
        () => 'done',
        (e: unknown) => (e as Error).message,
      );
      await s.waitFor(outcome);
      over = true;
      await s.waitIdle();

      expect(started).toEqual(costs.slice(0, started.length).map((_, index) => index));
      expect(working.size).toBe(0);
      expect(source.given - started.length).toBeLessThanOrEqual(1);
      const result = await outcome;
      expect(['done', 'work', 'source', 'abort']).toContain(result); // else: a check in `work` failed
      if (result === 'done')
        expect({ started: started.length, closed: source.closed }).toEqual({ started: costs.length, closed: 0 });
      else expect(source.closed).toBeLessThanOrEqual(1);
      // A source asked for its end when it was closed has done both; one that had ended before is left alone.
      if (result !== 'done' && !source.ended) expect(source.closed).toBe(1);
      if (result === 'source') expect(source.closed).toBe(0);
    }),
    { numRuns: 300 },
  );
});
