import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { expect, test } from 'vitest';
import { Loopback, Site } from '../testing/loopback.js';
import { Reader, StreamFixture, items, settled } from '../testing/stream-fixture.js';
import { followStream } from './follow-stream.js';
import { SUBSCRIBE_FORM } from './remote-subscription.js';
import type { StreamGrainReference } from './stream-grain-class.js';
import type { DoubleParams, DoubleValue } from '../testing/stream-fixture.js';
import type { StreamSubscription, SubscribeOptions } from './stream-subscription.js';

type Subscription = StreamSubscription<{ readonly y: Float64Array }>;

/** Subscribes as from another silo: values as copies of plain data, a window of them ahead of the reader. */
function remotely(fixture: StreamFixture, window = 4): (options?: SubscribeOptions) => Promise<Subscription> {
  const options = { remoteForms: { subscribe: { ...SUBSCRIBE_FORM, ...PLAIN_ARGUMENTS } } };
  const loopback = new Loopback(options, [new Site('silo', fixture.grain)], fixture.clock, window);
  return async (subscribe = {}) => (await loopback.call('subscribe', [subscribe])) as Subscription;
}
const PLAIN_ARGUMENTS = { packArguments: (args: unknown[]) => args, unpackArguments: (args: unknown[]) => args };

test('a subscriber on another silo gets every kind of value as it was', async () => {
  const fixture = await StreamFixture.start({ microBatch: { maxItems: 2 }, queueItems: 6, overflow: 'drop-oldest' });
  const { grain, kernel } = fixture;
  const here = await grain.subscribe();
  const there = await remotely(fixture)();
  await grain.pushMany(items(0, 6));
  await grain.pushMany(items(6, 8));
  const details = { what: 'job', jobId: 'job-1', deadlineNs: 5n };
  kernel.jobs[1]!.finish(new GpuBridgeError('DEADLINE_EXCEEDED', details, 'late'));
  for (const job of kernel.jobs) job.finish();
  const readers = [new Reader(here), new Reader(there)];
  await settled();
  await settled();
  expect(readers[1]!.values).toEqual(readers[0]!.values);
  expect(readers[1]!.values.map(({ outcome }) => outcome)).toEqual([
    ...['dropped', 'failed', 'completed', 'completed', 'completed', 'completed'],
  ]);
});

test('its credits bound what is on its way, and what it has taken counts only when it asks for more', async () => {
  const fixture = await StreamFixture.start({ microBatch: { maxItems: 2 }, queueItems: 20 });
  const { grain, kernel } = fixture;
  kernel.immediate = true;
  const there = await remotely(fixture, 8)({ credits: 3 });
  await grain.pushMany(items(0, 20));
  await settled();
  await there.next();
  await settled();
  expect(await grain.pressure()).toMatchObject({ releasedItems: 0, queuedItems: 20 });
  for (let taken = 1; taken < 5; taken++) {
    await there.next();
    await settled();
    expect(await grain.pressure()).toMatchObject({ releasedItems: taken });
  }
  await there.return();
  await settled();
  expect(await grain.pressure()).toMatchObject({ subscribers: 0 });
});

test('a follower that waits goes on elsewhere when its grain cannot be told what it took', async () => {
  const details = { siloId: 'silo', reason: 'nobody listens at its address' };
  const gone = new GpuBridgeError('SILO_UNREACHABLE', details, 'gone');
  const asked: SubscribeOptions[] = [];
  const subscribe = async (options: SubscribeOptions): Promise<unknown> => {
    const entry = asked.push(options);
    const steps: unknown[] = [
      `id-${entry}`,
      { outcome: 'dropped', reason: 'overflow', firstItem: 0, itemCount: 1, position: { entry, item: 0 } },
    ];
    let end!: (step: IteratorResult<unknown>) => void;
    const ended = new Promise<IteratorResult<unknown>>((resolve) => (end = resolve));
    const done = { done: true, value: undefined } as const;
    // As the stream of a call: who waits hears of `return` as of an end.
    const values: AsyncIterableIterator<unknown> = {
      [Symbol.asyncIterator]: () => values,
      next: () => (steps.length > 0 ? Promise.resolve({ done: false, value: steps.shift() }) : ended),
      return: async () => (end(done), done),
    };
    const call = (): Promise<never> => settled().then(() => Promise.reject(gone));
    return SUBSCRIBE_FORM.fromStream!(values, { siloId: 'silo', call, again: undefined });
  };
  const entries: number[] = [];
  for await (const { position } of followStream({ subscribe } as unknown as StreamGrainReference<DoubleParams>)) {
    if (entries.push(position.entry) === 3) break;
  }
  expect(entries).toEqual([1, 2, 3]);
  expect(asked.slice(1)).toEqual([{ after: { entry: 1, item: 0 } }, { after: { entry: 2, item: 0 } }]);
});

test('a follower goes on behind the last value when the grain is gone, and hears of other ends', async () => {
  const ends = [
    new GpuBridgeError('DRAINING', { what: 'stream' }, 'goes'),
    new GpuBridgeError('SUBSCRIBER_DETACHED', { stream: 's', reason: 'slow', droppedItems: 3 }, 'slow'),
  ];
  const asked: SubscribeOptions[] = [];
  const left: number[] = [];
  const value = (item: number): DoubleValue => ({
    ...{ outcome: 'dropped', reason: 'overflow', firstItem: item, itemCount: 1, position: { entry: 1, item } },
  });
  const stream = {
    subscribe: async (options: SubscribeOptions) => {
      const n = asked.push(options);
      const values = (async function* () {
        yield value(n * 10);
        yield value(n * 10 + 1);
        throw ends[n - 1]!;
      })();
      return Object.assign(values, { return: async () => void left.push(n) });
    },
  } as unknown as StreamGrainReference<DoubleParams>;
  const seen: number[] = [];
  const following = (async () => {
    for await (const { firstItem } of followStream(stream, { credits: 5 })) seen.push(firstItem);
  })();
  await expect(following).rejects.toMatchObject({ code: 'SUBSCRIBER_DETACHED' });
  expect(seen).toEqual([10, 11, 20, 21]);
  expect(asked).toEqual([{ credits: 5 }, { credits: 5, after: { entry: 1, item: 11 } }]);
  expect(left).toEqual([1, 2]);
});
