import { SeededRandom } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import { DueQueue } from './due-queue.js';

interface Item {
  readonly name: number;
  attemptAtMs: number;
}

function item(name: number): Item {
  return { name, attemptAtMs: Number.POSITIVE_INFINITY };
}

describe('DueQueue', () => {
  test('gives out what is due in the order of time, each where it was scheduled last', () => {
    const random = new SeededRandom(7);
    const queue = new DueQueue<Item>();
    const items = Array.from({ length: 200 }, (_, name) => item(name));
    for (let round = 0; round < 1_000; round++) {
      const atMs = random.below(10) === 0 ? Number.POSITIVE_INFINITY : random.below(500);
      queue.schedule(items[random.below(items.length)]!, atMs);
    }
    const expected = items.filter(({ attemptAtMs }) => attemptAtMs < 400).map(({ attemptAtMs }) => attemptAtMs);
    expect(queue.nextAtMs).toBe(Math.min(...expected));
    const taken: number[] = [];
    for (;;) {
      const nextMs = queue.nextAtMs;
      if (queue.takeDue(399) === undefined) break;
      taken.push(nextMs!);
    }
    expect(taken).toEqual(expected.sort((a, b) => a - b));
    expect(taken.length).toBeGreaterThan(50);
  });

  test('does not grow with how often its items are rescheduled', () => {
    const queue = new DueQueue<Item>();
    const items = Array.from({ length: 100 }, (_, name) => item(name));
    for (let round = 1; round <= 1_000; round++)
      for (const each of items) queue.schedule(each, round * 1_000 + each.name);
    expect(queue.size).toBeLessThanOrEqual(200);
    expect(queue.takeDue(1e9)).toBe(items[0]);
  });

  test('gives out nothing twice', () => {
    const queue = new DueQueue<Item>();
    const only = item(1);
    queue.schedule(only, 5);
    queue.schedule(only, 3);
    queue.schedule(only, 5);
    expect(queue.takeDue(4)).toBeUndefined();
    expect(queue.takeDue(5)).toBe(only);
    expect(queue.takeDue(9)).toBeUndefined();
    expect(queue.nextAtMs).toBeUndefined();
  });
});
