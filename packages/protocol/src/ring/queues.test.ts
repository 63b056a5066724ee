import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Op, Status, createCqe, createSqe } from '../generated/ring-abi.js';
import { ExecutorEnd, SiloEnd } from './queues.js';
import { RingMemory, ringSizeBytes } from './ring-memory.js';
import type { Cqe, Sqe } from '../generated/ring-abi.js';

function ringOf(capacity: number, firstPosition = 0): { silo: SiloEnd; executor: ExecutorEnd } {
  const memory = new RingMemory(new SharedArrayBuffer(ringSizeBytes(capacity)), 0, capacity);
  memory.initialise(1);
  return { silo: new SiloEnd(memory, firstPosition), executor: new ExecutorEnd(memory, firstPosition) };
}

function entry(userDataLow: number): Sqe {
  return { ...createSqe(), op: Op.RUN, generation: 1, userDataLow };
}

function echo(executor: ExecutorEnd): void {
  const taken = createSqe();
  executor.take(taken);
  executor.complete({
    ...createCqe(),
    status: Status.OK,
    userDataLow: taken.userDataLow,
    generation: taken.generation,
  });
}

function reap(silo: SiloEnd): number | undefined {
  const cqe = createCqe();
  return silo.reap(cqe) ? cqe.userDataLow : undefined;
}

/** Whether the promise is settled after the event loop has turned a few times. */
async function settles(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  for (let i = 0; i < 20 && !settled; i++) await turn();
  return settled;
}

describe('a ring', () => {
  it('carries every field of an entry there and back', () => {
    const { silo, executor } = ringOf(2);
    const names = Object.keys(createSqe()) as (keyof Sqe)[];
    const sent = createSqe();
    names.forEach((name, i) => (sent[name] = 0xffff_ff00 + i));
    silo.submit(sent);
    const taken = createSqe();
    executor.take(taken);
    expect(taken).toEqual(sent);

    const completion = createCqe();
    (Object.keys(completion) as (keyof Cqe)[]).forEach((name, i) => (completion[name] = 0xf000_0000 + i));
    executor.complete(completion);
    const reaped = createCqe();
    expect(silo.reap(reaped)).toBe(true);
    expect(reaped).toEqual(completion);
    expect(silo.reap(reaped)).toBe(false);
  });

  it('refuses an entry when as many are outstanding as it holds, also when all of them are complete', () => {
    const { silo, executor } = ringOf(4);
    for (let i = 0; i < 4; i++) silo.submit(entry(i));
    expect(silo.free).toBe(0);
    expect(() => silo.submit(entry(4))).toThrow(/full/);
    while (executor.ready()) echo(executor);
    expect(() => silo.submit(entry(4))).toThrow(/full/);
    expect(reap(silo)).toBe(0);
    expect(silo.free).toBe(1);
    silo.submit(entry(4));
    expect(silo.outstanding).toBe(4);
  });

  it.each([1, 2, 8])('keeps order while the positions of a ring of %i wrap beyond 2^32', (capacity) => {
    // A cleared slot reads as the entry of position 2^32 - 1, so each slot is written once before that.
    const { silo, executor } = ringOf(capacity, 2 ** 32 - 2 * capacity);
    for (let i = 0; i < 6 * capacity; i++) {
      expect(executor.ready()).toBe(false);
      const position = silo.submit(entry(i));
      expect(position).toBe((2 ** 32 - 2 * capacity + i) % 2 ** 32);
      expect(silo.outstanding).toBe(1);
      expect(silo.ready()).toBe(false);
      expect(executor.ready()).toBe(true);
      echo(executor);
      expect(silo.isRunning(position)).toBe(true);
      expect(reap(silo)).toBe(i);
    }
    expect(silo.outstanding).toBe(0);
  });

  it('names the entry that runs now or ran last', () => {
    const { silo, executor } = ringOf(4);
    const first = silo.submit(entry(0));
    const second = silo.submit(entry(1));
    expect(silo.isRunning(first)).toBe(false);
    executor.take(createSqe());
    expect([silo.isRunning(first), silo.isRunning(second)]).toEqual([true, false]);
    executor.complete({ ...createCqe(), status: Status.OK });
    expect([silo.isRunning(first), silo.isRunning(second)]).toEqual([true, false]);
    executor.take(createSqe());
    expect([silo.isRunning(first), silo.isRunning(second)]).toEqual([false, true]);
  });

  it('counts leases', () => {
    const { silo, executor } = ringOf(1);
    executor.beginLease();
    executor.beginLease();
    expect(silo.leases()).toBe(2);
  });
});

describe('SiloEnd.park', () => {
  it('returns at once when a completion waits', async () => {
    const { silo, executor } = ringOf(1);
    silo.submit(entry(1));
    echo(executor);
    await silo.park();
    expect(reap(silo)).toBe(1);
  });

  it('resolves by a completion, and not before', async () => {
    const { silo, executor } = ringOf(1);
    silo.submit(entry(1));
    const parked = silo.park();
    expect(await settles(parked)).toBe(false);
    echo(executor);
    expect(await settles(parked)).toBe(true);
  });

  it('resolves by unpark', async () => {
    const { silo } = ringOf(1);
    const parked = silo.park();
    silo.unpark();
    expect(await settles(parked)).toBe(true);
  });

  it('is still woken when an earlier park was given up', async () => {
    const { silo, executor } = ringOf(1);
    silo.submit(entry(1));
    const givenUp = silo.park();
    silo.unpark();
    const parked = silo.park();
    await givenUp; // its end must not lower the flag under the second one
    expect(await settles(parked)).toBe(false);
    echo(executor);
    expect(await settles(parked)).toBe(true);
  });
});

describe('ExecutorEnd on an event loop', () => {
  it('is woken by a submission', async () => {
    const { silo, executor } = ringOf(1);
    const parked = executor.parkOnLoop();
    expect(silo.isExecutorParked()).toBe(true);
    expect(await settles(parked)).toBe(false);
    silo.submit(entry(1));
    expect(await settles(parked)).toBe(true);
    expect(silo.isExecutorParked()).toBe(false);
  });

  it('is woken by a request to stop, and does not park after one', async () => {
    const { silo, executor } = ringOf(1);
    const parked = executor.parkOnLoop();
    silo.requestStop();
    expect(await settles(parked)).toBe(true);
    expect(executor.stopRequested()).toBe(true);
    expect(await settles(executor.parkOnLoop())).toBe(true);
  });

  it('is woken by unpark', async () => {
    const { executor } = ringOf(1);
    const parked = executor.parkOnLoop();
    executor.unpark();
    expect(await settles(parked)).toBe(true);
  });
});
