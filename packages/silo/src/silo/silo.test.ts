import { GpuBridgeError, LifecycleStage } from '@gpu-bridge/abstractions';
import type { DeactivationReason, DeviceCapacity, GpuPlacementDirector, GrainClass } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '@gpu-bridge/testkit';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import { Silo } from './silo.js';
import type { SiloOptions } from './silo-options.js';

class Greeter {
  async greet(name: string): Promise<string> {
    return `hello ${name}`;
  }
}
const greeter = grainClass({ type: 'greeter' }, () => new Greeter());

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (e) {
    if (GpuBridgeError.is(e)) return e.code;
    throw e;
  }
  return undefined;
}

function silent(): ConstructorParameters<typeof Silo>[0] {
  const ignore = () => undefined;
  return {
    clock: new FakeClock(),
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    grainClasses: [greeter],
  };
}

describe('registration', () => {
  test('refuses two classes of one type', () => {
    expect(codeOf(() => new Silo({ ...silent(), grainClasses: [greeter, greeter] }))).toBe('INVALID_ARGUMENT');
  });

  test.each([
    { type: '' },
    { kind: 'singleton' },
    { kind: 'keyed', maxLocal: 2 },
    { kind: 'stateless-worker', maxLocal: 0 },
    { kind: 'stateless-worker', maxLocal: 1.5 },
    { reentrant: 'yes' },
    { placement: { director: 'nobody' } },
  ])('refuses a class with %j', (options) => {
    const bad = { options: { type: 'bad', kind: 'keyed', ...options }, create: () => ({}) } as GrainClass;
    expect(codeOf(() => new Silo({ ...silent(), grainClasses: [bad] }))).toBe('INVALID_ARGUMENT');
  });

  test.each([{ idleAfterMs: 0 }, { drainTimeoutMs: -1 }, { siloId: '' }, { callQueueLimit: 0.5 }, { idelAfterMs: 5 }])(
    'refuses the option %j',
    (options) => {
      expect(codeOf(() => new Silo(silent(), options as SiloOptions))).toBe('INVALID_ARGUMENT');
    },
  );
});

describe('references', () => {
  test('are one per key, activate nothing, and are not thenable', async () => {
    const { silo } = await startSilo([greeter]);
    const grain = silo.getGrain(greeter, 'a');
    expect(silo.getGrain(greeter, 'a')).toBe(grain);
    expect(silo.getGrain(greeter, 'b')).not.toBe(grain);
    expect((grain as { then?: unknown }).then).toBeUndefined();
    expect(await Promise.resolve(grain)).toBe(grain);
    expect((grain as { toString(): string }).toString()).toBe('greeter/a');
    expect(JSON.stringify(grain)).toBe('{}');
    expect(silo.getInfo().activations).toBe(0);
  });

  test('are found by the type alone', async () => {
    const { silo } = await startSilo([greeter]);
    const named: { options: { type: string }; grain?: Greeter } = { options: { type: 'greeter' } };
    expect(await silo.getGrain(named, 'a').greet('you')).toBe('hello you');
  });

  test('name the methods there are when one is called that the class does not have', async () => {
    const { silo } = await startSilo([greeter]);
    const grain = silo.getGrain(greeter, 'a') as unknown as Record<string, () => Promise<unknown>>;
    for (const name of ['gret', 'onActivate']) {
      await expect(grain[name]?.()).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { expected: 'one of greet' },
      });
    }
  });

  test('do not reach functions that are the state of an instance', async () => {
    class Stateful extends Greeter {
      secret = async () => 'state';
    }
    const stateful = grainClass({}, () => new Stateful());
    const { silo } = await startSilo([stateful]);
    await expect(silo.getGrain(stateful, 'a').secret()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('are refused for an unknown type and for a bad key', async () => {
    const { silo } = await startSilo([greeter]);
    expect(
      codeOf(() =>
        silo.getGrain(
          grainClass({ type: 'other' }, () => new Greeter()),
          'a',
        ),
      ),
    ).toBe('GRAIN_NOT_FOUND');
    expect(codeOf(() => silo.getGrain(greeter, ''))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => silo.getGrain(greeter, 7 as never))).toBe('INVALID_ARGUMENT');
  });
});

describe('placement', () => {
  test('asks the director that the class names, with the local silo as a candidate', async () => {
    const asked: unknown[] = [];
    const director: GpuPlacementDirector = {
      name: 'mine',
      placesEveryCall: false,
      onAddActivation(strategy, target, { candidates }) {
        asked.push({
          strategy,
          target,
          candidates: candidates.map(({ siloId, isLocal, devices }) => ({ siloId, isLocal, devices })),
        });
        return candidates[0]!.siloId;
      },
    };
    const placement = { director: 'mine', kernels: ['scale'] };
    const placed = grainClass({ placement }, () => new Greeter());
    const devices: DeviceCapacity[] = [
      {
        deviceId: 'cpu:0',
        type: 'cpu',
        backend: 'cpu',
        health: 'healthy',
        freeArenaBytes: 1024,
        queuedJobs: 1,
        queueUse: 0.25,
        oldestInFlightMs: 0,
        utilisation: 1,
        offers: [],
        kernels: ['scale'],
        datasets: [],
      },
    ];
    const describeDevices = () => devices;
    const { silo } = await startSilo([placed], {}, { placementDirectors: [director], describeDevices });
    await silo.getGrain(placed, 'k').greet('a');
    await silo.getGrain(placed, 'k').greet('b');
    const candidates = [{ siloId: 'silo-a', isLocal: true, devices }];
    expect(asked).toEqual([{ strategy: placement, target: { type: 'test', key: 'k' }, candidates }]);
  });

  test('fails the call when the director chooses a silo that is no candidate', async () => {
    const astray: GpuPlacementDirector = { name: 'astray', placesEveryCall: false, onAddActivation: () => 'silo-z' };
    const placed = grainClass({ placement: { director: 'astray' } }, () => new Greeter());
    const { silo } = await startSilo([placed], {}, { placementDirectors: [astray] });
    await expect(silo.getGrain(placed, 'k').greet('a')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(silo.getInfo().activations).toBe(0);
  });

  test('refuses two directors of one name', () => {
    const director: GpuPlacementDirector = { name: 'x', placesEveryCall: false, onAddActivation: () => 'x' };
    expect(codeOf(() => new Silo({ ...silent(), placementDirectors: [director, director] }))).toBe('INVALID_ARGUMENT');
  });
});

describe('the life of a silo', () => {
  class Worker {
    constructor(
      private readonly log: string[],
      private readonly hold = gate(),
    ) {}
    async onDeactivate(reason: DeactivationReason): Promise<void> {
      this.log.push(reason);
    }
    async work(name: string): Promise<string> {
      await this.hold.passed;
      this.log.push(name);
      return name;
    }
  }

  test('takes part at the stage of grains', () => {
    expect(new Silo(silent())).toMatchObject({ name: 'silo', stage: LifecycleStage.Grains });
  });

  test('refuses calls before it has started', async () => {
    const silo = new Silo(silent());
    await expect(silo.getGrain(greeter, 'a').greet('x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('stops at once when nothing is activated, and leaves no timer', async () => {
    const { silo, clock } = await startSilo([greeter]);
    await silo.stop();
    expect(silo.getInfo().state).toBe('stopped');
    expect(clock.pending).toBe(0);
  });

  test('finishes what it accepted, refuses the rest with DRAINING, then deactivates', async () => {
    const log: string[] = [];
    const hold = gate();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo, clock } = await startSilo([worker]);
    const grain = silo.getGrain(worker, 'k');
    const accepted = [grain.work('a'), grain.work('b')];
    const stopped = silo.stop();
    await expect(grain.work('c')).rejects.toMatchObject({ code: 'DRAINING' });
    expect(silo.getInfo()).toMatchObject({ state: 'draining', activations: 1, waitingCalls: 1 });
    hold.open();
    expect(await Promise.all(accepted)).toEqual(['a', 'b']);
    await stopped;
    expect(log).toEqual(['a', 'b', 'stopping']);
    expect(silo.getInfo()).toMatchObject({ state: 'stopped', activations: 0 });
    expect(clock.pending).toBe(0);
    await expect(grain.work('d')).rejects.toMatchObject({ code: 'DRAINING' });
  });

  test('deactivates idle grains when it stops, and waits for their onDeactivate', async () => {
    const saved = gate();
    class Saving extends Greeter {
      onDeactivate(): Promise<void> {
        return saved.passed;
      }
    }
    const saving = grainClass({}, () => new Saving());
    const { silo } = await startSilo([saving]);
    await silo.getGrain(saving, 'a').greet('x');
    let stopped = false;
    const stop = silo.stop().then(() => (stopped = true));
    await settled();
    expect(stopped).toBe(false);
    saved.open();
    await stop;
  });

  test('serves a call whose grain was still activating when the stop began', async () => {
    const hold = gate();
    const log: string[] = [];
    class Slow extends Worker {
      onActivate(): Promise<void> {
        return hold.passed;
      }
    }
    const slow = grainClass({}, () => new Slow(log, hold));
    const { silo } = await startSilo([slow]);
    const call = silo.getGrain(slow, 'k').work('a');
    const stop = silo.stop();
    hold.open();
    expect(await call).toBe('a');
    await stop;
    expect(log).toEqual(['a', 'stopping']);
  });

  test('serves calls that wait behind a deactivation when the stop begins', async () => {
    const saved = gate();
    const log: string[] = [];
    const leaving = grainClass({}, (context) => {
      class Leaving {
        async leave(): Promise<void> {
          context.deactivateOnIdle();
        }
        async ping(): Promise<string> {
          return 'pong';
        }
        async onDeactivate(reason: DeactivationReason): Promise<void> {
          log.push(reason);
          await saved.passed;
        }
      }
      return new Leaving();
    });
    const { silo } = await startSilo([leaving]);
    const grain = silo.getGrain(leaving, 'k');
    await grain.leave();
    const behind = grain.ping();
    const stop = silo.stop();
    saved.open();
    expect(await behind).toBe('pong');
    await stop;
    expect(log).toEqual(['requested', 'stopping']);
  });

  test('stops after drainTimeoutMs: waiting calls fail, running turns are left and get no onDeactivate', async () => {
    const log: string[] = [];
    const hold = gate();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo, clock, logged } = await startSilo([worker], { drainTimeoutMs: 500 });
    const grain = silo.getGrain(worker, 'k');
    const running = grain.work('a');
    const waiting = grain.work('b').catch((e: unknown) => e);
    const stop = silo.stop();
    clock.advanceMs(499);
    await settled();
    expect(silo.getInfo().state).toBe('draining');
    clock.advanceMs(1);
    await stop;
    expect(GpuBridgeError.is(await waiting, 'DRAINING')).toBe(true);
    expect(logged).toMatchObject([{ level: 'warn', fields: { activations: 1, waitingCalls: 1, runningTurns: 1 } }]);
    hold.open();
    expect(await running).toBe('a');
    await settled();
    expect(log).toEqual(['a']);
  });

  test('stops after drainTimeoutMs when an activation hangs, and drops it when it comes back', async () => {
    const hold = gate();
    class Hanging extends Greeter {
      onActivate(): Promise<void> {
        return hold.passed;
      }
    }
    const hanging = grainClass({}, () => new Hanging());
    const { silo, clock } = await startSilo([hanging], { drainTimeoutMs: 500 });
    const call = silo.getGrain(hanging, 'k').greet('x');
    const stop = silo.stop();
    clock.advanceMs(500);
    await expect(call).rejects.toMatchObject({ code: 'DRAINING' });
    await stop;
    hold.open();
    await settled();
    expect(silo.getInfo().activations).toBe(0);
  });

  test('stops once, however often it is asked', async () => {
    const log: string[] = [];
    const hold = gate();
    hold.open();
    const worker = grainClass({}, () => new Worker(log, hold));
    const { silo } = await startSilo([worker]);
    await silo.getGrain(worker, 'k').work('a');
    await Promise.all([silo.stop(), silo.stop()]);
    expect(log).toEqual(['a', 'stopping']);
  });
});
