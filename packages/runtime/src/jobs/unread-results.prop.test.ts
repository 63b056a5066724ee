import { input, output, u32 } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestOwner, kernelOf, mapJob } from '../testing/fixture.js';
import type { Job } from './job.js';
import { UnreadResults } from './unread-results.js';

const RETENTION_MS = 50;
const kernel = kernelOf({ x: input(u32), y: output(u32) });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const) }),
    fc.record({ do: fc.constant('remove' as const), which: fc.nat(1_000) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40) }),
  ),
  { maxLength: 120 },
);

test('holds exactly what is unread, oldest first, and lets each go when its time is up', () => {
  fc.assert(
    fc.property(steps, (plan) => {
      const clock = new FakeClock();
      const expired: Job[] = [];
      const unread = new UnreadResults(RETENTION_MS, clock, (job) => {
        expired.push(job);
        unread.remove(job);
      });
      const all: { job: Job; endedMs: number; readMs: number | undefined }[] = [];
      for (const step of plan) {
        if (step.do === 'add') {
          const owner = new TestOwner();
          owner.timeMs = clock.nowMs();
          const job = mapJob(kernel, { x: new Uint32Array(1) }, {}, owner);
          job.end('completed', undefined);
          job.holdsMemory = true;
          unread.add(job);
          all.push({ job, endedMs: clock.nowMs(), readMs: undefined });
        } else if (step.do === 'wait') {
          clock.advanceMs(step.ms);
        } else {
          const picked = all[step.which % Math.max(1, all.length)];
          if (picked === undefined) continue;
          if (!expired.includes(picked.job)) picked.readMs ??= clock.nowMs();
          unread.remove(picked.job); // also what was read or has expired before
        }
        const nowMs = clock.nowMs();
        const due = all.filter((a) => a.readMs === undefined && a.endedMs + RETENTION_MS <= nowMs);
        // The sweep looks a millisecond after the oldest is due at the latest.
        const surelyDue = due.filter((a) => a.endedMs + RETENTION_MS + 1 <= nowMs).map((a) => a.job);
        expect(expired.slice(0, surelyDue.length)).toEqual(surelyDue);
        expect(expired.length).toBeLessThanOrEqual(due.length);
        const waits = all.filter((a) => a.readMs === undefined && !expired.includes(a.job)).map((a) => a.job);
        expect(listed(unread)).toEqual(waits);
      }
      clock.advanceMs(3 * RETENTION_MS);
      expect([listed(unread), clock.pending]).toEqual([[], 0]);
      expect(new Set(expired).size).toBe(expired.length);
    }),
    { numRuns: 200 },
  );
});

test('does not list jobs that hold no memory, and stops its timer', () => {
  const clock = new FakeClock();
  const unread = new UnreadResults(RETENTION_MS, clock, () => undefined);
  const job = mapJob(kernel, { x: new Uint32Array(1) });
  unread.add(job);
  expect([listed(unread), clock.pending]).toEqual([[], 0]);
  job.holdsMemory = true;
  unread.add(job);
  unread.stop();
  expect(clock.pending).toBe(0);
});

/** The list forwards, after it was checked backwards. */
function listed(unread: UnreadResults): Job[] {
  const { oldest, newest } = unread as unknown as { oldest: Job | undefined; newest: Job | undefined };
  const forwards: Job[] = [];
  for (let job = oldest; job !== undefined; job = job.newerUnread) forwards.push(job);
  const backwards: Job[] = [];
  for (let job = newest; job !== undefined; job = job.olderUnread) backwards.push(job);
  expect(backwards.reverse()).toEqual(forwards);
  return forwards;
}
