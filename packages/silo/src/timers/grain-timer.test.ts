import type { GrainCallFilter, GrainContext, Schedule } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Fixture, Gate } from '../testing/silo-fixture.js';

type Callback = () => Promise<void> | void;

/** Registers timers, and has turns that take as long as a test wants. */
class Timed {
  constructor(
    readonly context: GrainContext,
    private readonly log: string[],
    private readonly gates: Readonly<Record<string, Gate>>,
  ) {}
  async every(name: string, schedule: Schedule, callback: Callback = () => undefined): Promise<Disposable> {
    return this.context.registerTimer(async () => {
      this.log.push(`${name} starts`);
      await callback();
      this.log.push(`${name} ends`);
    }, schedule);
  }
  async work(name: string): Promise<void> {
    this.log.push(`${name} starts`);
    await this.gates[name]?.passed;
    this.log.push(`${name} ends`);
  }
  async leave(): Promise<void> {
    this.context.deactivateOnIdle();
  }
}

async function timedSilo(gates: Readonly<Record<string, Gate>> = {}, reentrant = false) {
  const log: string[] = [];
  const timed = grainClass({ reentrant }, (context) => new Timed(context, log, gates));
  const fixture = await startSilo([timed], { idleAfterMs: 1000, sweepIntervalMs: 100 });
  return { ...fixture, log, grain: fixture.silo.getGrain(timed, 'k') };
}

/** Moves time on in small steps, so that turns end between them. */
async function pass({ clock }: Pick<Fixture, 'clock'>, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    clock.advanceMs(1);
    await settled();
  }
}

describe('a timer', () => {
  test('calls back once without a period, and again and again with one', async () => {
    const { grain, log, clock } = await timedSilo();
    await grain.every('once', { dueMs: 5 });
    await grain.every('often', { dueMs: 10, periodMs: 10 });
    await pass({ clock }, 35);
    expect(log.filter((line) => line.endsWith('starts'))).toEqual([
      'once starts',
      'often starts',
      'often starts',
      'often starts',
    ]);
  });

  test('waits for the turn that runs, and calls wait for it', async () => {
    const gates = { a: gate() };
    const tick = gate();
    const { grain, log, clock } = await timedSilo(gates);
    await grain.every('tick', { dueMs: 5 }, () => tick.passed);
    const a = grain.work('a');
    await pass({ clock }, 10);
    expect(log).toEqual(['a starts']);
    gates.a.open();
    await a;
    const b = grain.work('b');
    await settled();
    expect(log).toEqual(['a starts', 'a ends', 'tick starts']);
    tick.open();
    await b;
    expect(log.slice(3)).toEqual(['tick ends', 'b starts', 'b ends']);
  });

  test('never overlaps itself: the next period starts when the turn has ended', async () => {
    const tick = gate();
    const { grain, log, clock } = await timedSilo({}, true);
    await grain.every('tick', { dueMs: 5, periodMs: 5 }, () => tick.passed);
    await pass({ clock }, 50);
    expect(log).toEqual(['tick starts']);
    tick.open();
    await settled();
    await pass({ clock }, 4);
    expect(log).toEqual(['tick starts', 'tick ends']);
    await pass({ clock }, 1);
    expect(log).toEqual(['tick starts', 'tick ends', 'tick starts', 'tick ends']);
  });

  test('starts between the awaits of others in a reentrant grain', async () => {
    const gates = { a: gate() };
    const { grain, log, clock } = await timedSilo(gates, true);
    await grain.every('tick', { dueMs: 5 });
    const a = grain.work('a');
    await pass({ clock }, 5);
    expect(log).toEqual(['a starts', 'tick starts', 'tick ends']);
    gates.a.open();
    await a;
  });

  test('takes turns with the calls that wait, however many timers are due', async () => {
    const gates = { hold: gate() };
    const { grain, log, clock } = await timedSilo(gates);
    for (const name of ['t1', 't2', 't3']) await grain.every(name, { dueMs: 5 });
    const calls = ['hold', 'a', 'b'].map((name) => grain.work(name));
    await pass({ clock }, 5);
    gates.hold.open();
    await Promise.all(calls);
    await settled();
    expect(log.filter((line) => line.endsWith('starts')).map((line) => line.split(' ')[0])).toEqual([
      ...['hold', 't1', 'a', 't2', 'b', 't3'],
    ]);
  });

  test('logs what it throws, and goes on', async () => {
    const { grain, log, logged, clock } = await timedSilo();
    await grain.every('tick', { dueMs: 5, periodMs: 5 }, () => {
      throw new Error('tick');
    });
    await pass({ clock }, 10);
    expect(log).toEqual(['tick starts', 'tick starts']);
    expect(logged).toMatchObject([
      { level: 'error', fields: { grain: 'test/k', error: new Error('tick') } },
      { level: 'error', fields: { grain: 'test/k' } },
    ]);
  });

  test('ends when it is disposed of, also when it is due already', async () => {
    const gates = { a: gate() };
    const { grain, log, clock, silo } = await timedSilo(gates);
    const waiting = await grain.every('waiting', { dueMs: 5, periodMs: 5 });
    const due = await grain.every('due', { dueMs: 1 });
    const idleTimers = clock.pending - 2;
    waiting[Symbol.dispose]();
    const a = grain.work('a');
    await pass({ clock }, 2);
    due[Symbol.dispose]();
    gates.a.open();
    await a;
    await pass({ clock }, 20);
    expect(log).toEqual(['a starts', 'a ends']);
    expect(clock.pending).toBe(idleTimers);
    await silo.stop();
  });

  test('may end itself', async () => {
    const { grain, log, clock } = await timedSilo();
    const own: Disposable[] = [];
    own.push(await grain.every('tick', { dueMs: 5, periodMs: 5 }, () => own[0]![Symbol.dispose]()));
    await pass({ clock }, 20);
    expect(log).toEqual(['tick starts', 'tick ends']);
  });

  test('ends with its activation, and can be made no more', async () => {
    let context: GrainContext | undefined;
    const log: string[] = [];
    const timed = grainClass({}, (given) => new Timed((context = given), log, {}));
    const { silo, clock } = await startSilo([timed]);
    const grain = silo.getGrain(timed, 'k');
    const idleTimers = clock.pending;
    await grain.every('tick', { dueMs: 5, periodMs: 5 });
    await grain.leave();
    await pass({ clock }, 20);
    expect(log).toEqual([]);
    expect(clock.pending).toBe(idleTimers);
    expect(() => context?.registerTimer(() => undefined, { dueMs: 1 })).toThrow('INVALID_ARGUMENT');
  });

  test('does not postpone that an idle grain is collected', async () => {
    const { grain, log, silo, clock } = await timedSilo();
    await grain.every('tick', { dueMs: 10, periodMs: 10 });
    await pass({ clock }, 1200);
    expect(log.length).toBeGreaterThan(100);
    expect(silo.getInfo().activations).toBe(0);
    const ticks = log.length;
    await pass({ clock }, 50);
    expect(log).toHaveLength(ticks);
  });

  test('that runs when the grain is collected ends first', async () => {
    const tick = gate();
    const { grain, log, silo, clock } = await timedSilo();
    await grain.every('tick', { dueMs: 900 }, () => tick.passed);
    await pass({ clock }, 1500);
    expect(silo.getInfo().activations).toBe(1);
    tick.open();
    await settled();
    expect(log).toEqual(['tick starts', 'tick ends']);
    expect(silo.getInfo().activations).toBe(0);
  });

  test('set up in onActivate runs once the grain is active, with an empty request and past the filters', async () => {
    const hold = gate();
    const seen: unknown[] = [];
    class Early {
      constructor(private readonly context: GrainContext) {}
      async onActivate(): Promise<void> {
        this.context.registerTimer(() => void seen.push(this.context.request), { dueMs: 1 });
        await hold.passed;
      }
      async ping(): Promise<void> {
        seen.push('ping');
      }
    }
    const callFilters: GrainCallFilter[] = [
      { direction: 'incoming', invoke: ({ method }, next) => (seen.push(`filter ${method}`), next()) },
    ];
    for (const reentrant of [false, true]) {
      const early = grainClass({ reentrant }, (context) => new Early(context));
      const { silo, clock } = await startSilo([early], {}, { callFilters });
      const ping = silo.getGrain(early, 'k', { tenant: 'a' }).ping();
      await pass({ clock }, 5);
      hold.open();
      await ping;
      await settled();
      expect(seen.splice(0)).toEqual(['filter ping', 'ping', {}]);
    }
  });

  test('that is no timer is refused', async () => {
    const { grain } = await timedSilo();
    for (const schedule of [null, {}, { dueMs: -1 }, { dueMs: 2 ** 31 }, { dueMs: 1, periodMs: 0 }, { dueMs: '1' }])
      await expect(grain.every('tick', schedule as Schedule)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
