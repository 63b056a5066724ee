import fc from 'fast-check';
import { Subject } from 'rxjs';
import { expect, test } from 'vitest';
import { ProbeSource } from '../testing/probe-source.js';
import { toObservable } from './to-observable.js';

const plan = fc.record({
  itemCount: fc.nat(20),
  buffer: fc.integer({ min: 1, max: 4 }),
  overflow: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const),
  demands: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 }),
});

test('under any schedule every item is emitted or reported as dropped, once, and emissions rise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, { itemCount, buffer, overflow, demands }) => {
      const source = new ProbeSource({ itemCount, before: (index) => s.schedule(Promise.resolve(), `step ${index}`) });
      const demand$ = new Subject<number>();
      const emitted: number[] = [];
      const dropped: number[] = [];
      let demanded = 0;
      let completed = false;
      let kept = true; // what is checked while items flow; a throw in there would go to RxJS
      toObservable(source, {
        buffer,
        overflow,
        demand$,
        onDrop: (item, count) => {
          dropped.push(item);
          kept &&= count === dropped.length;
        },
      }).subscribe({
        next: (item) => {
          emitted.push(item);
          kept &&= emitted.length <= demanded;
        },
        complete: () => (completed = true),
      });
      const demand = (items: number) => {
        demanded += items;
        demand$.next(items);
      };
      for (const items of demands) void s.schedule(Promise.resolve(), 'demand').then(() => demand(items));
      await s.waitIdle();

      const waiting = itemCount - emitted.length - dropped.length;
      expect(waiting).toBeGreaterThanOrEqual(0);
      expect(waiting).toBeLessThanOrEqual(buffer);
      if (!completed) demand(buffer);
      expect({ completed, kept }).toEqual({ completed: true, kept: true });
      expect(emitted).toEqual([...emitted].sort((a, b) => a - b));
      expect([...emitted, ...dropped].sort((a, b) => a - b)).toEqual(Array.from({ length: itemCount }, (_, i) => i));
      expect(source.closed).toBe(0);
    }),
    { numRuns: 300 },
  );
});
