import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { RequestContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { CallRefused } from '../routing/call-refused.js';
import {
  TestReference,
  callOf,
  expectNothingLeft,
  failure,
  twoSilos,
  until,
  untilInTime,
} from '../testing/remote-calls-fixture.js';
import { gate, settled } from '../testing/silo-fixture.js';
import { FrameKind } from './frame.js';
import type { RemoteCall } from './remote-call.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const floats = (bytes: number): Float32Array => Float32Array.from({ length: bytes / 4 }, (_, i) => i * 0.5);

async function* once(value: unknown): AsyncGenerator<unknown> {
  yield value;
}

describe('a call', () => {
  test('carries grain, method, arguments, token and context, and brings its result back', async () => {
    const { a, b, clock } = await twoSilos();
    let received: { call: RemoteCall; from: string } | undefined;
    b.behave((call, from) => {
      received = { call, from };
      return { sum: 3n, parts: [undefined, null, -0] };
    });
    const call: RemoteCall = {
      ...callOf([1, 'x', undefined, new Float32Array([1, 2])]),
      ...{ grain: { type: 'vehicles', key: 'süd/7' }, method: 'move', fencingToken: 2 ** 40, placed: true },
      request: { tenant: 't', traceparent: '00-a-b-01', tracestate: 'v=1' },
    };
    expect(await a.calls.call(b.address, call)).toStrictEqual({ sum: 3n, parts: [undefined, null, -0] });
    expect(received?.from).toBe('a.1');
    const { signal, ...request } = received!.call.request;
    expect({ ...received!.call, request }).toStrictEqual(call);
    expect(signal?.aborted).toBe(false);
    await expectNothingLeft(clock, a, b);
  });

  test('takes grain references in arguments and results', async () => {
    const { a, b } = await twoSilos();
    const reference = new TestReference({ type: 'other', key: '1' });
    expect(await a.calls.call(b.address, callOf([{ to: [reference, reference] }]))).toStrictEqual({
      to: [reference, reference],
    });
  });

  test('begins in the order in which calls were made', async () => {
    const { a, b } = await twoSilos();
    const seen: unknown[] = [];
    b.behave(({ args }) => void seen.push(args[0]));
    await Promise.all(Array.from({ length: 100 }, (_, i) => a.calls.call(b.address, callOf([i]))));
    expect(seen).toStrictEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('may be changed by its caller once it was made', async () => {
    const { a, b } = await twoSilos();
    const array = floats(2 * MIB);
    const result = a.calls.call(b.address, callOf([array]));
    array.fill(-1);
    expect(await result).toStrictEqual(floats(2 * MIB));
  });

  test('with an argument that cannot travel is refused by its path, and sends nothing', async () => {
    const { a, b, network, clock } = await twoSilos();
    const error = await failure(a.calls.call(b.address, callOf([0, { columns: { x: () => 1 } }])));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field: 'args[1].columns.x' });
    expect(network.sent).toStrictEqual([]);
    await expectNothingLeft(clock, a, b);
  });

  test('with a result that cannot travel fails by its path', async () => {
    const { a, b, clock } = await twoSilos();
    b.behave(() => ({ a: [new Map()] }));
    const error = await failure(a.calls.call(b.address, callOf([])));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field: 'result.a[0]' });
    await expectNothingLeft(clock, a, b);
  });

  test('before a silo listens, or after it closed, is refused as not run', async () => {
    const { a, b } = await twoSilos();
    await a.calls.close();
    await a.calls.close();
    const error = await failure(a.calls.call(b.address, callOf([])));
    expect(error).toBeInstanceOf(CallRefused);
    expect((error as CallRefused).reason.code).toBe('CLUSTER_UNAVAILABLE');
  });
});

describe('errors', () => {
  const errorOf = async (thrown: unknown): Promise<Error & { code?: string; details?: unknown }> => {
    const { a, b, clock } = await twoSilos();
    b.behave(() => {
      throw thrown;
    });
    const error = await failure(a.calls.call(b.address, callOf([])));
    await expectNothingLeft(clock, a, b);
    return error;
  };

  test('of ours keep code, message, details and advice', async () => {
    const details = { grain: 't/k', waitingCalls: 3, retryAfterNs: 5n };
    const error = await errorOf(new GpuBridgeError('GRAIN_BUSY', details, 'too many wait'));
    expect(GpuBridgeError.is(error, 'GRAIN_BUSY') && error).toMatchObject({
      ...{ details, message: 'GRAIN_BUSY: too many wait', retry: 'same-device' },
    });
  });

  test('keep the details that can travel, and say of others what they were', async () => {
    const error = await errorOf(GpuBridgeError.invalidArgument('x', new Map(), 'a number'));
    expect(error.details).toStrictEqual({ field: 'x', value: '[object Map]', expected: 'a number' });
    const large = await errorOf(GpuBridgeError.invalidArgument('x', floats(64 * KIB), 'a number'));
    expect(large.details).toStrictEqual({ field: 'x', value: '[object Float32Array]', expected: 'a number' });
  });

  test('that say the call did not run still say so', async () => {
    const reason = new GpuBridgeError('GRAIN_MOVED', { grain: 't/k', siloId: 'c.1' }, 'moved');
    const error = await errorOf(new CallRefused(reason));
    expect(error).toBeInstanceOf(CallRefused);
    expect((error as CallRefused).reason).toMatchObject({ code: 'GRAIN_MOVED', details: reason.details });
  });

  test('of others arrive as errors with name, message and stack as text, and nothing else', async () => {
    class ParseError extends Error {
      override readonly name = 'ParseError';
      readonly secret = 'hidden';
    }
    const error = await errorOf(new ParseError('line 3'));
    expect(error).toMatchObject({ name: 'ParseError', message: 'line 3' });
    expect(error.cause).toMatch(/^on b\.1: [^]*remote-calls\.test/);
    expect(Object.keys(error)).not.toContain('secret');
  });

  test('that are no errors arrive as errors', async () => {
    expect((await errorOf('a text')).message).toBe('a text');
    expect(await errorOf({ any: 'thing' })).toBeInstanceOf(Error);
    expect(await errorOf(undefined)).toBeInstanceOf(Error);
    const hostile = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    expect((await errorOf(hostile)).message).toBe('an error that cannot be told');
  });

  test('of a newer version keep their code as text', async () => {
    const error = await errorOf(new GpuBridgeError('TOO_NEW' as 'DRAINING', { what: 'x' }, 'from the future'));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'GpuBridgeError', message: 'TOO_NEW: from the future' });
    expect(GpuBridgeError.is(error)).toBe(false);
  });
});

describe('cancellation', () => {
  test('fails the call at once, and aborts the signal at the grain', async () => {
    const { a, b, clock } = await twoSilos();
    let remote: AbortSignal | undefined;
    const work = gate();
    b.behave(({ request }) => {
      remote = request.signal;
      return work.passed;
    });
    const controller = new AbortController();
    const result = a.calls.call(b.address, callOf([], { signal: controller.signal }));
    await until(() => remote !== undefined);
    controller.abort();
    expect((await failure(result)).code).toBe('CANCELLED');
    await until(() => remote!.aborted);
    expect(GpuBridgeError.is(remote!.reason, 'CANCELLED')).toBe(true);
    expect(b.calls.getInfo().served).toBe(1);
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('of a signal among the arguments does the same', async () => {
    const { a, b, clock } = await twoSilos();
    let remote: AbortSignal | undefined;
    b.behave(async ({ args }) => {
      remote = (args[0] as { signal: AbortSignal }).signal;
      await new Promise((resolve) => remote!.addEventListener('abort', resolve));
    });
    const controller = new AbortController();
    const result = a.calls.call(b.address, callOf([{ signal: controller.signal }]));
    await until(() => remote !== undefined);
    expect(remote).toBeInstanceOf(AbortSignal);
    controller.abort();
    expect((await failure(result)).code).toBe('CANCELLED');
    await expectNothingLeft(clock, a, b);
  });

  test('before the call was made sends nothing', async () => {
    const { a, b, network } = await twoSilos();
    const error = await failure(a.calls.call(b.address, callOf([], { signal: AbortSignal.abort() })));
    expect(error.code).toBe('CANCELLED');
    expect(error.details).toStrictEqual({ what: 'call test/k.run' });
    expect(network.sent).toStrictEqual([]);
  });

  test('while a large argument is on its way ends the transfer', async () => {
    const { a, b, clock, network } = await twoSilos();
    let ran = 0;
    b.behave(() => void ran++);
    network.loses = ({ kind }) => kind === FrameKind.Chunk && a.calls.getInfo().pending === 0;
    const controller = new AbortController();
    const result = a.calls.call(b.address, callOf([floats(4 * MIB)], { signal: controller.signal }));
    await until(() => network.sent.some(({ kind }) => kind === FrameKind.Chunk));
    controller.abort();
    expect((await failure(result)).code).toBe('CANCELLED');
    await until(() => b.calls.getInfo().reassemblyBytes === 0);
    await expectNothingLeft(clock, a, b);
    expect(ran).toBe(0);
  });

  test('while a large result is on its way ends the transfer', async () => {
    const { a, b, clock, network } = await twoSilos();
    b.behave(() => floats(8 * MIB));
    const controller = new AbortController();
    const result = a.calls.call(b.address, callOf([], { signal: controller.signal }));
    await until(() => network.sent.filter(({ kind }) => kind === FrameKind.Chunk).length > 5);
    controller.abort();
    expect((await failure(result)).code).toBe('CANCELLED');
    await expectNothingLeft(clock, a, b);
    expect(network.sent.filter(({ kind }) => kind === FrameKind.Chunk).length).toBeLessThan(20);
  });

  test('puts one listener on a signal, however many calls it is for, and none when they are over', async () => {
    const { a, b } = await twoSilos();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    const calls = Array.from({ length: 50 }, () => a.calls.call(b.address, callOf([1], { signal })));
    expect(listeners).toBe(1);
    await Promise.all(calls);
    expect(listeners).toBe(0);
  });

  test('that comes after the answer changes nothing', async () => {
    const { a, b, clock } = await twoSilos();
    const controller = new AbortController();
    expect(await a.calls.call(b.address, callOf([1], { signal: controller.signal }))).toBe(1);
    controller.abort();
    await expectNothingLeft(clock, a, b);
  });
});

describe('deadlines', () => {
  test('travel as the time that is left, and fail the call when they pass', async () => {
    const { a, b, clock } = await twoSilos();
    clock.advanceMs(1_000);
    let remote: RequestContext | undefined;
    const work = gate();
    b.behave(({ request }) => {
      remote = request;
      return work.passed;
    });
    const deadlineNs = clock.nowNs() + 50_000_000n;
    const result = a.calls.call(b.address, callOf([], { deadlineNs }));
    await until(() => remote !== undefined);
    expect(remote!.deadlineNs).toBe(deadlineNs);
    clock.advanceMs(49);
    await settled();
    expect(a.calls.getInfo().pending).toBe(1);
    clock.advanceMs(6);
    const error = await failure(result);
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(error.details).toStrictEqual({ what: 'call test/k.run', deadlineNs });
    // Where it runs, its deadline is seen to by its own silo.
    expect(remote!.signal!.aborted).toBe(false);
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('that have passed send nothing', async () => {
    const { a, b, clock, network } = await twoSilos();
    clock.advanceMs(10);
    const error = await failure(a.calls.call(b.address, callOf([], { deadlineNs: clock.nowNs() })));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(network.sent).toStrictEqual([]);
  });

  test('of many calls pass in their order', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    b.behave(() => work.passed);
    const ended: number[] = [];
    for (const ms of [300, 20, 100, 3_600_000, 7]) {
      const call = callOf([], { deadlineNs: clock.nowNs() + BigInt(ms) * 1_000_000n });
      a.calls.call(b.address, call).catch(() => ended.push(ms));
    }
    await clock.runFor(400_000_000n);
    await settled();
    expect(ended).toStrictEqual([7, 20, 100, 300]);
    work.open();
    await expectNothingLeft(clock, a, b);
    expect(ended).toHaveLength(4);
  });
});

describe('silos that are full, stopping, away or dead', () => {
  test('a full silo refuses with SILO_BUSY, before anything runs', async () => {
    const { a, b, clock } = await twoSilos({ maxServedCalls: 2 });
    const work = gate();
    let ran = 0;
    b.behave(() => {
      ran++;
      return work.passed;
    });
    const first = [a.calls.call(b.address, callOf([])), a.calls.call(b.address, callOf([]))];
    const error = await failure(a.calls.call(b.address, callOf([])));
    expect((error as CallRefused).reason).toMatchObject({ code: 'SILO_BUSY', details: { siloId: 'b' } });
    const large = await failure(a.calls.call(b.address, callOf([floats(4 * MIB)])));
    expect((large as CallRefused).reason.code).toBe('SILO_BUSY');
    expect(ran).toBe(2);
    work.open();
    await Promise.all(first);
    await expectNothingLeft(clock, a, b);
  });

  test('a draining silo refuses new calls, and finishes those it has', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    b.behave(async () => {
      await work.passed;
      return 'done';
    });
    const running = a.calls.call(b.address, callOf([]));
    await until(() => b.calls.getInfo().served === 1);
    let drained = false;
    const draining = b.calls.drain().then(() => (drained = true));
    const error = await failure(a.calls.call(b.address, callOf([])));
    expect((error as CallRefused).reason.code).toBe('DRAINING');
    // It may still call others itself.
    expect(await b.calls.call(a.address, callOf([5]))).toBe(5);
    expect(drained).toBe(false);
    work.open();
    expect(await running).toBe('done');
    await draining;
    await expectNothingLeft(clock, a, b);
  });

  test('an address where nobody listens is suspected, and its call did not run', async () => {
    const { a, b, clock } = await twoSilos();
    for (const args of [[1], [floats(4 * MIB)]]) {
      const error = await failure(a.calls.call('gone.1', callOf(args)));
      expect(error).toBeInstanceOf(CallRefused);
      expect((error as CallRefused).reason).toMatchObject({ code: 'SILO_UNREACHABLE', details: { siloId: 'gone' } });
    }
    expect(a.suspected).toStrictEqual(['gone.1', 'gone.1']);
    await expectNothingLeft(clock, a, b);
  });

  test('a silo that died leaves calls of unknown outcome, and what it had asked for is cancelled', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    const signals: AbortSignal[] = [];
    const behaviour = ({ request }: RemoteCall): Promise<void> => {
      signals.push(request.signal!);
      return work.passed;
    };
    a.behave(behaviour);
    b.behave(behaviour);
    const mine = a.calls.call(b.address, callOf([]));
    void failure(b.calls.call(a.address, callOf([])));
    await until(() => signals.length === 2);
    await b.calls.close();
    a.calls.peerDied(b.address);
    const error = await failure(mine);
    expect(error.code).toBe('OUTCOME_UNKNOWN');
    expect(error.details).toStrictEqual({ grain: 'test/k', method: 'run', siloId: 'b' });
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('a call whose arguments had not left completely when the silo died did not run', async () => {
    const { a, b, clock, network } = await twoSilos();
    const result = a.calls.call(b.address, callOf([floats(8 * MIB)]));
    await until(() => network.sent.some(({ kind }) => kind === FrameKind.Chunk));
    a.calls.peerDied(b.address);
    const error = await failure(result);
    expect((error as CallRefused).reason.code).toBe('SILO_UNREACHABLE');
    await b.calls.close();
    await expectNothingLeft(clock, a, b);
  });

  test('what a silo that died had sent in part is dropped at once', async () => {
    const { a, b, clock, network } = await twoSilos();
    void failure(a.calls.call(b.address, callOf([floats(8 * MIB)])));
    await until(() => b.calls.getInfo().reassemblyBytes > 0);
    network.loses = () => true;
    await a.calls.close();
    b.calls.peerDied(a.address);
    expect(b.calls.getInfo()).toMatchObject({ transfers: 0, reassemblyBytes: 0 });
    await expectNothingLeft(clock, a, b);
  });

  test('calls without a signal share one of their caller, which aborts when it dies', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    const signals = new Map<unknown, AbortSignal | undefined>();
    b.behave(({ args, request }) => {
      signals.set(args[0], request.signal);
      return args[0] === 'before' ? undefined : work.passed;
    });
    const { signal } = new AbortController();
    await a.calls.call(b.address, callOf(['before']));
    void failure(a.calls.call(b.address, callOf(['plain'])));
    void failure(a.calls.call(b.address, callOf(['with signal'], { signal })));
    void failure(a.calls.call(b.address, callOf(['with argument', signal])));
    await until(() => signals.size === 4);
    expect(signals.get('plain')).toBe(signals.get('before'));
    expect(new Set(signals.values()).size).toBe(3);
    await a.calls.close();
    b.calls.peerDied(a.address);
    expect([...signals.values()].map((each) => each?.aborted)).toStrictEqual([true, true, true, true]);
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('closing fails what waits, and tells callers of what ran here', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    a.behave(() => work.passed);
    b.behave(() => work.passed);
    const [outgoing, incoming] = [a.calls.call(b.address, callOf([])), b.calls.call(a.address, callOf([]))];
    await until(() => a.calls.getInfo().served === 1 && b.calls.getInfo().served === 1);
    await a.calls.close();
    expect((await failure(outgoing)).code).toBe('OUTCOME_UNKNOWN');
    expect((await failure(incoming)).code).toBe('OUTCOME_UNKNOWN');
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('a silo that joined anew answers at its new address only', async () => {
    const { a, b, clock, network } = await twoSilos();
    const work = gate();
    b.behave(async () => {
      await work.passed;
      return 'late';
    });
    const before = failure(a.calls.call(b.address, callOf([])));
    await until(() => b.calls.getInfo().served === 1);
    await a.calls.listen(network.port(), 'a.2');
    expect((await before).code).toBe('OUTCOME_UNKNOWN');
    work.open();
    expect(await a.calls.call(b.address, callOf([]))).toBe('late');
    await expectNothingLeft(clock, a, b);
  });
});

describe('large messages', () => {
  test.each([
    ['just below a chunk', 256 * KIB - 64],
    ['just above a chunk', 256 * KIB + 4],
    ['of several chunks', 3 * MIB + 4],
  ])('%s go there and back whole', async (_, bytes) => {
    const { a, b, clock, network } = await twoSilos();
    const array = floats(bytes);
    expect(await a.calls.call(b.address, callOf([array]))).toStrictEqual(array);
    expect(network.sent.every(({ payload }) => payload.byteLength <= 256 * KIB + 200)).toBe(true);
    await expectNothingLeft(clock, a, b);
  });

  test('have four chunks under way at most', async () => {
    const { a, b, network } = await twoSilos();
    let [sent, granted, most] = [0, 0, 0];
    network.loses = ({ kind, from }) => {
      if (kind === FrameKind.Chunk && from === 'a.1') most = Math.max(most, ++sent - granted);
      if (kind === FrameKind.Grant && from === 'b.1' && sent > 0) granted++;
      return false;
    };
    b.behave(() => undefined);
    await a.calls.call(b.address, callOf([floats(5 * MIB)]));
    expect(most).toBe(4);
  });

  test('of one peer are put together within its limit, and all arrive', async () => {
    const { a, b, clock, network } = await twoSilos({ maxMessageBytes: 3 * MIB });
    let most = 0;
    network.loses = () => {
      most = Math.max(most, b.calls.getInfo().reassemblyBytes);
      return false;
    };
    b.behave(({ args }) => (args[0] as Float32Array).length);
    const sizes = Array.from({ length: 12 }, (_, i) => MIB + i * 4);
    const results = await Promise.all(sizes.map((bytes) => a.calls.call(b.address, callOf([floats(bytes)]))));
    expect(results).toStrictEqual(sizes.map((bytes) => bytes / 4));
    expect(most).toBeGreaterThan(MIB);
    expect(most).toBeLessThanOrEqual(3 * MIB);
    await expectNothingLeft(clock, a, b);
  });

  test('beyond the limit are refused where they are made, and where they would arrive', async () => {
    const { a, b, clock, silo } = await twoSilos({ maxMessageBytes: MIB });
    expect((await failure(a.calls.call(b.address, callOf([floats(2 * MIB)])))).code).toBe('INVALID_ARGUMENT');
    b.behave(() => floats(2 * MIB));
    expect((await failure(a.calls.call(b.address, callOf([])))).code).toBe('INVALID_ARGUMENT');
    const c = await silo('c.1', { maxMessageBytes: 4 * MIB });
    expect((await failure(c.calls.call(b.address, callOf([floats(2 * MIB)])))).code).toBe('INVALID_ARGUMENT');
    await expectNothingLeft(clock, a, b, c);
  });

  test.each([
    ['a call', FrameKind.Call],
    ['a result', FrameKind.Result],
    ['an item of a stream', FrameKind.Item],
  ])('are waited for however long they take: %s', async (_, kind) => {
    const { a, b, clock, network } = await twoSilos();
    const array = floats(3 * MIB);
    b.behave(({ args }) => (kind === FrameKind.Item ? once(args[0] ?? array) : (args[0] ?? array)));
    const reply = a.calls.call(b.address, callOf(kind === FrameKind.Call ? [array] : []));
    const read = reply.then(async (value) => {
      if (kind !== FrameKind.Item) return value;
      return (await (value as AsyncIterableIterator<unknown>).next()).value as unknown;
    });
    await until(() => network.sent.some((message) => message.kind === FrameKind.Chunk));
    // Everything is slow, and old enough to be asked about, again and again.
    for (let i = 0; i < 3; i++) {
      network.hold();
      clock.advanceMs(4_000);
      network.flow();
      await settled();
      await settled();
    }
    expect(await read).toStrictEqual(array);
    if (kind === FrameKind.Item) await (await (reply as Promise<AsyncIterator<unknown>>)).return?.();
    await expectNothingLeft(clock, a, b);
  });

  test('go on after what was granted was lost', async () => {
    const { a, b, clock, network } = await twoSilos();
    let grants = 0;
    network.loses = ({ kind }) => kind === FrameKind.Grant && grants++ < 3;
    let length: unknown;
    b.behave(({ args }) => (args[0] as Float32Array).length);
    void a.calls.call(b.address, callOf([floats(MIB)])).then((result) => (length = result));
    await untilInTime(clock, () => length !== undefined, 9_000);
    expect(length).toBe(MIB / 4);
    await expectNothingLeft(clock, a, b);
  });

  test('fit into a port with small payloads', async () => {
    const { a, b, network, clock } = await twoSilos();
    await b.calls.listen(network.port(2_000), 'b.2');
    await a.calls.listen(network.port(2_000), 'a.2');
    const arrays = [100 * KIB, 10_000, 20_000, 40, 10_004].map((bytes) => floats(bytes));
    const echoes = await Promise.all(arrays.map((array) => a.calls.call('b.2', callOf([array]))));
    expect(echoes).toStrictEqual(arrays);
    await expectNothingLeft(clock, a, b);
  });
});

describe('lost messages', () => {
  const kinds = [FrameKind.Call, FrameKind.Result];

  test.each(kinds)('of kind %s end the call with an unknown outcome, and the silo goes on', async (lost) => {
    const { a, b, clock, network } = await twoSilos();
    network.loses = ({ kind }) => kind === lost;
    const result = failure(a.calls.call(b.address, callOf([1])));
    let ended = false;
    void result.then(() => (ended = true));
    await untilInTime(clock, () => ended, 10_000);
    expect((await result).code).toBe('OUTCOME_UNKNOWN');
    network.loses = () => false;
    expect(await a.calls.call(b.address, callOf([2]))).toBe(2);
    await expectNothingLeft(clock, a, b);
  });

  test('do not end a call that only takes long', async () => {
    const { a, b, clock } = await twoSilos();
    const work = gate();
    b.behave(() => work.passed);
    const result = a.calls.call(b.address, callOf([]));
    for (let i = 0; i < 60; i++) {
      clock.advanceMs(1_000);
      await settled();
      await settled();
    }
    expect(a.calls.getInfo().pending).toBe(1);
    work.open();
    await result;
    await expectNothingLeft(clock, a, b);
  });

  test('of every kind, for a minute, end the call with an unknown outcome', async () => {
    const { a, b, clock, network } = await twoSilos();
    const work = gate();
    b.behave(() => work.passed);
    let ended: Error | undefined;
    void failure(a.calls.call(b.address, callOf([]))).then((error) => (ended = error));
    await until(() => b.calls.getInfo().served === 1);
    network.loses = ({ from }) => from === b.address;
    for (let i = 0; i < 58; i++) {
      clock.advanceMs(1_000);
      await settled();
    }
    expect(ended).toBeUndefined();
    await untilInTime(clock, () => ended !== undefined, 10_000);
    expect(ended).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    network.loses = () => false;
    work.open();
    await expectNothingLeft(clock, a, b);
  });

  test('a chunk that was lost on the way there means that the call did not run', async () => {
    const { a, b, clock, network } = await twoSilos();
    let ran = 0;
    b.behave(() => void ran++);
    let chunks = 0;
    network.loses = ({ kind }) => kind === FrameKind.Chunk && ++chunks === 3;
    const error = await failure(a.calls.call(b.address, callOf([floats(4 * MIB)])));
    expect((error as CallRefused).reason.code).toBe('SILO_UNREACHABLE');
    expect(ran).toBe(0);
    await expectNothingLeft(clock, a, b);
  });

  test('cancellations that were lost are made up for', async () => {
    const { a, b, clock, network } = await twoSilos();
    let remote: AbortSignal | undefined;
    b.behave(async ({ request }) => {
      remote = request.signal!;
      await new Promise((resolve) => remote!.addEventListener('abort', resolve));
    });
    network.loses = ({ kind }) => kind === FrameKind.Cancel;
    const controller = new AbortController();
    const result = a.calls.call(b.address, callOf([], { signal: controller.signal }));
    await until(() => remote !== undefined);
    controller.abort();
    await failure(result);
    await untilInTime(clock, () => remote!.aborted, 10_000);
    await expectNothingLeft(clock, a, b);
  });
});
