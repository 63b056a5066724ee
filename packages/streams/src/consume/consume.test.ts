import { describe, expect, test } from 'vitest';
import { ProbeSource, gate, settled } from '../testing/probe-source.js';
import { consume } from './consume.js';

describe('consume', () => {
  test('works on one item at a time with one credit, and asks for the next only then', async () => {
    const gates = [gate(), gate(), gate()];
    const source = new ProbeSource({ itemCount: 3 });
    const started: number[] = [];
    const done = consume(source, (item) => {
      started.push(item);
      return gates[item]!.passed;
    });
    await settled();
    expect({ started: [...started], asked: source.asked }).toEqual({ started: [0], asked: 1 });
    gates[0]!.open();
    await settled();
    expect({ started: [...started], asked: source.asked }).toEqual({ started: [0, 1], asked: 2 });
    gates[1]!.open();
    gates[2]!.open();
    await done;
    expect(started).toEqual([0, 1, 2]);
    expect(source.closed).toBe(0);
  });

  test('works on as many items as there are credits', async () => {
    const hold = gate();
    const source = new ProbeSource({ itemCount: 10 });
    let working = 0;
    const done = consume(
      source,
      async () => {
        working++;
        await hold.passed;
      },
      { credits: 4 },
    );
    await settled();
    expect({ working, asked: source.asked }).toEqual({ working: 4, asked: 4 });
    hold.open();
    await done;
    expect(working).toBe(10);
  });

  test('counts credits by cost, and works alone on an item dearer than all of them', async () => {
    const gates = Array.from({ length: 4 }, gate);
    const costs = [2, 2, 9, 1];
    const started: number[] = [];
    const work = (item: number) => {
      started.push(item);
      return gates[item]!.passed;
    };
    const done = consume(new ProbeSource({ itemCount: 4 }), work, { credits: 4, cost: (item) => costs[item]! });
    await settled();
    expect(started).toEqual([0, 1]);
    gates[0]!.open();
    await settled();
    expect(started).toEqual([0, 1]);
    gates[1]!.open();
    await settled();
    expect(started).toEqual([0, 1, 2]);
    gates[2]!.open();
    await settled();
    expect(started).toEqual([0, 1, 2, 3]);
    gates[3]!.open();
    await done;
  });

  test('stops at the first failure, closes the source, and throws when the calls in progress have ended', async () => {
    const hold = gate();
    const source = new ProbeSource({ itemCount: 10 });
    const log: string[] = [];
    const done = consume(
      source,
      async (item) => {
        if (item === 2) throw new Error('item 2');
        await hold.passed;
        log.push(`${item} ended`);
        throw new Error('later');
      },
      { credits: 3 },
    ).catch((e: unknown) => log.push((e as Error).message));
    await settled();
    expect({ closed: source.closed, log: [...log] }).toEqual({ closed: 1, log: [] });
    hold.open();
    await done;
    expect(log).toEqual(['0 ended', '1 ended', 'item 2']);
    expect(source.closed).toBe(1);
  });

  test('stops at a synchronous throw as well', async () => {
    const source = new ProbeSource({ itemCount: 2 });
    const work = () => {
      throw new Error('at once');
    };
    await expect(consume(source, work)).rejects.toThrow('at once');
    expect(source).toMatchObject({ closed: 1, given: 1 });
  });

  test('throws the error of the source, which has closed itself', async () => {
    const source = new ProbeSource({ itemCount: 2, failure: new Error('source') });
    const seen: number[] = [];
    await expect(consume(source, (item) => void seen.push(item))).rejects.toThrow('source');
    expect(seen).toEqual([0, 1]);
    expect(source.closed).toBe(0);
  });

  test('ends when aborted while the source has nothing to give', async () => {
    const never = gate();
    const source = new ProbeSource({ itemCount: 5, before: (index) => (index === 2 ? never.passed : undefined) });
    const abort = new AbortController();
    const done = consume(source, () => undefined, { signal: abort.signal });
    await settled();
    abort.abort(new Error('enough'));
    await expect(done).rejects.toThrow('enough');
    expect(source.closed).toBe(1);
    never.open();
    await settled();
    expect(source.closed).toBe(1);
  });

  test('asks for nothing when aborted beforehand', async () => {
    const source = new ProbeSource({ itemCount: 5 });
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(consume(source, () => undefined, { signal })).rejects.toThrow('too late');
    expect(source).toMatchObject({ asked: 0, closed: 1 });
  });

  test('throws the first failure when closing the source fails too', async () => {
    const source = new ProbeSource({ itemCount: 5, closeFailure: new Error('close') });
    const work = () => Promise.reject(new Error('work'));
    await expect(consume(source, work)).rejects.toThrow('work');
  });

  test.each([0, 1.5, -1, NaN])('refuses %d credits', async (credits) => {
    await expect(consume(new ProbeSource({ itemCount: 1 }), () => undefined, { credits })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test.each([0, -1, NaN, Infinity])('refuses an item that costs %d, and closes the source', async (cost) => {
    const source = new ProbeSource({ itemCount: 2 });
    const done = consume(source, () => undefined, { cost: () => cost });
    await expect(done).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(source.closed).toBe(1);
  });
});
