import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { Reader, StreamFixture, items, settled } from '../testing/stream-fixture.js';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('micro-batches', () => {
  test('are made by size, then by age, and nothing waits for longer', async () => {
    const { grain, kernel, clock } = await StreamFixture.start({ microBatch: { maxItems: 4, maxAgeMs: 10 } });
    await grain.pushMany(items(0, 6));
    expect(kernel.jobs.map(({ x }) => [...x])).toEqual([[0, 1, 2, 3]]);
    clock.advanceMs(6);
    await grain.push({ x: 6 });
    clock.advanceMs(3);
    expect(kernel.jobs.length).toBe(1);
    clock.advanceMs(1);
    await settled();
    expect(kernel.jobs.map(({ x }) => [...x])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
    ]);
    expect(clock.pending).toBe(0);
  });

  test('run a bounded number at once, and what waits meanwhile shares the next', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxAgeMs: 0 }, jobsInFlight: 2 });
    for (let i = 0; i < 6; i++) await grain.push({ x: i });
    expect(kernel.jobs.map(({ x }) => [...x])).toEqual([[0], [1]]);
    kernel.jobs[1]!.finish();
    await settled();
    expect(kernel.jobs.map(({ x }) => [...x])).toEqual([[0], [1], [2, 3, 4, 5]]);
  });

  test('wait for room on the device, and are not failed by it', async () => {
    const { grain, kernel, clock } = await StreamFixture.start({ microBatch: { maxAgeMs: 0 } });
    const details = { deviceId: 'cpu:0', tenant: 'default', retryAfterNs: 5_000_000n };
    kernel.refusals.push(new GpuBridgeError('QUEUE_FULL', details, 'full'));
    await grain.push({ x: 1 });
    await settled();
    expect(kernel.jobs.length).toBe(0);
    clock.advanceMs(5);
    await settled();
    expect(kernel.jobs.length).toBe(1);
  });
});

describe('values', () => {
  test('come in the order of pushes, whatever the order in which jobs end', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxItems: 2 } });
    const reader = new Reader(await grain.subscribe());
    await grain.pushMany(items(0, 8));
    for (const job of [3, 1, 2]) kernel.jobs[job]!.finish();
    await settled();
    expect(reader.values).toEqual([]);
    kernel.jobs[0]!.finish();
    await settled();
    expect(reader.items).toEqual(range(0, 8));
    expect(reader.values.map(({ firstItem }) => firstItem)).toEqual(range(0, 8));
    expect(reader.values.map(({ position }) => position)).toEqual(range(0, 8).map((item) => ({ entry: 1, item })));
  });

  test('of a failed job are its error and its items, and the stream goes on', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxItems: 2 } });
    const reader = new Reader(await grain.subscribe());
    await grain.pushMany(items(0, 6));
    const error = new GpuBridgeError('KERNEL_FAULT', { kernel: 'double', deviceId: 'cpu:0', reason: 'trap' }, 'trap');
    kernel.jobs[0]!.finish();
    kernel.jobs[1]!.finish(error);
    kernel.jobs[2]!.finish();
    await settled();
    expect(reader.values[2]).toEqual({
      outcome: 'failed',
      jobId: 'job-1',
      error,
      firstItem: 2,
      itemCount: 2,
      position: { entry: 1, item: 3 },
    });
    expect(reader.items).toEqual([0, 1, 4, 5]);
    expect(await grain.pressure()).toMatchObject({ failedItems: 2, releasedItems: 6, queuedItems: 0 });
  });

  test('wait for a subscriber when there is none, and go to the first that comes', async () => {
    const fixture = await StreamFixture.start({ microBatch: { maxItems: 2 }, queueItems: 4 });
    const { grain, kernel } = fixture;
    kernel.immediate = true;
    await grain.pushMany(items(0, 4));
    const late = grain.push({ x: 4 });
    await settled();
    expect(await grain.pressure()).toMatchObject({ queuedItems: 4, waitingPushes: 1, pressure: 1 });
    expect(fixture.holds).toBe(1);
    const reader = new Reader(await grain.subscribe());
    await late;
    await settled();
    expect(reader.items).toEqual([0, 1, 2, 3]);
  });

  test('go to every subscriber; one that leaves holds nobody up, and an idle stream may be collected', async () => {
    const fixture = await StreamFixture.start({ microBatch: { maxItems: 2 }, queueItems: 2 });
    const { grain, kernel } = fixture;
    kernel.immediate = true;
    const first = new Reader(await grain.subscribe());
    const second = await grain.subscribe();
    await grain.pushMany(items(0, 2));
    const held = grain.pushMany(items(2, 4));
    await settled();
    expect(first.items).toEqual([0, 1]);
    await second.return();
    await held;
    await settled();
    expect(first.items).toEqual([0, 1, 2, 3]);
    expect(await second.next()).toEqual({ done: true, value: undefined });
    expect(fixture.holds).toBe(1);
    await (first.subscription as typeof second).return();
    expect(fixture.holds).toBe(0);
  });
});

describe('backpressure', () => {
  test('of the slowest subscriber reaches the pushes under wait, in their order', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxItems: 2 }, queueItems: 4 });
    kernel.immediate = true;
    const slow = await grain.subscribe();
    const accepted: number[] = [];
    const pushes = range(0, 6).map((i) => grain.pushMany(items(2 * i, 2 * i + 2)).then(() => accepted.push(i)));
    await settled();
    expect(accepted).toEqual([0, 1]);
    for (let taken = 0; taken < 12; taken++) {
      const { value } = await slow.next();
      expect(value?.firstItem).toBe(taken);
      await settled();
      // What is in its hands counts until it asks for more.
      expect(accepted.length).toBe(Math.min(6, 2 + (taken >>> 1)));
    }
    await Promise.all(pushes);
  });

  test('is STREAM_FULL under reject, and under wait for more pushes than may wait', async () => {
    for (const overflow of ['reject', 'wait'] as const) {
      const { grain } = await StreamFixture.start({ overflow, queueItems: 2, waitingPushes: 1 });
      await grain.pushMany(items(0, 2));
      if (overflow === 'wait') void grain.push({ x: 2 });
      const details = { stream: 'gpu-stream-double/k', maxEntries: overflow === 'wait' ? 1 : 2 };
      await expect(grain.push({ x: 3 })).rejects.toMatchObject({ code: 'STREAM_FULL', details });
    }
  });

  test('drops the oldest under drop-oldest, counts it, and tells everybody of the gap', async () => {
    const options = { overflow: 'drop-oldest', queueItems: 4, microBatch: { maxItems: 2 }, jobsInFlight: 1 } as const;
    const { grain, kernel } = await StreamFixture.start(options);
    const subscription = await grain.subscribe();
    for (let i = 0; i < 5; i++) await grain.pushMany(items(2 * i, 2 * i + 2));
    kernel.immediate = true;
    for (const job of kernel.jobs) job.finish();
    const reader = new Reader(subscription);
    await settled();
    await settled();
    expect(reader.values[0]).toMatchObject({ outcome: 'dropped', reason: 'overflow', firstItem: 0, itemCount: 6 });
    expect(reader.items).toEqual([6, 7, 8, 9]);
    expect(await grain.pressure()).toMatchObject({ acceptedItems: 10, droppedItems: 6, queuedItems: 0 });
  });

  test('does not take the push of a call that has ended meanwhile', async () => {
    const fixture = await StreamFixture.start({ queueItems: 1, microBatch: { maxAgeMs: 0 } });
    const { grain, kernel, clock } = fixture;
    kernel.immediate = true;
    await grain.push({ x: 0 });
    const abort = new AbortController();
    fixture.request = { signal: abort.signal };
    const cancelled = grain.push({ x: 1 });
    fixture.request = { deadlineNs: 1_000_000n };
    const late = grain.push({ x: 2 });
    fixture.request = {};
    const good = grain.push({ x: 3 });
    abort.abort();
    clock.advanceMs(2);
    const reader = new Reader(await grain.subscribe());
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await good;
    await settled();
    expect(reader.items).toEqual([0, 3]);
  });
});

describe('a subscriber that takes nothing', () => {
  test('while it holds others up is dropped after detachAfterMs, counted, and told what it missed', async () => {
    const options = { queueItems: 4, detachAfterMs: 1_000, microBatch: { maxItems: 2 } };
    const fixture = await StreamFixture.start(options);
    const { grain, kernel, clock } = fixture;
    kernel.immediate = true;
    const stuck = await grain.subscribe();
    const reader = new Reader(await grain.subscribe());
    await grain.pushMany(items(0, 4));
    await stuck.next();
    clock.advanceMs(5_000); // nobody waits for it
    const held = grain.push({ x: 4 });
    await settled();
    clock.advanceMs(999);
    await settled();
    expect(reader.items).toEqual([0, 1, 2, 3]);
    clock.advanceMs(1);
    await held;
    await expect(stuck.next()).rejects.toMatchObject({ code: 'SUBSCRIBER_DETACHED', details: { droppedItems: 3 } });
    expect(await stuck.next()).toEqual({ done: true, value: undefined });
    expect(await grain.pressure()).toMatchObject({ detachedSubscribers: 1, subscribers: 1 });
    expect(fixture.logged).toMatchObject([{ message: 'a subscriber was dropped', fields: { missedItems: 3 } }]);
  });

  test('because there is nothing to take is not at fault', async () => {
    const { grain, kernel, clock } = await StreamFixture.start({
      queueItems: 1,
      detachAfterMs: 10,
      microBatch: { maxAgeMs: 0 },
    });
    const reader = new Reader(await grain.subscribe());
    await grain.push({ x: 0 });
    const held = grain.push({ x: 1 });
    clock.advanceMs(1_000);
    await settled();
    kernel.immediate = true;
    kernel.jobs[0]!.finish();
    await held;
    await settled();
    expect(reader.items).toEqual([0, 1]);
    expect(reader.end).toBe('open');
  });
});

test.each([
  ['at-most-once' as const, [1, 2]],
  ['at-least-once' as const, [0, 1, 2]],
])('what a subscriber had in its hands when it left goes on as %s says', async (delivery, expected) => {
  const { grain, kernel } = await StreamFixture.start({ delivery, microBatch: { maxAgeMs: 0 }, jobsInFlight: 8 });
  kernel.immediate = true;
  const first = await grain.subscribe();
  for (const x of [0, 1, 2])
    await grain.push({ x }, delivery === 'at-least-once' ? { producerId: 'p', sequence: x } : undefined);
  await first.next();
  await first.return();
  const reader = new Reader(await grain.subscribe());
  await settled();
  expect(reader.items).toEqual(expected);
});

describe('subscribing behind a position', () => {
  test('goes on there within what is retained, and tells of what is gone', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxItems: 2 }, retainItems: 4 });
    kernel.immediate = true;
    const everything = new Reader(await grain.subscribe());
    await grain.pushMany(items(0, 10));
    await settled();
    expect(everything.items).toEqual(range(0, 10));
    const resumed = new Reader(await grain.subscribe({ after: everything.values[6]!.position }));
    const early = new Reader(await grain.subscribe({ after: everything.values[1]!.position }));
    await settled();
    expect(resumed.items).toEqual([7, 8, 9]);
    expect(early.values[0]).toMatchObject({ outcome: 'dropped', reason: 'released', firstItem: 2, itemCount: 4 });
    expect(early.items).toEqual([6, 7, 8, 9]);
  });

  test('of an activation before this one says that what lay between is lost', async () => {
    const { grain, kernel } = await StreamFixture.start({ microBatch: { maxAgeMs: 0 } }, { fencingToken: 7 });
    kernel.immediate = true;
    const reader = new Reader(await grain.subscribe({ after: { entry: 6, item: 99 } }));
    await grain.push({ x: 1 });
    await settled();
    expect(reader.values[0]).toMatchObject({ outcome: 'dropped', reason: 'restarted', itemCount: 0 });
    expect(reader.items).toEqual([1]);
  });
});

describe('at-least-once', () => {
  test('takes a push once, however often it is made, and refuses one that nobody can know', async () => {
    const { grain, kernel } = await StreamFixture.start({ delivery: 'at-least-once', microBatch: { maxAgeMs: 0 } });
    kernel.immediate = true;
    const reader = new Reader(await grain.subscribe());
    const push = (sequence: number) => grain.push({ x: sequence }, { producerId: 'p', sequence });
    const receipt = await push(1_500);
    expect(await push(1_500)).toEqual(receipt);
    await push(1_499);
    await settled();
    expect(reader.items).toEqual([1_500, 1_499]);
    await expect(push(3)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await grain.pressure()).toMatchObject({ acceptedItems: 2, duplicatePushes: 1 });
  });

  test('a push that was refused may be made again', async () => {
    const { grain, kernel } = await StreamFixture.start({
      delivery: 'at-least-once',
      overflow: 'reject',
      queueItems: 1,
      microBatch: { maxAgeMs: 0 },
    });
    kernel.immediate = true;
    const stamp = (sequence: number) => ({ producerId: 'p', sequence });
    await grain.push({ x: 0 }, stamp(0));
    await expect(grain.push({ x: 1 }, stamp(1))).rejects.toMatchObject({ code: 'STREAM_FULL' });
    const reader = new Reader(await grain.subscribe());
    await settled();
    await grain.push({ x: 1 }, stamp(1));
    await settled();
    expect(reader.items).toEqual([0, 1]);
  });

  test('needs a producer, which at-most-once refuses', async () => {
    const some = await StreamFixture.start({ delivery: 'at-least-once' });
    await expect(some.grain.push({ x: 1 })).rejects.toMatchObject({ details: { field: 'producer.producerId' } });
    const none = await StreamFixture.start();
    const stamped = none.grain.push({ x: 1 }, { producerId: 'p', sequence: 1 });
    await expect(stamped).rejects.toMatchObject({ details: { field: 'producer' } });
  });
});

describe('the end of an activation', () => {
  test('refuses what waits, finishes what was accepted, and then tells subscribers that it goes', async () => {
    const fixture = await StreamFixture.start({ microBatch: { maxItems: 4 }, queueItems: 4 });
    const { grain, kernel } = fixture;
    const reader = new Reader(await grain.subscribe());
    await grain.pushMany(items(0, 3));
    const waiting = grain.pushMany(items(3, 6));
    const refused = expect(waiting).rejects.toMatchObject({ code: 'DRAINING' });
    const end = fixture.deactivate('stopping');
    await refused;
    await expect(grain.push({ x: 9 })).rejects.toMatchObject({ code: 'DRAINING' });
    await settled();
    expect(kernel.jobs.map(({ x }) => [...x])).toEqual([[0, 1, 2]]);
    kernel.jobs[0]!.finish();
    await end;
    await settled();
    expect(reader.items).toEqual([0, 1, 2]);
    expect(reader.end).toMatchObject({ code: 'DRAINING' });
    expect({ logged: fixture.logged, holds: fixture.holds, timers: fixture.clock.pending }).toEqual({
      logged: [],
      holds: 0,
      timers: 0,
    });
  });

  test('waits for subscribers for a bounded time, and says what was not taken', async () => {
    const fixture = await StreamFixture.start({ microBatch: { maxItems: 2 }, drainTimeoutMs: 500 });
    const { grain, kernel, clock } = fixture;
    kernel.immediate = true;
    const stuck = await grain.subscribe();
    await grain.pushMany(items(0, 4));
    await settled();
    const end = fixture.deactivate('stopping');
    await settled();
    clock.advanceMs(500);
    await end;
    await expect(stuck.next()).rejects.toMatchObject({ code: 'SUBSCRIBER_DETACHED', details: { droppedItems: 4 } });
    expect(fixture.logged).toMatchObject([{ fields: { undelivered: 4 } }]);
    expect(clock.pending).toBe(0);
  });

  test('without a subscriber comes at once, and reports what nobody took', async () => {
    const fixture = await StreamFixture.start();
    await fixture.grain.pushMany(items(0, 4));
    await fixture.deactivate('stopping');
    expect(fixture.logged).toMatchObject([{ fields: { undelivered: 4 } }]);
  });
});

describe('pressure', () => {
  test('combines the use of the queue with that of the device, and is told as it changes, once a turn', async () => {
    const { grain, kernel, definition } = await StreamFixture.start({ queueItems: 10 });
    kernel.utilisation = 0.5;
    const seen: number[] = [];
    const subscription = definition.pressure$.subscribe(({ queuedItems }) => seen.push(queuedItems));
    await grain.pushMany(items(0, 2));
    await grain.pushMany(items(2, 4));
    await settled();
    expect(seen).toEqual([4]);
    subscription.unsubscribe();
    expect(await grain.pressure()).toMatchObject({ stream: 'gpu-stream-double/k', siloId: 'silo', queueUse: 0.4 });
  });
});

test('items larger than the queue are refused at once, and bad ones before anything is queued', async () => {
  const { grain } = await StreamFixture.start({ queueItems: 4 });
  const bad: [unknown, string][] = [
    [items(0, 5), 'items'],
    [{ x: new Float64Array(0) }, 'items'],
    [{ x: [1] }, 'x'],
    [{ y: new Float64Array(1) }, 'items.y'],
    [null, 'items'],
  ];
  for (const [columns, field] of bad)
    await expect(grain.pushMany(columns as never)).rejects.toMatchObject({ details: { field } });
  await expect(grain.push({ x: 'one' } as never)).rejects.toMatchObject({ details: { field: 'x' } });
  await expect(grain.subscribe({ credits: 0 })).rejects.toMatchObject({ details: { field: 'options.credits' } });
  await expect(grain.subscribe({ after: 3 as never })).rejects.toMatchObject({ details: { field: 'options.after' } });
  expect(await grain.pressure()).toMatchObject({ acceptedItems: 0 });
});
