import { Tokens } from '@gpu-bridge/abstractions';
import type { ClusterView, GpuPlacementDirector, GrainCallFilter } from '@gpu-bridge/abstractions';
import { Container } from 'inversify';
import { describe, expect, test } from 'vitest';
import { siloModule } from './module.js';
import { Silo } from './silo/silo.js';
import { FakeClock } from '@gpu-bridge/testkit';
import { grainClass } from './testing/silo-fixture.js';

class Greeter {
  async greet(): Promise<string> {
    return 'hello';
  }
}

function container(): Container {
  const ignore = () => undefined;
  const made = new Container();
  made.bind(Tokens.Clock).toConstantValue(new FakeClock());
  made.bind(Tokens.Logger).toConstantValue({ debug: ignore, info: ignore, warn: ignore, error: ignore });
  made.load(siloModule({ siloId: 'bound' }));
  return made;
}

describe('siloModule', () => {
  test('binds one silo under its three names', () => {
    const bound = container();
    const silo = bound.get(Silo);
    expect(silo.siloId).toBe('bound');
    expect(bound.get(Tokens.GrainFactory)).toBe(silo);
    expect(bound.getAll(Tokens.LifecycleParticipant)).toEqual([silo]);
  });

  test('shows a silo alone to the services of its own grains', async () => {
    const bound = container();
    bound.bind(Tokens.GrainClass).toResolvedValue(
      (view: ClusterView) =>
        grainClass({ type: 'looker' }, () => ({
          look: async () => view.silos().map(({ siloId, state }) => `${siloId} ${state}`),
        })),
      [Tokens.ClusterView],
    );
    const silo = bound.get(Silo);
    const view = bound.get<ClusterView>(Tokens.ClusterView);
    expect(view.silos()).toMatchObject([{ siloId: 'bound', state: 'joining', seenAgoMs: 0, devices: [] }]);
    await silo.start();
    expect(view).toMatchObject({ siloId: 'bound' });
    expect(view.silos()).toMatchObject([{ state: 'active' }]);
    expect(view.lost()).toEqual([]);
    await silo.stop();
    expect(view.silos()).toMatchObject([{ state: 'draining' }]);
  });

  test('hosts every grain class that is bound', async () => {
    const bound = container();
    const one = grainClass({ type: 'one' }, () => new Greeter());
    const two = grainClass({ type: 'two', placement: { director: 'prefer-local' } }, () => new Greeter());
    bound.bind(Tokens.GrainClass).toConstantValue(one);
    bound.bind(Tokens.GrainClass).toConstantValue(two);
    const silo = bound.get(Silo);
    await silo.start();
    expect(await silo.getGrain(two, 'k').greet()).toBe('hello');
    await silo.stop();
  });

  test('runs calls through every filter that is bound', async () => {
    const bound = container();
    const seen: string[] = [];
    for (const direction of ['incoming', 'outgoing'] as const)
      bound.bind<GrainCallFilter>(Tokens.GrainCallFilter).toConstantValue({
        direction,
        invoke: ({ method }, next) => (seen.push(`${direction} ${method}`), next()),
      });
    const one = grainClass({ type: 'one' }, () => new Greeter());
    bound.bind(Tokens.GrainClass).toConstantValue(one);
    const silo = bound.get(Silo);
    await silo.start();
    await silo.getGrain(one, 'k').greet();
    expect(seen).toEqual(['outgoing greet', 'incoming greet']);
    await silo.stop();
  });

  test('places by a director of the application, which may ask for the devices', async () => {
    const bound = container();
    const seen: unknown[] = [];
    bound.bind<GpuPlacementDirector>(Tokens.PlacementDirector).toConstantValue({
      name: 'mine',
      placesEveryCall: false,
      onAddActivation(_strategy, _target, { candidates }) {
        seen.push(...candidates.map(({ devices }) => devices));
        return candidates[0]!.siloId;
      },
    });
    const placed = grainClass({ placement: { director: 'mine' } }, () => new Greeter());
    bound.bind(Tokens.GrainClass).toConstantValue(placed);
    const silo = bound.get(Silo);
    await silo.start();
    await silo.getGrain(placed, 'k').greet();
    expect(seen).toEqual([[]]);
    await silo.stop();
  });
});
