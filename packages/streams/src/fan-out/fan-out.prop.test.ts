import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProbeSource } from '../testing/probe-source.js';
import { fanOut } from './fan-out.js';
import type { Detachment } from './subscription.js';

const reader = fc.record({ credits: fc.integer({ min: 1, max: 4 }), leavesAfter: fc.integer({ min: 1, max: 15 }) });
const plan = fc.record({
  itemCount: fc.nat(10),
  readers: fc.array(reader, { minLength: 1, maxLength: 4 }),
  fails: fc.boolean(),
});

test('under any schedule: everyone reads in order until it leaves, and nobody gets further ahead than credits allow', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, { itemCount, readers, fails }) => {
      const source = new ProbeSource({
        itemCount,
        before: (index) => s.schedule(Promise.resolve(), `step ${index}`),
        ...(fails ? { failure: new Error('source') } : {}),
      });
      const detachments: Detachment[] = [];
      const names = readers.map((_, index) => `r${index}`);
      const fan = fanOut(source, {
        subscribers: Object.fromEntries(readers.map(({ credits }, index) => [names[index]!, { credits }])),
        policy: 'wait',
        onDetach: (detachment) => detachments.push(detachment),
      });
      const done = new Map<string, number>(names.map((name) => [name, 0]));
      const read = async (name: string, credits: number, leavesAfter: number): Promise<string> => {
        let count = 0;
        try {
          for await (const item of fan.subscriptions[name]!) {
            expect(item).toBe(count++);
            await s.schedule(Promise.resolve(), `${name} works`);
            // What was taken for this reader and is not finished stays within its credits.
            expect(source.given - done.get(name)!).toBeLessThanOrEqual(credits);
            done.set(name, count);
            if (count === leavesAfter) return 'left';
          }
        } catch (e) {
          expect(count).toBe(itemCount);
          return (e as Error).message;
        }
        expect(count).toBe(itemCount);
        return 'end';
      };
      const reads = readers.map(({ credits, leavesAfter }, index) => read(names[index]!, credits, leavesAfter));
      const ends = await s.waitFor(Promise.all(reads));
      await s.waitIdle();

      readers.forEach(({ leavesAfter }, index) => {
        expect(ends[index]).toBe(leavesAfter <= itemCount ? 'left' : fails ? 'source' : 'end');
      });
      const leavers = names.filter((_, index) => ends[index] === 'left');
      expect(detachments.map(({ name }) => name).sort()).toEqual(leavers);
      expect(fan.detachedSubscribers).toBe(leavers.length);
      expect(source.closed).toBeLessThanOrEqual(1);
      if (!source.ended) expect(source.closed).toBe(1);
      if (leavers.length < names.length) expect(source.closed).toBe(0);
    }),
    { numRuns: 300 },
  );
});
