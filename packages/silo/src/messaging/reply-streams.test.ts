import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { callOf, expectNothingLeft, failure, twoSilos, until, untilInTime } from '../testing/remote-calls-fixture.js';
import type { TestSilo } from '../testing/remote-calls-fixture.js';
import { gate, settled } from '../testing/silo-fixture.js';
import { FrameKind } from './frame.js';

const MIB = 1024 * 1024;

/** A grain that counts, and what became of its iterator. */
function counter(count: number, item: (i: number) => unknown = (i) => i) {
  const state = { pulled: 0, ended: false };
  async function* values(): AsyncGenerator<unknown> {
    try {
      for (let i = 0; i < count; i++) {
        state.pulled++;
        yield item(i);
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, values };
}

async function open(from: TestSilo, to: TestSilo, ...args: Parameters<typeof callOf>) {
  return (await from.calls.call(to.address, callOf(...args))) as AsyncIterableIterator<unknown>;
}

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('a streaming reply', () => {
  test('brings every item in order, and ends', async () => {
    const { a, b, clock } = await twoSilos();
    const { state, values } = counter(100, (i) => (i % 3 === 0 ? undefined : { i }));
    b.behave(values);
    const items = await all(await open(a, b, []));
    expect(items).toStrictEqual(Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? undefined : { i })));
    expect(state.ended).toBe(true);
    await expectNothingLeft(clock, a, b);
  });

  test('of which everything was lost, up to the end of its credit, fails', async () => {
    const { a, b, clock, network } = await twoSilos();
    const { state, values } = counter(100);
    b.behave(values);
    network.loses = ({ from }) => from === b.address && state.pulled <= 4;
    const failed = failure(open(a, b, []));
    await until(() => state.pulled === 4);
    for (let i = 0; i < 10; i++) await settled();
    network.loses = () => false;
    await expectNothingLeft(clock, a, b);
    expect(await failed).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(state.ended).toBe(true);
  });

  test('may be empty', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(counter(0).values);
    expect(await all(await open(a, b, []))).toStrictEqual([]);
    await expectNothingLeft(clock, a, b);
  });

  test('keeps the order of small and large items', async () => {
    const { a, b, clock } = await twoSilos();
    const sizes = [4, 400_000, 8, 1_000_000, 300_000, 4, 4, 600_000, 4];
    b.behave(counter(sizes.length, (i) => new Uint8Array(sizes[i]!).fill(i)).values);
    const items = (await all(await open(a, b, []))) as Uint8Array[];
    expect(items.map(({ length }) => length)).toStrictEqual(sizes);
    expect(items.map((item) => item[item.length - 1])).toStrictEqual(sizes.map((_, i) => i));
    await expectNothingLeft(clock, a, b);
  });

  test.each([1, 2, 4, 7])('with a window of %i is never further ahead of its reader', async (streamWindow) => {
    const { a, b, clock } = await twoSilos({ streamWindow });
    const { state, values } = counter(50);
    b.behave(values);
    const stream = await open(a, b, []);
    for (let taken = 0; taken < 50; taken++) {
      for (let i = 0; i < 10; i++) await settled();
      expect(state.pulled).toBeLessThanOrEqual(taken + streamWindow);
      expect(state.pulled).toBeGreaterThan(taken);
      expect(await stream.next()).toStrictEqual({ done: false, value: taken });
    }
    expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
    await expectNothingLeft(clock, a, b);
  });

  test('answers several reads that wait at once, in their order', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(counter(3).values);
    const stream = await open(a, b, []);
    const reads = await Promise.all(Array.from({ length: 5 }, () => stream.next()));
    expect(reads.map(({ value }) => value as unknown)).toStrictEqual([0, 1, 2, undefined, undefined]);
    await expectNothingLeft(clock, a, b);
  });

  test('that is left early ends at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    const { state, values } = counter(1_000);
    b.behave(values);
    for await (const item of await open(a, b, [])) if (item === 5) break;
    await until(() => state.ended);
    expect(state.pulled).toBeLessThan(12);
    await expectNothingLeft(clock, a, b);
  });

  test('that is left before it was read, or by throw, ends at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    for (const leave of ['return', 'throw'] as const) {
      const { state, values } = counter(1_000);
      b.behave(values);
      const stream = await open(a, b, []);
      if (leave === 'return') await stream.return!();
      else expect((await failure(stream.throw!(new Error('enough')))).message).toBe('enough');
      // The generator ends only where it has begun.
      await until(() => state.ended || state.pulled === 0);
      expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
      await expectNothingLeft(clock, a, b);
    }
  });

  test('that is left while the grain waits for its next item ends at once', async () => {
    const { a, b, clock } = await twoSilos();
    let returned = 0;
    let answer: ((result: IteratorResult<unknown>) => void) | undefined;
    b.behave(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<unknown>>((resolve) => (answer = resolve)),
        return: async () => {
          returned++;
          answer?.({ done: true, value: undefined });
          return { done: true, value: undefined };
        },
      }),
    }));
    const stream = await open(a, b, []);
    const waiting = stream.next();
    await until(() => answer !== undefined);
    await stream.return!();
    expect(await waiting).toStrictEqual({ done: true, value: undefined });
    await until(() => returned === 1);
    await expectNothingLeft(clock, a, b);
    expect(returned).toBe(1);
  });

  test('ends with the error of the grain, after the items before it', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(async function* () {
      yield 1;
      yield 2;
      throw new GpuBridgeError('DEVICE_LOST', { deviceId: 'd', deviceGeneration: 2 }, 'gone');
    });
    const stream = await open(a, b, []);
    expect(await stream.next()).toStrictEqual({ done: false, value: 1 });
    expect(await stream.next()).toStrictEqual({ done: false, value: 2 });
    const error = await failure(stream.next());
    expect(GpuBridgeError.is(error, 'DEVICE_LOST')).toBe(true);
    expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
    await expectNothingLeft(clock, a, b);
  });

  test('with an item that cannot travel ends with that error, and at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    const { state, values } = counter(10, (i) => (i === 2 ? new Map() : i));
    b.behave(values);
    const stream = await open(a, b, []);
    expect(await stream.next()).toMatchObject({ value: 0 });
    expect(await stream.next()).toMatchObject({ value: 1 });
    expect(await failure(stream.next())).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'item' } });
    expect(state.ended).toBe(true);
    await expectNothingLeft(clock, a, b);
  });

  test('of a caller that gave up before it began ends at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    let returned = false;
    b.behave(async () => {
      await work.passed;
      return {
        [Symbol.asyncIterator]() {
          return this;
        },
        next: async () => ({ done: false, value: 1 }),
        return: async () => {
          returned = true;
          return { done: true, value: undefined };
        },
      };
    });
    const controller = new AbortController();
    const result = failure(a.calls.call(b.address, callOf([], { signal: controller.signal })));
    await until(() => b.calls.getInfo().served === 1);
    controller.abort();
    await result;
    await settled();
    work.open();
    await until(() => returned);
    await expectNothingLeft(clock, a, b);
  });

  test('is cancelled by its signal: at once here, and at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    const { state, values } = counter(1_000);
    b.behave(values);
    const controller = new AbortController();
    const stream = await open(a, b, [], { signal: controller.signal });
    await stream.next();
    await settled();
    controller.abort();
    expect(await failure(stream.next())).toMatchObject({ code: 'CANCELLED' });
    await until(() => state.ended);
    await expectNothingLeft(clock, a, b);
  });

  test('ends with its deadline', async () => {
    const { a, b, clock } = await twoSilos();
    const never = gate();
    b.behave(async function* () {
      yield 1;
      await never.passed;
    });
    const stream = await open(a, b, [], { deadlineNs: clock.nowNs() + 20_000_000n });
    await stream.next();
    const next = failure(stream.next());
    clock.advanceMs(25);
    expect(await next).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    never.open();
    await expectNothingLeft(clock, a, b);
  });

  test('of a silo that died ends with an unknown outcome, after what had arrived', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(counter(1_000).values);
    const stream = await open(a, b, []);
    await stream.next();
    for (let i = 0; i < 10; i++) await settled();
    await b.calls.close();
    a.calls.peerDied(b.address);
    for (let i = 1; i < 4; i++) expect(await stream.next()).toStrictEqual({ done: false, value: i });
    expect(await failure(stream.next())).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(await stream.next()).toStrictEqual({ done: true, value: undefined });
    await expectNothingLeft(clock, a, b);
  });

  test('of a reader that died ends at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    const { state, values } = counter(1_000);
    b.behave(values);
    const stream = await open(a, b, []);
    await stream.next();
    await a.calls.close();
    b.calls.peerDied(a.address);
    await until(() => state.ended);
    await expectNothingLeft(clock, a, b);
  });

  test('ends for its reader when the grain’s silo closes', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(counter(1_000).values);
    const stream = await open(a, b, []);
    await b.calls.close();
    expect(await failure(all(stream))).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expectNothingLeft(clock, a, b);
  });

  test('goes on after an hour without a reader', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(counter(20).values);
    const stream = await open(a, b, []);
    for (let i = 0; i < 400; i++) {
      clock.advanceMs(10_000);
      await settled();
    }
    expect(await all(stream)).toHaveLength(20);
    await expectNothingLeft(clock, a, b);
  });
});

describe('messages of a stream that were lost', () => {
  test('credit is made up for', async () => {
    const { a, b, clock, network } = await twoSilos();
    b.behave(counter(40).values);
    network.loses = ({ kind }) => kind === FrameKind.Credit;
    let items: unknown[] | undefined;
    void all(await open(a, b, [])).then((read) => (items = read));
    await untilInTime(clock, () => items !== undefined);
    expect(items).toStrictEqual(Array.from({ length: 40 }, (_, i) => i));
    await expectNothingLeft(clock, a, b);
  });

  test.each([
    ['the beginning', FrameKind.Stream, 0],
    ['an item', FrameKind.Item, 5],
    ['the last item', FrameKind.Item, 9],
    ['the end', FrameKind.End, 0],
  ])('%s ends it with an unknown outcome, and at the grain', async (_, kind, number) => {
    const { a, b, clock, network } = await twoSilos();
    const { state, values } = counter(10);
    b.behave(values);
    let seen = 0;
    network.loses = (message) => message.kind === kind && seen++ === number;
    let ended: Error | undefined;
    const read = a.calls.call(b.address, callOf([])).then((stream) => all(stream as AsyncIterable<unknown>));
    void failure(read).then((error) => (ended = error));
    await untilInTime(clock, () => ended !== undefined);
    expect(ended).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await untilInTime(clock, () => state.ended);
    await expectNothingLeft(clock, a, b);
  });

  test('its cancellation ends it at the grain, only later', async () => {
    const { a, b, clock, network } = await twoSilos();
    const { state, values } = counter(1_000);
    b.behave(values);
    const stream = await open(a, b, []);
    await stream.next();
    network.loses = ({ kind }) => kind === FrameKind.Cancel;
    await stream.return!();
    await untilInTime(clock, () => state.ended);
    await expectNothingLeft(clock, a, b);
  });

  test('a chunk of an item ends it with an unknown outcome', async () => {
    const { a, b, clock, network } = await twoSilos();
    const { state, values } = counter(10, (i) => new Uint8Array(MIB).fill(i));
    b.behave(values);
    let chunks = 0;
    network.loses = ({ kind }) => kind === FrameKind.Chunk && ++chunks === 10;
    let ended: Error | undefined;
    void failure(all(await open(a, b, []))).then((error) => (ended = error));
    await untilInTime(clock, () => ended !== undefined);
    expect(ended).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await untilInTime(clock, () => state.ended);
    await expectNothingLeft(clock, a, b);
  });
});
