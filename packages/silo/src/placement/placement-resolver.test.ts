import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  CallPlacement,
  GpuPlacementDirector,
  GpuPlacementStrategy,
  PlacementContext,
  SiloCandidate,
} from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import type { Member } from '../membership/member-record.js';
import { device, member } from '../testing/placement-fixture.js';
import { CapacityLedger } from './capacity-ledger.js';
import { PlacementResolver } from './placement-resolver.js';

/** Writes down what it is shown, and does as it is told. */
class Recorder implements GpuPlacementDirector {
  readonly name = 'recorder';
  readonly placesEveryCall = true;
  shown: readonly SiloCandidate[] = [];
  strategy: GpuPlacementStrategy | undefined;
  tenant: string | undefined;
  choose: (context: PlacementContext) => string = ({ candidates }) => candidates[0]!.siloId;

  onAddActivation(strategy: GpuPlacementStrategy, _target: unknown, context: PlacementContext): string {
    this.shown = context.candidates;
    this.strategy = strategy;
    this.tenant = context.tenant;
    return this.choose(context);
  }
}

class Fixture {
  readonly clock = new FakeClock();
  readonly director = new Recorder();
  readonly capacity = new CapacityLedger(256);
  readonly warnings: string[] = [];
  deviceReads = 0;
  live: readonly Member[] = [];
  readonly resolver: PlacementResolver;

  constructor(own: string | undefined, strategy: Partial<GpuPlacementStrategy> = {}) {
    const ignore = (): void => undefined;
    this.resolver = new PlacementResolver({
      siloId: own?.split('.')[0] ?? 'alone',
      clock: this.clock,
      logger: { debug: ignore, info: ignore, warn: (line) => void this.warnings.push(line), error: ignore },
      directors: [this.director],
      capacity: this.capacity,
      devices: () => {
        this.deviceReads++;
        return [device()];
      },
      activations: () => 7,
      members: own === undefined ? undefined : { address: own, members: () => this.live },
    });
    this.worker = {
      type: 'worker',
      placement: this.resolver.resolve('placement', { director: 'recorder', ...strategy }),
    };
  }

  readonly worker;

  choose(exclude?: readonly string[], wanted?: CallPlacement): string {
    const target = { type: 'worker', key: 'k' };
    return this.resolver.choose(this.worker, target, { tenant: 'acme' }, exclude && new Set(exclude), wanted);
  }

  codeOf(run: () => unknown): string {
    try {
      return `none: ${String(run())}`;
    } catch (error) {
      return GpuBridgeError.is(error) ? error.code : String(error);
    }
  }

  get names(): string[] {
    return this.shown.map(({ siloId }) => siloId);
  }

  get shown(): readonly SiloCandidate[] {
    return this.director.shown;
  }
}

describe('in a cluster', () => {
  test('the address of the chosen silo is given', () => {
    const fixture = new Fixture('a.1');
    fixture.live = [member('a'), member('b', { generation: 7 })];
    fixture.director.choose = () => 'b';
    expect(fixture.choose()).toBe('b.7');
    expect(fixture.names).toEqual(['a', 'b']);
    expect(fixture.director.tenant).toBe('acme');
  });

  test('candidates host the type, are active, and are not suspect while there are others', () => {
    const fixture = new Fixture('a.1');
    const suspect = member('e', { suspect: true });
    fixture.live = [
      member('a'),
      member('b', { state: 'joining' }),
      member('c', { state: 'draining' }),
      member('d', { grainTypes: ['other'] }),
      suspect,
    ];
    fixture.choose();
    expect(fixture.names).toEqual(['a']);
    fixture.live = [suspect];
    expect(fixture.choose()).toBe('e.1');
    fixture.live = [member('a', { grainTypes: ['other'] })];
    expect(fixture.codeOf(() => fixture.choose())).toBe('GRAIN_NOT_FOUND');
  });

  test('silos that refused are no candidates, and SILO_BUSY comes when none is left', () => {
    const fixture = new Fixture('a.1');
    fixture.live = [member('a'), member('b')];
    expect(fixture.choose(['a.1'])).toBe('b.1');
    expect(fixture.codeOf(() => fixture.choose(['a.1', 'b.1']))).toBe('SILO_BUSY');
  });

  test('what one call wants goes over what its class wants', () => {
    const fixture = new Fixture('a.1', { deviceType: 'gpu', kernels: ['scale'] });
    fixture.live = [member('a')];
    fixture.choose(undefined, { deviceType: 'cpu' });
    expect(fixture.director.strategy).toEqual({ director: 'recorder', deviceType: 'cpu', kernels: ['scale'] });
    fixture.choose();
    expect(fixture.director.strategy).toMatchObject({ deviceType: 'gpu' });
  });

  test('calls placed since a silo spoke count on top of what it said, and are not counted twice when it speaks again', () => {
    const fixture = new Fixture('a.1');
    const { placed } = fixture.resolver;
    const other = member('b', { placedCalls: 10 });
    fixture.live = [member('a'), other];
    fixture.choose();
    const seen = (): number => fixture.shown.find(({ siloId }) => siloId === 'b')!.placedCalls;
    for (let i = 0; i < 5; i++) placed.begin('b.1');
    expect(seen()).toBe(15);

    // Another member speaks: b has said nothing new.
    fixture.live = [member('a'), other];
    fixture.choose();
    expect(seen()).toBe(15);

    // b has counted our five.
    fixture.live = [member('a'), member('b', { placedCalls: 12 })];
    fixture.choose();
    expect(seen()).toBe(12);
    for (let i = 0; i < 4; i++) placed.end('b.1');
    expect(seen()).toBe(8);
    placed.begin('b.1');
    placed.begin('b.1');
    expect(seen()).toBe(10);
  });

  test('the own silo counts as it is now, and its devices are asked at most every 10 ms, and only when looked at', () => {
    const fixture = new Fixture('a.1');
    fixture.live = [member('a', { placedCalls: 99 })];
    fixture.choose();
    expect(fixture.deviceReads).toBe(0);
    fixture.capacity.tryReserve();
    const own = fixture.shown[0]!;
    expect(own).toMatchObject({ isLocal: true, placedCalls: 1, placedCallLimit: 256, activations: 7 });
    for (let i = 0; i < 10; i++) expect(own.devices).toEqual([device()]);
    expect(fixture.deviceReads).toBe(1);
    fixture.clock.advanceMs(11);
    expect(own.devices).toHaveLength(1);
    expect(fixture.deviceReads).toBe(2);
  });

  test('fallbacks are counted, and logged once until there was none for ten seconds', () => {
    const fixture = new Fixture('a.1');
    fixture.live = [member('a')];
    fixture.director.choose = (context) => {
      context.onFallback('gpu', 'a');
      return 'a';
    };
    for (let i = 0; i < 4; i++) {
      fixture.choose();
      fixture.clock.advanceMs(9_000);
    }
    expect(fixture.warnings).toEqual(['no silo has gpu to spare; grains of type worker go to one without']);
    fixture.clock.advanceMs(1_000);
    fixture.choose();
    expect(fixture.warnings).toHaveLength(2);
    expect(fixture.resolver.fallbackCount).toBe(5);
  });

  test('a director that chooses no candidate is told so', () => {
    const fixture = new Fixture('a.1');
    fixture.live = [member('a')];
    fixture.director.choose = () => 'z';
    expect(fixture.codeOf(() => fixture.choose())).toBe('INVALID_ARGUMENT');
  });

  test('activations ask no director: the choice was made before', () => {
    const fixture = new Fixture('a.1', { fallback: 'refuse' });
    fixture.live = [member('a')];
    fixture.resolver.confirm(fixture.worker, { type: 'worker', key: 'k' });
    expect(fixture.shown).toEqual([]);
  });
});

describe('alone', () => {
  test('the silo itself is the only candidate', () => {
    const fixture = new Fixture(undefined);
    expect(fixture.choose()).toBe('alone');
    expect(fixture.shown).toMatchObject([{ siloId: 'alone', isLocal: true }]);
  });

  test('activations ask a director of single calls only when less than what is wanted is to be refused', () => {
    const target = { type: 'worker', key: 'k' };
    const indifferent = new Fixture(undefined);
    indifferent.resolver.confirm(indifferent.worker, target);
    expect(indifferent.shown).toEqual([]);
    const strict = new Fixture(undefined, { fallback: 'refuse' });
    strict.resolver.confirm(strict.worker, target);
    expect(strict.names).toEqual(['alone']);
  });
});
