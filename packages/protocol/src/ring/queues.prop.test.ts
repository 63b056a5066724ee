import fc from 'fast-check';
import { describe, it, expect } from 'vitest';
import { Op, Status, createCqe, createSqe } from '../generated/ring-abi.js';
import { ExecutorEnd, SiloEnd } from './queues.js';
import { RingMemory, ringSizeBytes } from './ring-memory.js';

/** What happens next; a step whose condition does not hold must be refused or find nothing. */
const step = fc.constantFrom('submit', 'take', 'complete', 'reap');

describe('any interleaving of submit, take, complete and reap', () => {
  it('keeps order, loses nothing and never holds more than the capacity', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }).map((bits) => 2 ** bits),
        fc.boolean(),
        fc.array(step, { maxLength: 400 }),
        (capacity, nearTheWrap, steps) => {
          const first = nearTheWrap ? 2 ** 32 - capacity - 1 : 0;
          const memory = new RingMemory(new SharedArrayBuffer(ringSizeBytes(capacity)), 0, capacity);
          memory.initialise(3);
          const silo = new SiloEnd(memory, first);
          const executor = new ExecutorEnd(memory, first);
          // The model: how many entries have passed each station; entry n carries n.
          let [submitted, taken, completed, reaped] = [0, 0, 0, 0];
          const sqe = createSqe();
          const cqe = createCqe();
          for (const next of steps) {
            if (next === 'submit') {
              Object.assign(sqe, { op: Op.RUN, userDataLow: submitted, userDataHigh: ~submitted >>> 0, generation: 3 });
              if (submitted - reaped === capacity) expect(() => silo.submit(sqe)).toThrow(RangeError);
              else expect(silo.submit(sqe)).toBe((first + submitted++) % 2 ** 32);
            } else if (next === 'take') {
              expect(executor.ready()).toBe(taken < submitted);
              if (taken === submitted) continue;
              executor.take(sqe);
              expect([sqe.userDataLow, sqe.userDataHigh]).toEqual([taken, ~taken >>> 0]);
              taken++;
            } else if (next === 'complete') {
              if (completed === taken) continue;
              Object.assign(cqe, { status: Status.OK, userDataLow: completed, violations: completed * 3 });
              executor.complete(cqe);
              completed++;
            } else {
              expect(silo.ready()).toBe(reaped < completed);
              const got = silo.reap(cqe);
              expect(got).toBe(reaped < completed);
              if (!got) continue;
              expect([cqe.userDataLow, cqe.violations]).toEqual([reaped, reaped * 3]);
              reaped++;
            }
            expect(silo.outstanding).toBe(submitted - reaped);
            expect(silo.outstanding).toBeLessThanOrEqual(capacity);
            expect(silo.free).toBe(capacity - silo.outstanding);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
