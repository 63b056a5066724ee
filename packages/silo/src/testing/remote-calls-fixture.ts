import type { GrainId, Logger, RequestContext } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { expect } from 'vitest';
import type { RemoteCall } from '../messaging/remote-call.js';
import { RemoteCalls } from '../messaging/remote-calls.js';
import type { RemoteCallsOptions } from '../messaging/remote-calls-options.js';
import { MessageNetwork } from './message-network.js';
import { settled } from './silo-fixture.js';

/** What a test's grains do with a call. */
type Behaviour = (call: RemoteCall, from: string) => unknown;

/** A reference as a test makes it. */
export class TestReference {
  constructor(readonly id: GrainId) {}
}

/** One silo's end of the calls. */
export interface TestSilo {
  readonly address: string;
  readonly calls: RemoteCalls;
  readonly suspected: string[];
  behave(behaviour: Behaviour): void;
}

export interface CallFixture {
  readonly clock: FakeClock;
  readonly network: MessageNetwork;
  readonly logged: string[];
  readonly a: TestSilo;
  readonly b: TestSilo;
  readonly silo: (address: string, options?: RemoteCallsOptions) => Promise<TestSilo>;
}

/** Two silos, `a.1` and `b.1`, and the messages between them. */
export async function twoSilos(options?: RemoteCallsOptions, network = new MessageNetwork()): Promise<CallFixture> {
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = (message: string): void => void logged.push(message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const silo = async (address: string, own = options): Promise<TestSilo> => {
    let behaviour: Behaviour = ({ args }) => args[0];
    const suspected: string[] = [];
    const calls = new RemoteCalls(
      {
        clock,
        logger,
        receiver: { receive: async (call, from) => behaviour(call, from) },
        references: {
          toId: (value) => (value instanceof TestReference ? { grain: value.id } : undefined),
          fromId: (id) => new TestReference(id),
        },
        suspect: (suspect) => void suspected.push(suspect),
      },
      own,
    );
    await calls.listen(network.port(), address);
    return { address, calls, suspected, behave: (next) => void (behaviour = next) };
  };
  return { clock, network, logged, a: await silo('a.1'), b: await silo('b.1'), silo };
}

export function callOf(args: readonly unknown[], request: RequestContext = {}, method = 'run'): RemoteCall {
  return { grain: { type: 'test', key: 'k' }, method, args, request, fencingToken: 0, placed: false };
}

/** Waits for a condition that needs no time to pass, only messages and promises. */
export async function until(condition: () => boolean, turns = 20_000): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn >= turns) throw new Error(`still not: ${condition.toString()}`);
    await settled();
  }
}

/** As {@link until}, while time passes too, a quarter of a second at a time. */
export async function untilInTime(clock: FakeClock, condition: () => boolean, limitMs = 120_000): Promise<void> {
  for (let passedMs = 0; !condition(); passedMs += 250) {
    if (passedMs >= limitMs) throw new Error(`still not after ${limitMs} ms: ${condition.toString()}`);
    for (let turn = 0; turn < 20 && !condition(); turn++) await settled();
    clock.advanceMs(250);
  }
}

/** Nothing is left of any call, on any silo. */
export async function expectNothingLeft(clock: FakeClock, ...silos: TestSilo[]): Promise<void> {
  const rest = (): unknown[] =>
    silos.map(({ calls }) => {
      const { pending, served, transfers, reassemblyBytes } = calls.getInfo();
      return { pending, served, transfers, reassemblyBytes };
    });
  const nothing = { pending: 0, served: 0, transfers: 0, reassemblyBytes: 0 };
  await untilInTime(clock, () => rest().every((each) => JSON.stringify(each) === JSON.stringify(nothing))).catch(() => {
    expect(rest()).toStrictEqual(silos.map(() => nothing));
  });
  // The tick that found nothing schedules no other.
  for (let i = 0; i < 4; i++) {
    clock.advanceMs(1_000);
    await settled();
  }
  expect(clock.pending).toBe(0);
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string; details?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code?: string; details?: unknown };
  }
  throw new Error('it did not fail');
}
