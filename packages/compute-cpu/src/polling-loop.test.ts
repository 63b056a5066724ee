import {
  ExecutorEnd,
  Op,
  RingMemory,
  SiloEnd,
  Status,
  createCqe,
  createSqe,
  ringSizeBytes,
} from '@gpu-bridge/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runPollingLoop } from './polling-loop.js';

const CAPACITY = 8;

/** A real ring whose executor, instead of blocking, lets the test act while it is parked. */
class SteppedRing extends ExecutorEnd {
  /** Polls of each lease. */
  readonly polls: number[] = [];
  private readonly pauses: (() => void)[];

  constructor(memory: RingMemory, pauses: readonly (() => void)[]) {
    super(memory);
    this.pauses = [...pauses];
  }

  override beginLease(): void {
    super.beginLease();
    this.polls.push(0);
  }

  override ready(): boolean {
    this.polls[this.polls.length - 1]!++;
    return super.ready();
  }

  override park(): void {
    this.pauses.shift()!();
  }
}

function ringOf() {
  const memory = new RingMemory(new SharedArrayBuffer(ringSizeBytes(CAPACITY)), 0, CAPACITY);
  memory.initialise(7);
  return { memory, silo: new SiloEnd(memory) };
}

describe('the polling loop', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('runs what it finds in order, answers with user data and generation, and stops when the ring is empty', () => {
    const { memory, silo } = ringOf();
    const seen: number[] = [];
    const submit = (n: number): void =>
      void silo.submit({ ...createSqe(), op: Op.RUN, userDataLow: n, userDataHigh: n + 1 });
    const ring = new SteppedRing(memory, [
      () => {
        submit(3);
        submit(4);
        silo.requestStop(); // what was submitted before still runs
      },
    ]);
    submit(1);
    submit(2);
    runPollingLoop(
      ring,
      (entry, completion) => {
        seen.push(entry.userDataLow);
        completion.status = Status.OK;
        completion.violations = entry.userDataLow;
      },
      10,
    );
    expect(seen).toEqual([1, 2, 3, 4]);
    const completion = createCqe();
    for (const n of seen) {
      expect(silo.reap(completion)).toBe(true);
      expect(completion).toMatchObject({
        status: Status.OK,
        userDataLow: n,
        userDataHigh: n + 1,
        generation: 7,
        violations: n,
      });
    }
    expect(silo.reap(completion)).toBe(false);
  });

  it('polls less after long pauses and fully again after a short one', () => {
    const { memory, silo } = ringOf();
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const pause = (ms: number) => (): void => {
      nowMs += ms;
      silo.submit({ ...createSqe(), op: Op.RUN });
    };
    const stop = (): void => silo.requestStop();
    const ring = new SteppedRing(memory, [pause(5), pause(5), pause(5), pause(0.01), pause(5), stop]);
    runPollingLoop(ring, (_entry, completion) => void (completion.status = Status.OK), 4_000);
    const [first, second, third, fourth, fifth, sixth] = ring.polls as [number, number, number, number, number, number];
    expect(second).toBeLessThan(first / 2);
    expect(third).toBeLessThan(second / 2);
    expect(fourth).toBeLessThan(third);
    expect(fifth).toBeGreaterThan(3_900);
    expect(sixth).toBeLessThan(fifth / 2);
  });
});
