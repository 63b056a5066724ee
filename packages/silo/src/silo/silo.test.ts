import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DeviceCapacity, GpuPlacementDirector, GrainClass } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { referencedGrain } from '../references/grain-references.js';
import { gate, grainClass, silentServices, startSilo } from '../testing/silo-fixture.js';
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

describe('registration', () => {
  test('refuses two classes of one type', () => {
    expect(codeOf(() => new Silo({ ...silentServices([greeter]), grainClasses: [greeter, greeter] }))).toBe(
      'INVALID_ARGUMENT',
    );
  });

  test.each([
    { type: '' },
    { kind: 'singleton' },
    { kind: 'keyed', maxLocal: 2 },
    { kind: 'stateless-worker', maxLocal: 0 },
    { kind: 'stateless-worker', maxLocal: 1.5 },
    { reentrant: 'yes' },
    { placement: { director: 'nobody' } },
    { interleaving: 'read' },
    { interleaving: [''] },
    { interleaving: ['read'], reentrant: true },
    { idempotent: 'none' },
    { idempotent: [7] },
    { persistent: 1 },
    { kind: 'stateless-worker', persistent: true },
    { remoteForms: [] },
    { remoteForms: { read: null } },
    { remoteForms: { read: { pack: () => [] } } },
    { remoteForms: { read: { packArguments: 'json' } } },
  ])('refuses a class with %j', (options) => {
    const bad = { options: { type: 'bad', kind: 'keyed', ...options }, create: () => ({}) } as GrainClass;
    expect(codeOf(() => new Silo({ ...silentServices([greeter]), grainClasses: [bad] }))).toBe('INVALID_ARGUMENT');
  });

  test('takes a class with every option', () => {
    const remoteForms = { greet: { packArguments: () => [], placement: () => ({}), toStream: undefined } };
    const methods = { interleaving: ['greet'], idempotent: ['greet'], persistent: true, remoteForms } as const;
    for (const options of [methods, { ...methods, idempotent: 'all' as const }])
      expect(
        codeOf(
          () => new Silo({ ...silentServices([greeter]), grainClasses: [grainClass(options, () => new Greeter())] }),
        ),
      ).toBe(undefined);
  });

  test.each([{ idleAfterMs: 0 }, { drainTimeoutMs: -1 }, { siloId: '' }, { callQueueLimit: 0.5 }, { idelAfterMs: 5 }])(
    'refuses the option %j',
    (options) => {
      expect(codeOf(() => new Silo(silentServices([greeter]), options as SiloOptions))).toBe('INVALID_ARGUMENT');
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

  test('that carry a request are new ones of the same grain, and a bad request is refused', async () => {
    const { silo } = await startSilo([greeter]);
    const grain = silo.getGrain(greeter, 'a', { tenant: 'x' });
    expect(grain).not.toBe(silo.getGrain(greeter, 'a'));
    expect((grain as { toString(): string }).toString()).toBe('greeter/a');
    expect(await grain.greet('you')).toBe('hello you');
    expect(silo.getInfo().activations).toBe(1);
    expect(codeOf(() => silo.getGrain(greeter, 'a', { tenant: '' }))).toBe('INVALID_ARGUMENT');
  });

  test('tell which grain they name, unlike anything else', async () => {
    const { silo } = await startSilo([greeter]);
    expect(referencedGrain(silo.getGrain(greeter, 'a', { tenant: 'x' }))).toEqual({ type: 'greeter', key: 'a' });
    for (const other of [undefined, null, 'greeter/a', {}]) expect(referencedGrain(other)).toBeUndefined();
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
    expect(codeOf(() => new Silo({ ...silentServices([greeter]), placementDirectors: [director, director] }))).toBe(
      'INVALID_ARGUMENT',
    );
  });
});

describe('getInfo', () => {
  test('counts by grain type what is active, waits, runs, was served and has failed', async () => {
    const hold = gate();
    class Worker {
      async work(): Promise<void> {
        await hold.passed;
      }
      async fail(): Promise<void> {
        throw new Error('no');
      }
    }
    const worker = grainClass({ type: 'worker' }, () => new Worker());
    const { silo } = await startSilo([greeter, worker]);
    await silo.getGrain(greeter, 'a').greet('x');
    await silo.getGrain(greeter, 'b').greet('x');
    await silo
      .getGrain(worker, 'a')
      .fail()
      .catch(() => undefined);
    const calls = [silo.getGrain(worker, 'a').work(), silo.getGrain(worker, 'a').work()];
    const idle = { activations: 2, waitingCalls: 0, runningCalls: 0, servedCalls: 2, failedCalls: 0 };
    const busy = { activations: 1, waitingCalls: 1, runningCalls: 1, servedCalls: 0, failedCalls: 1 };
    expect(silo.getInfo()).toMatchObject({ activations: 3, waitingCalls: 1, grains: { greeter: idle, worker: busy } });
    hold.open();
    await Promise.all(calls);
    expect(silo.getInfo().grains['worker']).toEqual({ ...busy, waitingCalls: 0, runningCalls: 0, servedCalls: 2 });
    await silo.stop();
    expect(silo.getInfo().grains['greeter']).toEqual({ ...idle, activations: 0 });
  });
});
