import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Reaper } from './reaper.js';
import type { ReaperSource } from './reaper.js';

/** Completions that come when the test says so, on a clock that a poll moves on. */
class FakeSource implements ReaperSource {
  timeMs = 0;
  drains = 0;
  parks = 0;
  inFlight = 0;
  ready = 0;
  expected = 10_000;
  onReaped: (() => void) | undefined;
  private bell: Promise<void> | undefined;
  private ring: (() => void) | undefined;

  nowMs(): number {
    return (this.timeMs += 0.001);
  }

  drain(): number {
    this.drains++;
    this.timeMs += 0.000_05;
    const reaped = this.ready;
    this.ready = 0;
    this.inFlight -= reaped;
    if (reaped > 0) this.onReaped?.();
    return reaped;
  }

  outstanding(): number {
    return this.inFlight;
  }

  expectedNs(): number {
    return this.expected;
  }

  park(): Promise<void> {
    this.parks++;
    this.bell ??= new Promise((resolve) => (this.ring = resolve));
    return this.bell;
  }

  complete(count: number): void {
    this.ready += count;
    this.ring?.();
    this.bell = undefined;
    this.ring = undefined;
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

describe('Reaper', () => {
  it('polls while short jobs are in flight and stops when nothing is', async () => {
    const source = new FakeSource();
    const reaper = new Reaper(source);
    source.inFlight = 2;
    reaper.arm();
    source.complete(2);
    await turns(3);
    expect(source.inFlight).toBe(0);
    const { drains } = source;
    await turns(5);
    expect([source.drains, source.parks]).toEqual([drains, 0]);
  });

  it('spends no more than its budget on a turn', async () => {
    const source = new FakeSource();
    const reaper = new Reaper(source);
    source.inFlight = 1;
    source.onReaped = () => {
      source.inFlight++;
      source.ready++; // there is always more
      reaper.arm();
    };
    reaper.arm();
    source.complete(1);
    await turns(2);
    for (let i = 0; i < 10; i++) {
      const before = source.timeMs;
      await turn();
      expect(source.timeMs - before).toBeLessThan(0.5 + 0.1 + 0.05);
    }
    source.onReaped = undefined;
    await turns(3);
  });

  it('has one poll scheduled however much work its completions bring', async () => {
    const source = new FakeSource();
    const reaper = new Reaper(source);
    source.onReaped = () => {
      source.inFlight++;
      source.ready++;
      for (let i = 0; i < 4; i++) reaper.arm();
    };
    source.inFlight = 1;
    reaper.arm();
    source.complete(1);
    await turns(50);
    // Every poll reaps, so polls that multiplied would show as polls per time.
    const { drains, timeMs } = source;
    await turns(50);
    const perTurn = (source.timeMs - timeMs) / 50;
    expect(source.drains - drains).toBeGreaterThan(50);
    expect(perTurn).toBeLessThan(0.7);
    source.onReaped = undefined;
    await turns(3);
  });

  it('parks at once when a job is expected to take long, and wakes with its completion', async () => {
    const source = new FakeSource();
    source.expected = 5_000_000;
    const reaper = new Reaper(source);
    source.inFlight = 1;
    reaper.arm();
    await turns(3);
    expect(source.parks).toBe(1);
    const { drains } = source;
    await turns(5);
    expect(source.drains).toBe(drains);
    source.complete(1);
    await turns(3);
    expect(source.inFlight).toBe(0);
  });

  it('parks when a short job does not come', async () => {
    const source = new FakeSource();
    const reaper = new Reaper(source);
    source.inFlight = 1;
    reaper.arm();
    await turns(40);
    expect(source.parks).toBe(1);
    expect(source.timeMs).toBeLessThan(3);
  });

  it('parked on one job, listens for work that begins later too', async () => {
    const source = new FakeSource();
    source.expected = 5_000_000;
    const reaper = new Reaper(source);
    source.inFlight = 1;
    reaper.arm();
    await turns(3);
    source.inFlight++;
    reaper.arm();
    await turns(3);
    expect(source.parks).toBe(2);
    source.complete(1);
    await turns(3);
    expect(source.inFlight).toBe(1);
    source.complete(1);
    await turns(3);
    expect(source.inFlight).toBe(0);
  });
});
