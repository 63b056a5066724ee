import { describe, expect, test, vi } from 'vitest';
import { ProbeSource, gate, settled } from '../testing/probe-source.js';
import { fanOut } from './fan-out.js';
import type { Detachment } from './subscription.js';

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

const two = { a: { credits: 1 }, b: { credits: 1 } };

describe('fanOut', () => {
  test('gives every item to every subscriber, in order, and reports nobody who read to the end', async () => {
    const source = new ProbeSource({ itemCount: 5 });
    const onDetach = vi.fn();
    const fan = fanOut(source, { subscribers: { a: { credits: 1 }, b: { credits: 3 } }, policy: 'wait', onDetach });
    const { a, b } = fan.subscriptions;
    expect(await Promise.all([readAll(a), readAll(b)])).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4],
    ]);
    expect({ detached: fan.detachedSubscribers, closed: source.closed }).toEqual({ detached: 0, closed: 0 });
    await a.return();
    expect(onDetach).not.toHaveBeenCalled();
  });

  test('asks for nothing before a subscriber does', async () => {
    const source = new ProbeSource({ itemCount: 5 });
    fanOut(source, { subscribers: two, policy: 'wait' });
    await settled();
    expect(source.asked).toBe(0);
  });

  test('lets the slowest subscriber govern: a fast one is at most the slow one’s credits ahead', async () => {
    const source = new ProbeSource({ itemCount: 10 });
    const { fast, slow } = fanOut(source, {
      subscribers: { fast: { credits: 8 }, slow: { credits: 2 } },
      policy: 'wait',
    }).subscriptions;
    const fastRead = readAll(fast);
    await settled();
    expect(fast.deliveredItems).toBe(2);
    await slow.next();
    await settled();
    expect(fast.deliveredItems).toBe(2); // the slow one works on its first item
    await slow.next();
    await settled();
    expect(fast.deliveredItems).toBe(3);
    expect((await readAll(slow)).length).toBe(8);
    expect((await fastRead).length).toBe(10);
  });

  test('waits with a dear item until it fits, or comes alone', async () => {
    const costs = [1, 2, 9];
    const source = new ProbeSource({ itemCount: 3 });
    const { a } = fanOut(source, {
      subscribers: { a: { credits: 2 } },
      policy: 'wait',
      cost: (item) => costs[item]!,
    }).subscriptions;
    expect(await a.next()).toEqual({ done: false, value: 0 });
    await settled();
    expect(source.asked).toBe(2);
    expect(await a.next()).toEqual({ done: false, value: 1 });
    expect(await readAll(a)).toEqual([2]);
  });

  test('goes on without a subscriber that leaves, which is counted and reported', async () => {
    const source = new ProbeSource({ itemCount: 6 });
    const left: Detachment[] = [];
    const fan = fanOut(source, {
      subscribers: { a: { credits: 1 }, b: { credits: 3 } },
      policy: 'wait',
      onDetach: (detachment) => left.push(detachment),
    });
    const { a, b } = fan.subscriptions;
    const all = readAll(a);
    for await (const item of b) if (item === 1) break;
    expect((await all).length).toBe(6);
    expect(fan.detachedSubscribers).toBe(1);
    expect(left).toMatchObject([{ name: 'b', cause: 'left', deliveredItems: 2 }]);
    expect(source.closed).toBe(0);
  });

  test('closes the source once when everyone has left', async () => {
    const source = new ProbeSource({ itemCount: 6 });
    const { a, b } = fanOut(source, { subscribers: two, policy: 'wait' }).subscriptions;
    await Promise.all([a.next(), b.next()]);
    await a.return();
    expect(source.closed).toBe(0);
    await Promise.all([b.return(), b.return(), a.return()]);
    expect(source.closed).toBe(1);
  });

  test('tells the last reader that the source failed to close', async () => {
    const source = new ProbeSource({ itemCount: 6, closeFailure: new Error('close') });
    const { a } = fanOut(source, { subscribers: { a: { credits: 1 } }, policy: 'wait' }).subscriptions;
    await a.next();
    await expect(a.return()).rejects.toThrow('close');
  });

  test('frees the others from one that its owner detaches, and tells it why', async () => {
    const source = new ProbeSource({ itemCount: 4 });
    const left: Detachment[] = [];
    const { a, b } = fanOut(source, {
      subscribers: two,
      policy: 'wait',
      onDetach: (detachment) => left.push(detachment),
    }).subscriptions;
    const all = readAll(a);
    await settled();
    b.detach(new Error('too slow'));
    expect(await all).toEqual([0, 1, 2, 3]);
    await expect(b.next()).rejects.toThrow('too slow');
    expect(await b.next()).toEqual({ done: true, value: undefined });
    expect(left).toEqual([{ name: 'b', cause: 'detached', deliveredItems: 0, droppedItems: 1 }]);
  });

  test('hands the error of the source to everyone, after the items before it', async () => {
    const source = new ProbeSource({ itemCount: 2, failure: new Error('source') });
    const { a, b } = fanOut(source, {
      subscribers: { a: { credits: 4 }, b: { credits: 4 } },
      policy: 'wait',
    }).subscriptions;
    const read: Record<string, number[]> = { a: [], b: [] };
    for (const [name, subscription] of Object.entries({ a, b })) {
      const reading = (async () => {
        for await (const item of subscription) read[name]!.push(item);
      })();
      await expect(reading).rejects.toThrow('source');
    }
    expect(read).toEqual({ a: [0, 1], b: [0, 1] });
    expect(source.closed).toBe(0);
  });

  test('ends everyone when aborted, also while the source has nothing to give', async () => {
    const never = gate();
    const source = new ProbeSource({ itemCount: 3, before: () => never.passed });
    const abort = new AbortController();
    const fan = fanOut(source, { subscribers: two, policy: 'wait', signal: abort.signal });
    const { a, b } = fan.subscriptions;
    const waiting = a.next();
    await settled();
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(b.next()).rejects.toThrow('enough');
    expect({ closed: source.closed, detached: fan.detachedSubscribers }).toEqual({ closed: 1, detached: 0 });
    never.open();
    await settled();
    expect(source.closed).toBe(1);
  });

  test('serves reads that are made before their items come, in order', async () => {
    const { a } = fanOut(new ProbeSource({ itemCount: 3 }), {
      subscribers: { a: { credits: 1 } },
      policy: 'wait',
    }).subscriptions;
    const steps = await Promise.all([a.next(), a.next(), a.next(), a.next(), a.next()]);
    expect(steps.map(({ value }) => value)).toEqual([0, 1, 2, undefined, undefined]);
  });

  test('refuses no subscribers, bad credits and an unknown policy', () => {
    const source = new ProbeSource({ itemCount: 1 });
    expect(() => fanOut(source, { subscribers: {}, policy: 'wait' })).toThrow('INVALID_ARGUMENT');
    expect(() => fanOut(source, { subscribers: { a: { credits: 0 } }, policy: 'wait' })).toThrow(
      'subscribers.a.credits',
    );
    expect(() => fanOut(source, { subscribers: two, policy: 'drop' as 'wait' })).toThrow('policy');
  });
});
