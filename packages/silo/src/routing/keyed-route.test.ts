import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { RequestContext } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { expect, test } from 'vitest';
import { GrainMethod } from '../activations/grain-method.js';
import { PlacementResolver } from '../placement/placement-resolver.js';
import { builtInDirectors } from '../placement/built-in-directors.js';
import { CapacityLedger } from '../placement/capacity-ledger.js';
import { silentServices } from '../testing/silo-fixture.js';
import { CallRefused } from './call-refused.js';
import { KeyedRoute } from './keyed-route.js';

const unknown = new GpuBridgeError('OUTCOME_UNKNOWN', { grain: 'test/k', method: 'run', siloId: 'b' }, 'its silo died');
const unreachable = new CallRefused(
  new GpuBridgeError('SILO_UNREACHABLE', { siloId: 'b', reason: 'nobody listens' }, 'nobody listens'),
);
const notFound = new GpuBridgeError('GRAIN_NOT_FOUND', { grain: 'test', known: [] }, 'nobody hosts it');

/** A route to silos that answer one try after the other, the last answer repeated; `place` chooses them. */
function routeTo(
  answers: Error[],
  { place = (): string => 'b.1', hasLeft = false, lookUp = (): Promise<undefined> => Promise.resolve(undefined) } = {},
) {
  const clock = new FakeClock();
  const { logger } = silentServices([]);
  const figures = { siloId: 'a', capacity: new CapacityLedger(1), devices: () => [], activations: () => 0 };
  const resolver = new PlacementResolver({ ...figures, clock, logger, directors: builtInDirectors() });
  const made: string[] = [];
  const route = new KeyedRoute(
    { type: 'test', key: 'k' },
    { type: 'test', keyed: true, placement: resolver.resolve('placement'), idempotent: 'all', remoteForms: undefined },
    undefined,
    {
      siloId: 'a',
      clock,
      membership: { address: 'a.1', find: () => undefined, suspect: () => undefined },
      directory: { cached: () => undefined, lookUp, forget: () => undefined },
      placement: { choose: place },
      calls: {
        call: (to) => {
          made.push(to);
          return Promise.reject(answers[Math.min(made.length, answers.length) - 1]!);
        },
      },
      giveUpMs: 3_000,
      hasLeft: () => hasLeft,
    },
  );
  const call = async (request: RequestContext = {}): Promise<unknown> => {
    const outcome = route.call(new GrainMethod('test', 'run'), [], request).catch((error: unknown) => error);
    await clock.runFor(5_000_000_000n);
    return outcome;
  };
  return { call, made };
}

test('a call that no silo takes fails with the reason of the last one', async () => {
  const { call, made } = routeTo([unreachable]);
  expect(await call()).toBe(unreachable.reason);
  expect(made.length).toBeGreaterThan(3);
});

test('a repeated call that may have run fails as such, although its last try was refused', async () => {
  const { call, made } = routeTo([unknown, unreachable]);
  expect(await call()).toBe(unknown);
  expect(made.length).toBeGreaterThan(3);
});

test('a repeated call that may have run fails as such, although nobody is left to place it on', async () => {
  let placed = 0;
  const place = (): string => {
    if (++placed > 1) throw notFound;
    return 'b.1';
  };
  const { call, made } = routeTo([unknown], { place });
  expect(await call()).toBe(unknown);
  expect(made).toHaveLength(1);
});

test('a silo that has left its cluster does not look for another silo', async () => {
  const { call, made } = routeTo([unreachable], { hasLeft: true });
  expect(await call()).toBe(unreachable.reason);
  expect(made).toHaveLength(1);
});

test('a call waits for an engine that does not answer no longer than its request lasts', async () => {
  const never = (): Promise<undefined> => new Promise(() => undefined);
  const { call, made } = routeTo([unreachable], { lookUp: never });
  expect(await call({ deadlineNs: 300_000_000n })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  const given = new AbortController();
  queueMicrotask(() => given.abort());
  expect(await call({ signal: given.signal })).toMatchObject({ code: 'CANCELLED' });
  expect(made).toEqual([]);
});
