import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuPlacementStrategy, SiloCandidate } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { TestPlacement, cpuOf, deviceOf, siloOf } from '../testing/silos.js';
import { CapacityPlacementDirector } from './capacity-placement-director.js';

const target = { type: 'gpu-batch', key: 'scale' };
const full = { placedCalls: 100 };

interface Asked {
  readonly strategy?: Partial<GpuPlacementStrategy>;
  readonly tenant?: string;
  readonly times?: number;
}

/** The silos chosen in so many placements; the fallbacks that were told. */
function placed(candidates: readonly SiloCandidate[], asked: Asked = {}) {
  const { strategy = {}, tenant, times = 1 } = asked;
  const context = new TestPlacement(candidates);
  const director = new CapacityPlacementDirector();
  context.tenant = tenant;
  const chosen = new Set<string>();
  for (let i = 0; i < times; i++) {
    chosen.add(director.onAddActivation({ director: 'gpu', ...strategy }, target, context));
  }
  return { silos: [...chosen].sort(), fallbacks: context.fallbacks };
}

function chosen(candidates: readonly SiloCandidate[], asked?: Asked): readonly string[] {
  return placed(candidates, { times: 40, ...asked }).silos;
}

function refusal(candidates: readonly SiloCandidate[], strategy: Partial<GpuPlacementStrategy> = {}): GpuBridgeError {
  try {
    placed(candidates, { strategy });
  } catch (error) {
    if (GpuBridgeError.is(error)) return error;
    throw error;
  }
  throw new Error('was placed');
}

describe('which devices fit', () => {
  it('those of the wanted type; without one, any that is no CPU while there is one', () => {
    const silos = [siloOf('a', [cpuOf()], { isLocal: true }), siloOf('b', [cpuOf(), deviceOf()])];
    expect(chosen(silos)).toEqual(['b']);
    expect(chosen(silos, { strategy: { deviceType: 'gpu' } })).toEqual(['b']);
    expect(chosen(silos, { strategy: { deviceType: 'cpu' } })).toEqual(['a']);
    expect(chosen([siloOf('c', [deviceOf({ type: 'accelerator' })]), ...silos.slice(0, 1)])).toEqual(['c']);
  });

  it('those of the wanted id, whatever their health: their silo finds a substitute', () => {
    const silos = [
      siloOf('a', [deviceOf()], { isLocal: true }),
      siloOf('b', [deviceOf({ deviceId: 'cuda:1', health: 'quarantined' })]),
    ];
    expect(chosen(silos, { strategy: { device: 'cuda:1' } })).toEqual(['b']);
    expect(refusal(silos, { device: 'cuda:2' })).toMatchObject({
      code: 'DEVICE_NOT_FOUND',
      details: { wanted: 'cuda:2', known: ['a/cuda:0', 'b/cuda:1 (quarantined)'] },
    });
  });

  it('those that offer every capability', () => {
    const strategy = { deviceType: 'gpu', capabilities: ['f64', 'i64'] } as const;
    const silos = [siloOf('a', [deviceOf({ offers: ['f64'] })]), siloOf('b', [deviceOf({ offers: ['i64', 'f64'] })])];
    expect(chosen(silos, { strategy })).toEqual(['b']);
    expect(refusal(silos.slice(0, 1), strategy).code).toBe('DEVICE_NOT_FOUND');
  });

  it('those that have the kernels loaded, if any has them', () => {
    const silos = [siloOf('a', [deviceOf({ kernels: [] })], { isLocal: true }), siloOf('b', [deviceOf()])];
    expect(chosen(silos, { strategy: { kernels: ['scale'] } })).toEqual(['b']);
    expect(chosen(silos, { strategy: { kernels: ['typo'] } })).toEqual(['a']);
  });

  it('never those that are quarantined or closed, and late those that are suspect or restarting', () => {
    const sick = (['quarantined', 'closed'] as const).map((health) => siloOf(health, [deviceOf({ health })]));
    const late = siloOf('late', [deviceOf({ health: 'restarting' })]);
    const busy = siloOf('busy', [deviceOf({ queueUse: 0.99, utilisation: 1, oldestInFlightMs: 5_000 })], {
      placedCalls: 99,
    });
    expect(chosen([...sick, late, busy], { times: 200 })).toEqual(['busy']);
    expect(chosen([...sick, late])).toEqual(['late']);
    expect(refusal(sick).code).toBe('DEVICE_NOT_FOUND');
  });
});

describe('the CPU as the last resort', () => {
  const cpu = siloOf('c', [cpuOf()]);

  it('does it when no silo has what is wanted, and that is told', () => {
    expect(placed([cpu], { strategy: { deviceType: 'gpu' } })).toEqual({ silos: ['c'], fallbacks: ['gpu c'] });
  });

  it('does what the device silo has no room for, and that is told', () => {
    expect(placed([siloOf('g', [deviceOf()], { placedCalls: 99 }), cpu])).toEqual({ silos: ['g'], fallbacks: [] });
    expect(placed([siloOf('g', [deviceOf()], full), cpu])).toEqual({ silos: ['c'], fallbacks: ['gpu c'] });
    expect(placed([siloOf('g', [deviceOf({ queueUse: 1 })]), cpu]).fallbacks).toEqual(['gpu c']);
    expect(placed([siloOf('g', [deviceOf({ health: 'quarantined' })]), cpu]).fallbacks).toEqual(['gpu c']);
  });

  it('is no fallback where there is nothing else and nothing else was wanted', () => {
    expect(placed([cpu]).fallbacks).toEqual([]);
    expect(placed([cpu], { strategy: { fallback: 'refuse' } })).toEqual({ silos: ['c'], fallbacks: [] });
    expect(placed([cpu], { strategy: { deviceType: 'cpu' } }).fallbacks).toEqual([]);
  });

  it('is not used by a strategy that refuses it: absent is DEVICE_NOT_FOUND, full is SILO_BUSY', () => {
    const strategy = { deviceType: 'gpu', fallback: 'refuse' } as const;
    expect(refusal([cpu], strategy).code).toBe('DEVICE_NOT_FOUND');
    const busy = refusal([siloOf('g', [deviceOf()], full), cpu], strategy);
    expect(busy).toMatchObject({ code: 'SILO_BUSY', details: { siloId: 'g' } });
    expect(refusal([siloOf('g', [deviceOf()], full), cpu], { fallback: 'refuse' }).code).toBe('SILO_BUSY');
  });

  it('is SILO_BUSY when it is full too, with a time to wait', () => {
    const error = refusal([siloOf('g', [deviceOf()], full), siloOf('c', [cpuOf()], full)], { deviceType: 'gpu' });
    if (!GpuBridgeError.is(error, 'SILO_BUSY')) throw error;
    expect(error.details.retryAfterNs).toBeGreaterThan(0n);
  });
});

describe('room', () => {
  it('is arena, queue and placed calls', () => {
    const strategy = { arenaBytes: 1_000 };
    const silos = [
      siloOf('a', [deviceOf({ freeArenaBytes: 999 })]),
      siloOf('b', [deviceOf({ queueUse: 1.2 })]),
      siloOf('c', [deviceOf()], full),
      siloOf('d', [deviceOf({ freeArenaBytes: 1_000 })], { placedCalls: 99 }),
    ];
    expect(chosen(silos, { strategy })).toEqual(['d']);
  });

  it('of one device of a silo is enough', () => {
    const silo = siloOf('a', [deviceOf({ queueUse: 1 }), deviceOf({ deviceId: 'cuda:1', oldestInFlightMs: 9_000 })]);
    expect(chosen([silo])).toEqual(['a']);
  });
});

describe('which silo', () => {
  const half = { placedCalls: 50 };

  /** Shares of a thousand placements. */
  function shares(candidates: readonly SiloCandidate[], strategy: Partial<GpuPlacementStrategy> = {}) {
    const context = new TestPlacement(candidates);
    const director = new CapacityPlacementDirector();
    const counts: Record<string, number> = {};
    for (let i = 0; i < 1_000; i++) {
      const siloId = director.onAddActivation({ director: 'gpu', ...strategy }, target, context);
      counts[siloId] = (counts[siloId] ?? 0) + 1 / 1_000;
    }
    return counts;
  }

  it('is left to chance, in favour of those that take more calls and are less loaded', () => {
    const { a, b, c } = shares([
      siloOf('a', [deviceOf()], { placedCallLimit: 300 }),
      siloOf('b', [deviceOf()]),
      siloOf('c', [deviceOf()], { placedCalls: 80 }),
    ]);
    // 300 to 100 to 76, since the load of the last counts half.
    expect(a).toBeGreaterThan(0.56);
    expect(b).toBeLessThan(0.27);
    expect(c).toBeLessThan(b!);
  });

  it.each([{ queueUse: 0.5 }, { oldestInFlightMs: 1_000 }, { utilisation: 1 }])(
    'is less often one with %o',
    (figures) => {
      const { a, b } = shares([siloOf('a', [deviceOf()]), siloOf('b', [deviceOf(figures)])]);
      expect(a).toBeGreaterThan(b! + 0.02);
    },
  );

  it('is none that is loaded by far more than another', () => {
    const stuck = deviceOf({ queueUse: 0.9, oldestInFlightMs: 5_000, utilisation: 1 });
    expect(shares([siloOf('a', [deviceOf()]), siloOf('b', [stuck])])).toEqual({ a: expect.closeTo(1) as unknown });
  });

  it('is the one with the datasets, unless it is much more loaded', () => {
    const strategy = { datasets: ['prices@3', 'rates@1'] };
    const all = [deviceOf({ datasets: ['prices@3', 'rates@1'] })];
    const some = siloOf('b', [deviceOf({ datasets: ['prices@3'] })]);
    expect(chosen([siloOf('a', all), some], { strategy })).toEqual(['a']);
    expect(chosen([some, siloOf('c', [deviceOf({ datasets: ['prices@2'] })])], { strategy })).toEqual(['b']);
    expect(chosen([siloOf('a', all, { placedCalls: 90 }), some], { strategy })).toEqual(['a', 'b']);
  });

  it('is the own one while it is good enough', () => {
    const others = [siloOf('b', [deviceOf()]), siloOf('c', [deviceOf()])];
    expect(chosen([siloOf('a', [deviceOf()], { isLocal: true, placedCalls: 40 }), ...others])).toEqual(['a']);
    expect(chosen([siloOf('a', [deviceOf()], { isLocal: true, placedCalls: 99 }), ...others])).toContain('b');
    const busy = others.map((silo) => ({ ...silo, ...half }));
    expect(chosen([siloOf('a', [deviceOf()], { isLocal: true, placedCalls: 90 }), ...busy])).toEqual(['a']);
  });

  it('looks at no other silo when the own one has a free device', () => {
    const other = siloOf('b', []);
    Object.defineProperty(other, 'devices', {
      get: () => {
        throw new Error('looked at');
      },
    });
    expect(chosen([siloOf('a', [deviceOf()], { isLocal: true }), other])).toEqual(['a']);
  });

  it('is the same for all calls of a tenant, from wherever, while it has room and affinity is asked for', () => {
    const silos = ['a', 'b', 'c', 'd'].map((id) => siloOf(id, [deviceOf()]));
    const strategy = { tenantAffinity: true };
    const homes = ['acme', 'beta', 'corp', 'dent', 'east'].map((tenant) => chosen(silos, { strategy, tenant }));
    for (const home of homes) expect(home).toHaveLength(1);
    expect(new Set(homes.flat()).size).toBeGreaterThan(1);
    const fromElsewhere = silos.map((silo) => ({ ...silo, isLocal: silo.siloId === 'd' }));
    expect(chosen(fromElsewhere, { strategy, tenant: 'acme' })).toEqual(homes[0]);
    const crowded = silos.map((silo) => (silo.siloId === homes[0]![0] ? { ...silo, ...full } : silo));
    expect(chosen(crowded, { strategy, tenant: 'acme' })).not.toEqual(homes[0]);
    expect(chosen(silos, { tenant: 'acme' })).toHaveLength(4);
  });
});
