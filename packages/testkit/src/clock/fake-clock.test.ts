import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until told', () => {
    const clock = new FakeClock(5_000_000n);
    expect([clock.nowNs(), clock.nowMs()]).toEqual([5_000_000n, 5]);
    clock.advanceMs(0.5);
    expect(clock.nowNs()).toBe(5_500_000n);
  });

  it('runs timers in the order of their times, equal ones in the order of scheduling, each at its own time', () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    const note = (name: string) => () => void seen.push(`${name}@${clock.nowMs()}`);
    clock.schedule(note('c'), 3);
    clock.schedule(note('a'), 1);
    clock.schedule(note('b1'), 2);
    clock.schedule(note('b2'), 2);
    clock.schedule(note('late'), 10);
    clock.advanceMs(5);
    expect(seen).toEqual(['a@1', 'b1@2', 'b2@2', 'c@3']);
    expect(clock.nowMs()).toBe(5);
    expect([clock.pending, clock.nextDueNs]).toEqual([1, 10_000_000n]);
  });

  it('runs timers that timers schedule, and none that was cancelled', () => {
    const clock = new FakeClock();
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(clock.nowMs());
      clock.schedule(tick, 2);
    };
    clock.schedule(tick, 2);
    const cancelled = clock.schedule(() => seen.push(-1), 3);
    cancelled.cancel();
    cancelled.cancel();
    clock.advanceMs(7);
    expect(seen).toEqual([2, 4, 6]);
  });

  it('lets sleepers go on at their own time with runFor', async () => {
    const clock = new FakeClock();
    const seen: number[] = [];
    const sleeper = (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleepNs(1_000_000n);
        seen.push(clock.nowMs());
      }
    })();
    await clock.runFor(2_500_000n);
    expect(seen).toEqual([1, 2]);
    await clock.runFor(1_000_000n);
    await sleeper;
    expect(seen).toEqual([1, 2, 3]);
    expect(clock.nowMs()).toBe(3.5);
  });

  it('moves on with each look at it when asked to, without running timers', () => {
    const clock = new FakeClock(0n, 1_000n);
    const seen: number[] = [];
    clock.schedule(() => seen.push(clock.nowMs()), 0.002);
    while (clock.nowMs() < 0.1);
    expect(seen).toEqual([]);
    clock.advanceNs(0n);
    expect(seen).toEqual([0.101]);
    clock.advanceMs(1);
    expect(clock.nowMs()).toBeCloseTo(1.102, 9);
  });
});
