import type { DeactivationReason, GrainContext, GrainReminders, GrainStorage } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';
import type { ActivationServices, OpenedActivation } from './activation-services.js';

class Keeper {
  constructor(
    readonly context: GrainContext,
    private readonly log: string[],
    private readonly gates: Readonly<Record<string, Gate>>,
  ) {}
  async onActivate(): Promise<void> {
    this.log.push(`activate ${this.context.fencingToken}`);
    await this.gates['activate']?.passed;
  }
  async onDeactivate(reason: DeactivationReason): Promise<void> {
    this.log.push(`deactivate ${this.context.fencingToken}: ${reason}`);
    await this.gates['deactivate']?.passed;
  }
  async work(name = 'quick'): Promise<string> {
    this.log.push(`${name} starts`);
    await this.gates[name]?.passed;
    return `${name} of ${this.context.fencingToken}`;
  }
  async tick(): Promise<void> {
    this.context.registerTimer(() => void this.log.push('tick'), { dueMs: 1, periodMs: 1 });
  }
  async leave(): Promise<void> {
    this.context.deactivateOnIdle();
  }
  async storage(): Promise<GrainStorage> {
    return this.context.storage;
  }
  async reminders(): Promise<GrainReminders> {
    return this.context.reminders;
  }
  async receiveReminder(): Promise<void> {}
}

/** Services that hand out tokens 1, 2, … and write down what happens to them. */
class Tokens implements ActivationServices {
  opening: Gate | undefined;
  releasing: Gate | undefined;
  refusal: Error | undefined;
  private last = 0;

  constructor(
    private readonly log: string[],
    private readonly given: Partial<OpenedActivation> = {},
  ) {}

  async open(): Promise<OpenedActivation> {
    await this.opening?.passed;
    if (this.refusal !== undefined) throw this.refusal;
    const fencingToken = ++this.last;
    this.log.push(`open ${fencingToken}`);
    return {
      fencingToken,
      release: async () => {
        await this.releasing?.passed;
        this.log.push(`release ${fencingToken}`);
      },
      ...this.given,
    };
  }
}

async function keeperSilo(gates: Readonly<Record<string, Gate>> = {}, given: Partial<OpenedActivation> = {}) {
  const log: string[] = [];
  const tokens = new Tokens(log, given);
  const right = { holds: true };
  const keeper = grainClass({ persistent: true }, (context) => new Keeper(context, log, gates));
  const worker = grainClass({ type: 'worker', kind: 'stateless-worker' }, (context) => new Keeper(context, log, gates));
  const services = { activationServices: tokens, mayRunKeyed: () => right.holds };
  const fixture = await startSilo([keeper, worker], {}, services);
  const { silo } = fixture;
  return { ...fixture, log, tokens, right, grain: silo.getGrain(keeper, 'k'), worker: silo.getGrain(worker, 'k') };
}

const FENCED = { code: 'LEASE_FENCED', details: { what: 'grain test/k' } };

describe('what an activation opens', () => {
  test('is there before onActivate, and let go of after onDeactivate', async () => {
    const storage = { read: () => Promise.resolve(1) } as unknown as GrainStorage;
    const reminders = { list: () => Promise.resolve([]) } as unknown as GrainReminders;
    const { grain, log, silo } = await keeperSilo({}, { storage, reminders });
    expect(await grain.storage()).toBe(storage);
    expect(await grain.reminders()).toBe(reminders);
    await grain.leave();
    await silo.stop();
    expect(log).toEqual(['open 1', 'activate 1', 'deactivate 1: requested', 'release 1']);
  });

  test('is opened anew only when it was let go of', async () => {
    const { grain, log, tokens } = await keeperSilo();
    tokens.releasing = gate();
    await grain.leave();
    const next = grain.work();
    await settled();
    expect(log).toEqual(['open 1', 'activate 1', 'deactivate 1: requested']);
    tokens.releasing.open();
    expect(await next).toBe('quick of 2');
    expect(log.slice(3)).toEqual(['release 1', 'open 2', 'activate 2', 'quick starts']);
  });

  test('that cannot be opened fails the calls that wait, and the next call tries again', async () => {
    const { grain, log, tokens, silo } = await keeperSilo();
    tokens.refusal = new Error('moved');
    const calls = await Promise.allSettled([grain.work(), grain.work()]);
    expect(calls.map((call) => call.status === 'rejected' && (call.reason as Error).message)).toEqual([
      'moved',
      'moved',
    ]);
    expect(silo.getInfo().activations).toBe(0);
    tokens.refusal = undefined;
    expect(await grain.work()).toBe('quick of 1');
    expect(log).toEqual(['open 1', 'activate 1', 'quick starts']);
  });

  test('is let go of when onActivate fails', async () => {
    const hold = gate();
    const { grain, log } = await keeperSilo({ activate: hold });
    const call = grain.work();
    hold.fail(new Error('not today'));
    await expect(call).rejects.toThrow('not today');
    expect(log).toEqual(['open 1', 'activate 1', 'release 1']);
  });

  test('is logged when it cannot be let go of', async () => {
    const release = () => Promise.reject(new Error('gone'));
    const { grain, logged } = await keeperSilo({}, { release });
    await grain.leave();
    expect(await grain.work()).toBe('quick of 2');
    expect(logged).toMatchObject([{ level: 'error', fields: { grain: 'test/k', error: new Error('gone') } }]);
  });

  test('is nothing for stateless workers', async () => {
    const { worker, log } = await keeperSilo();
    expect(await worker.work()).toBe('quick of 0');
    expect(log).toEqual(['activate 0', 'quick starts']);
  });
});

describe('fencing', () => {
  test('fails waiting calls at once and running ones at their end, and a new activation need not wait for them', async () => {
    const gates = { long: gate() };
    const { grain, log, silo } = await keeperSilo(gates);
    const running = grain.work('long');
    const waiting = [grain.work('a'), grain.work('b')];
    await settled();
    const failed = Promise.all([...waiting, running].map((call) => expect(call).rejects.toMatchObject(FENCED)));
    await silo.fenceKeyed();
    for (const call of waiting) await expect(call).rejects.toMatchObject(FENCED);
    expect(silo.getInfo()).toMatchObject({ activations: 0, waitingCalls: 0 });
    expect(await grain.work('new')).toBe('new of 2');
    expect(log).toEqual(['open 1', 'activate 1', 'long starts', 'open 2', 'activate 2', 'new starts']);
    gates.long.open();
    await failed;
    await settled();
    expect(log.slice(6)).toEqual(['deactivate 1: fenced', 'release 1']);
    expect(silo.getInfo().activations).toBe(1);
  });

  test('fails a call that ran at once as well', async () => {
    const gates = { long: gate() };
    const { grain, silo } = await keeperSilo(gates);
    await grain.work();
    const running = grain.work('long');
    await silo.fenceKeyed();
    gates.long.open();
    await expect(running).rejects.toMatchObject(FENCED);
  });

  test('gives what runs LEASE_FENCED also when it fails otherwise', async () => {
    const gates = { long: gate() };
    const { grain, silo } = await keeperSilo(gates);
    const running = grain.work('long');
    await settled();
    await silo.fenceKeyed();
    gates.long.fail(new Error('confused'));
    await expect(running).rejects.toMatchObject({ ...FENCED, details: { fencingToken: 1 } });
  });

  test('deactivates idle grains with the reason, ends their timers, and waits for their onDeactivate', async () => {
    const gates = { deactivate: gate() };
    const { grain, log, silo, clock } = await keeperSilo(gates);
    await grain.tick();
    const idleTimers = clock.pending - 1;
    let done = false;
    const fenced = silo.fenceKeyed().then(() => (done = true));
    await settled();
    expect(log).toEqual(['open 1', 'activate 1', 'deactivate 1: fenced']);
    expect([done, clock.pending, silo.getInfo().activations]).toEqual([false, idleTimers, 0]);
    gates.deactivate.open();
    await fenced;
    expect(log.at(-1)).toBe('release 1');
  });

  test('drops what was activating when it comes back', async () => {
    const gates = { activate: gate() };
    const { grain, log, silo } = await keeperSilo(gates);
    const first = grain.work();
    const failed = expect(first).rejects.toMatchObject(FENCED);
    await settled();
    await silo.fenceKeyed();
    await failed;
    const second = grain.work();
    gates.activate.open();
    expect(await second).toBe('quick of 2');
    await settled();
    expect(log.filter((line) => !line.startsWith('activate'))).toEqual(
      expect.arrayContaining(['open 1', 'deactivate 1: fenced', 'release 1', 'open 2', 'quick starts']),
    );
    expect(silo.getInfo().activations).toBe(1);
  });

  test('drops what was opening or could not activate, without a second word', async () => {
    const { grain, log, tokens, silo } = await keeperSilo();
    tokens.opening = gate();
    const call = grain.work();
    const failed = expect(call).rejects.toMatchObject(FENCED);
    await silo.fenceKeyed();
    await failed;
    tokens.opening.fail(new Error('no engine'));
    await settled();
    expect(log).toEqual([]);
    expect(silo.getInfo()).toMatchObject({ activations: 0, waitingCalls: 0 });
  });

  test('leaves stateless workers alone', async () => {
    const gates = { long: gate() };
    const { worker, silo } = await keeperSilo(gates);
    const running = worker.work('long');
    await silo.fenceKeyed();
    gates.long.open();
    expect(await running).toBe('long of 0');
    expect(silo.getInfo().activations).toBe(1);
  });

  test('does not keep a silo from stopping', async () => {
    const gates = { long: gate() };
    const { grain, silo, clock } = await keeperSilo(gates);
    const running = grain.work('long').catch(() => undefined);
    await settled();
    await silo.fenceKeyed();
    await silo.stop();
    expect(clock.pending).toBe(0);
    gates.long.open();
    await running;
  });
});

describe('while the silo has no right to its keyed grains', () => {
  test('no turn of them starts: not of calls, not of those that wait, not of timers', async () => {
    const gates = { long: gate() };
    const { grain, log, right, clock } = await keeperSilo(gates);
    await grain.tick();
    const running = grain.work('long');
    const waiting = grain.work('a');
    await settled();
    right.holds = false;
    await expect(grain.work('b')).rejects.toMatchObject({ ...FENCED, details: { fencingToken: 1 } });
    gates.long.open();
    expect(await running).toBe('long of 1');
    await expect(waiting).rejects.toMatchObject(FENCED);
    clock.advanceMs(10);
    await settled();
    expect(log).toEqual(['open 1', 'activate 1', 'long starts']);
  });

  test('nothing is activated, and stateless workers serve on', async () => {
    const { grain, worker, log, right } = await keeperSilo();
    right.holds = false;
    await expect(grain.work()).rejects.toMatchObject(FENCED);
    expect(await worker.work()).toBe('quick of 0');
    right.holds = true;
    expect(await grain.work()).toBe('quick of 1');
    expect(log.filter((line) => line.startsWith('open'))).toEqual(['open 1']);
  });
});
