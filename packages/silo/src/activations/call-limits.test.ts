import type { GrainContext } from '@gpu-bridge/abstractions';
import { describe, expect, test, vi } from 'vitest';
import { Recorder, gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';

const MS = 1_000_000n;

async function recorderSilo(gates: Readonly<Record<string, Gate>> = {}, callQueueLimit = 100) {
  const log: string[] = [];
  const recorder = grainClass({}, () => new Recorder(log, gates));
  const fixture = await startSilo([recorder], { callQueueLimit });
  return { ...fixture, log, grain: fixture.silo.getGrain(recorder, 'k'), recorder };
}

describe('a deadline', () => {
  test('that has passed already fails the call, which never runs', async () => {
    const { silo, clock, recorder, log } = await recorderSilo();
    clock.advanceMs(10);
    const late = silo.getGrain(recorder, 'k', { deadlineNs: 10n * MS });
    await expect(late.work('a')).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      details: { what: 'call test/k.work', deadlineNs: 10n * MS },
    });
    expect(log).toEqual([]);
  });

  test('that passes while the call waits fails it then, and frees its place in the queue', async () => {
    const gates = { a: gate() };
    const { silo, clock, grain, recorder, log } = await recorderSilo(gates, 2);
    const running = grain.work('a');
    const late = silo.getGrain(recorder, 'k', { deadlineNs: 5n * MS }).work('late');
    const behind = grain.work('b');
    const failed = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    clock.advanceMs(4.9);
    expect(silo.getInfo().waitingCalls).toBe(2);
    clock.advanceMs(0.1);
    await failed;
    expect(silo.getInfo().waitingCalls).toBe(1);
    const taken = grain.work('c');
    gates.a.open();
    await Promise.all([running, behind, taken]);
    expect(log.filter((line) => line.endsWith('starts'))).toEqual(['a starts', 'b starts', 'c starts']);
  });

  test('that passes in the turn fails the call; the turn goes on, the next waits for its end', async () => {
    const gates = { late: gate() };
    const { silo, clock, grain, recorder, log } = await recorderSilo(gates);
    const late = silo.getGrain(recorder, 'k', { deadlineNs: 5n * MS }).work('late');
    const next = grain.work('next');
    const failed = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    clock.advanceMs(5);
    await failed;
    expect(log).toEqual(['late starts']);
    gates.late.open();
    expect(await next).toBe('next');
    expect(log).toEqual(['late starts', 'late ends', 'next starts', 'next ends']);
  });

  test('drops an error that comes after it as well', async () => {
    const gates = { late: gate() };
    const { silo, clock, recorder } = await recorderSilo(gates);
    const late = silo.getGrain(recorder, 'k', { deadlineNs: 5n * MS }).work('late');
    const failed = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    clock.advanceMs(5);
    await failed;
    gates.late.fail(new Error('too late')); // unhandled, it would fail the test run
    await settled();
    expect(silo.getInfo().grains['test']).toMatchObject({ failedCalls: 1, runningCalls: 0 });
  });

  test('that is kept changes nothing', async () => {
    const { silo, clock, recorder } = await recorderSilo();
    expect(await silo.getGrain(recorder, 'k', { deadlineNs: 5n * MS }).work('a')).toBe('a');
    clock.advanceMs(10);
    await silo.stop();
    expect(clock.pending).toBe(0);
  });

  test('of each call counts for itself, and one timer serves them all', async () => {
    const gates = { hold: gate() };
    const { silo, clock, grain, recorder } = await recorderSilo(gates);
    const idleTimers = clock.pending;
    void grain.work('hold');
    const failedAt: number[] = [];
    const deadlines = [7, 3, 9, 1, 5, 8, 2, 6, 4];
    const calls = deadlines.map((ms) =>
      silo
        .getGrain(recorder, 'k', { deadlineNs: BigInt(ms) * MS })
        .work('never')
        .catch(() => failedAt.push(clock.nowMs())),
    );
    expect(clock.pending).toBe(idleTimers + 1);
    for (let ms = 1; ms <= 9; ms++) {
      clock.advanceMs(1);
      await settled();
      expect(failedAt).toHaveLength(ms);
    }
    await Promise.all(calls);
    expect(failedAt).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    gates.hold.open();
  });

  test('counts also when one before it has passed', async () => {
    const gates = { hold: gate() };
    const { silo, clock, grain, recorder } = await recorderSilo(gates);
    void grain.work('hold');
    for (const ms of [5, 10]) {
      const call = silo.getGrain(recorder, 'k', { deadlineNs: BigInt(ms) * MS }).work('late');
      const failed = expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      clock.advanceMs(5);
      await failed;
    }
    gates.hold.open();
  });

  test('may lie further away than a timer reaches', async () => {
    const gates = { hold: gate() };
    const { silo, clock, recorder } = await recorderSilo(gates);
    const deadlineNs = 2n ** 32n * MS;
    const call = silo.getGrain(recorder, 'k', { deadlineNs }).work('hold');
    const failed = expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const scheduled = vi.spyOn(clock, 'schedule');
    clock.advanceNs(deadlineNs);
    await failed;
    for (const [, delayMs] of scheduled.mock.calls) expect(delayMs).toBeLessThan(2 ** 31);
    gates.hold.open();
  });
});

describe('a signal', () => {
  test('that has aborted already fails the call, which never runs', async () => {
    const { silo, recorder, log } = await recorderSilo();
    const signal = AbortSignal.abort('why');
    await expect(silo.getGrain(recorder, 'k', { signal }).work('a')).rejects.toMatchObject({
      code: 'CANCELLED',
      details: { what: 'call test/k.work' },
      cause: 'why',
    });
    expect(log).toEqual([]);
  });

  test('cancels all its calls, those that wait and those that run', async () => {
    const gates = { a: gate() };
    const { silo, grain, recorder, log } = await recorderSilo(gates);
    const abort = new AbortController();
    const mine = silo.getGrain(recorder, 'k', { signal: abort.signal });
    const calls = [mine.work('a'), mine.work('b'), mine.work('c')];
    const other = grain.work('d');
    const ends = Promise.allSettled(calls);
    abort.abort();
    expect((await ends).map((end) => end.status === 'rejected' && (end.reason as { code: string }).code)).toEqual([
      'CANCELLED',
      'CANCELLED',
      'CANCELLED',
    ]);
    gates.a.open();
    expect(await other).toBe('d');
    expect(log).toEqual(['a starts', 'a ends', 'd starts', 'd ends']);
  });

  test('has one listener, however many calls use it', async () => {
    const { silo, recorder } = await recorderSilo();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const grains = ['a', 'b', 'c'].map((key) => silo.getGrain(recorder, key, { signal }));
    for (let i = 0; i < 5; i++) await Promise.all(grains.map((grain) => grain.work('x')));
    expect(added).toHaveBeenCalledTimes(1);
  });

  test('that aborts after the call has ended changes nothing', async () => {
    const { silo, recorder } = await recorderSilo();
    const abort = new AbortController();
    expect(await silo.getGrain(recorder, 'k', { signal: abort.signal }).work('a')).toBe('a');
    abort.abort();
    expect(await silo.getGrain(recorder, 'k').work('b')).toBe('b');
  });
});

describe('the signal that a grain sees', () => {
  class Watcher {
    signal: AbortSignal | undefined;
    constructor(
      private readonly context: GrainContext,
      private readonly hold: Gate,
    ) {}
    async watch(early: boolean): Promise<void> {
      const { request } = this.context;
      if (early) this.signal = request.signal;
      await this.hold.passed;
      this.signal = request.signal;
    }
  }

  async function watcherSilo() {
    const hold = gate();
    let watcher: Watcher | undefined;
    const watching = grainClass({}, (context) => (watcher = new Watcher(context, hold)));
    const fixture = await startSilo([watching]);
    const signal = (): AbortSignal | undefined => watcher?.signal;
    return { ...fixture, hold, watching, signal };
  }

  test.each([true, false])('aborts when the deadline passes, asked for before: %s', async (early) => {
    const { silo, clock, hold, watching, signal } = await watcherSilo();
    const call = silo.getGrain(watching, 'k', { deadlineNs: 5n * MS }).watch(early);
    const failed = expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    if (early) expect(signal()?.aborted).toBe(false);
    clock.advanceMs(5);
    await failed;
    if (early) expect(signal()?.aborted).toBe(true);
    hold.open();
    await settled();
    expect(signal()?.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('aborts with that of the caller', async () => {
    const { silo, hold, watching, signal } = await watcherSilo();
    for (const deadlineNs of [undefined, 5n * MS]) {
      const abort = new AbortController();
      const key = String(deadlineNs);
      const call = silo.getGrain(watching, key, { deadlineNs, signal: abort.signal }).watch(true);
      const failed = expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(signal()?.aborted).toBe(false);
      abort.abort();
      expect(signal()?.aborted).toBe(true);
      await failed;
    }
    hold.open();
  });

  test('does not abort when the call has ended well', async () => {
    const { silo, clock, hold, watching, signal } = await watcherSilo();
    const call = silo.getGrain(watching, 'k', { deadlineNs: 5n * MS }).watch(true);
    hold.open();
    await call;
    clock.advanceMs(10);
    expect(signal()?.aborted).toBe(false);
  });
});
