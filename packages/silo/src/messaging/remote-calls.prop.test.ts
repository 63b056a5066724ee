import fc from 'fast-check';
import { SeededRandom } from '@gpu-bridge/testkit';
import { expect, test } from 'vitest';
import { callOf, expectNothingLeft, twoSilos, until, untilInTime } from '../testing/remote-calls-fixture.js';
import type { CallFixture, TestSilo } from '../testing/remote-calls-fixture.js';
import { MessageNetwork } from '../testing/message-network.js';
import { settled } from '../testing/silo-fixture.js';
import { FrameKind, FrameWriter, parseFrame } from './frame.js';
import type { RemoteCall } from './remote-call.js';

const MIB = 1024 * 1024;

/** Echoes its argument: as a value, as a stream of it, or as an error; at once or later. */
async function echo({ args, method }: RemoteCall): Promise<unknown> {
  const [value, turns] = args as [unknown, number];
  for (let i = 0; i < turns; i++) await settled();
  if (method === 'fail') throw new Error(failed(value));
  return method === 'stream' ? repeated(value, turns) : value;
}

const failed = (value: unknown): string => `failed with ${(value as Uint8Array).length} bytes`;

async function* repeated(value: unknown, count: number): AsyncGenerator<unknown> {
  for (let i = 0; i < count; i++) yield value;
}

async function read(reply: unknown): Promise<unknown> {
  if (typeof reply !== 'object' || reply === null || !(Symbol.asyncIterator in reply)) return reply;
  const items: unknown[] = [];
  for await (const item of reply as AsyncIterable<unknown>) items.push(item);
  return items;
}

/** What calls of every kind should come to, and what they came to. */
async function outcome({ from, to, method, bytes, turns, cancelAfter }: Plan): Promise<string> {
  const value = new Uint8Array(bytes).fill(turns);
  const controller = new AbortController();
  try {
    const reply = from.calls.call(to, callOf([value, turns], { signal: controller.signal }, method));
    if (cancelAfter !== undefined) void later(cancelAfter).then(() => controller.abort());
    const result = await read(await reply);
    const values = method === 'stream' ? (result as unknown[]) : [result];
    expect(values).toHaveLength(method === 'stream' ? turns : 1);
    // Vitest's comparison takes seconds for megabytes.
    expect(values.every((each) => each instanceof Uint8Array && Buffer.compare(each, value) === 0)).toBe(true);
    return 'result';
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    if (error instanceof Error && 'reason' in error) return 'refused';
    if (method === 'fail' && error instanceof Error && error.message === failed(value)) return 'error';
    throw error;
  }
}

async function later(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await settled();
}

interface Plan {
  readonly from: TestSilo;
  readonly to: string;
  readonly method: string;
  readonly bytes: number;
  readonly turns: number;
  readonly cancelAfter: number | undefined;
}

const plans = fc.array(
  fc.record({
    fromA: fc.boolean(),
    method: fc.constantFrom('value', 'value', 'stream', 'fail'),
    bytes: fc.constantFrom(0, 10, 10, 10_000, 300_000, 1_100_000),
    turns: fc.integer({ min: 0, max: 9 }),
    cancelAfter: fc.option(fc.nat(20), { nil: undefined, freq: 3 }),
  }),
  { minLength: 1, maxLength: 8 },
);

function start({ a, b }: CallFixture, planned: readonly (Omit<Plan, 'from' | 'to'> & { fromA: boolean })[]) {
  a.behave(echo);
  b.behave(echo);
  return planned.map(({ fromA, ...plan }) => {
    return outcome({ ...plan, from: fromA ? a : b, to: fromA ? b.address : a.address });
  });
}

test('whatever is lost, every call ends, with a right result or a reason, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.uniqueArray(fc.nat(120), { maxLength: 6 }), async (planned, lost) => {
      const fixture = await twoSilos();
      const losses = new Set(lost);
      fixture.network.loses = ({ index }) => losses.has(index);
      const calls = start(fixture, planned);
      let ended = 0;
      for (const call of calls) void call.finally(() => ended++).catch(() => undefined);
      await untilInTime(fixture.clock, () => ended === calls.length);
      const outcomes = await Promise.all(calls);
      const allowed = ['result', 'error', 'CANCELLED', 'OUTCOME_UNKNOWN', 'refused'];
      expect(outcomes.filter((each) => !allowed.includes(each))).toStrictEqual([]);
      if (lost.length === 0) expect(outcomes).not.toContain('OUTCOME_UNKNOWN');
      await expectNothingLeft(fixture.clock, fixture.a, fixture.b);
    }),
    { numRuns: 150 },
  );
});

/** Frames as they were sent in a conversation of every kind. */
async function conversation(): Promise<Uint8Array[]> {
  const fixture = await twoSilos();
  const kinds = ['value', 'stream', 'fail'];
  const planned = kinds.flatMap((method) =>
    [10, 600_000].map((bytes) => ({ fromA: true, method, bytes, turns: 6, cancelAfter: undefined })),
  );
  await Promise.all(start(fixture, planned));
  fixture.clock.advanceMs(1_000);
  for (const cancelAfter of [1, 5]) {
    await Promise.all(start(fixture, [{ fromA: true, method: 'stream', bytes: 600_000, turns: 9, cancelAfter }]));
  }
  // Something old, which is asked about.
  fixture.b.behave(() => new Promise((resolve) => void untilInTime(fixture.clock, () => false, 5_000).catch(resolve)));
  await fixture.a.calls.call(fixture.b.address, callOf([])).catch(() => undefined);
  const one = new Map<number, Uint8Array[]>();
  for (const { kind, payload } of fixture.network.sent) {
    const seen = one.get(kind) ?? [];
    if (seen.length < 4) one.set(kind, [...seen, payload]);
  }
  return [...one.values()].flat();
}

const change = fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom('set', 'cut', 'add') });
const hostile = fc.oneof(
  fc.record({ bytes: fc.uint8Array({ maxLength: 60 }) }),
  fc.record({
    frame: fc.nat(),
    kind: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined, freq: 4 }),
    id: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
    changes: fc.array(change, { maxLength: 3 }),
  }),
);

test('frames that are no frames, or changed ones, throw nothing, disturb no call and leave nothing behind', async () => {
  const frames = await conversation();
  expect(new Set(frames.map((frame) => frame[1])).size).toBeGreaterThan(12);
  // Of a silo of its own: nothing protects a call from a forger who knows its id and writes as its silo.
  const writer = new FrameWriter('x.9');
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { minLength: 1, maxLength: 30 }), plans, async (attacks, planned) => {
      const fixture = await twoSilos();
      const { a, b, network } = fixture;
      const undisturbed = planned.map((plan) => ({ ...plan, cancelAfter: undefined }));
      const calls = start(fixture, undisturbed);
      for (const attack of attacks) {
        await settled();
        network.inject(b.address, 'bytes' in attack ? attack.bytes : changed(frames, attack, writer));
      }
      const outcomes = await Promise.all(calls);
      expect(outcomes).toStrictEqual(undisturbed.map(({ method }) => (method === 'fail' ? 'error' : 'result')));
      b.calls.peerDied('x.9');
      await expectNothingLeft(fixture.clock, a, b);
      expect(fixture.logged.filter((message) => message === 'a message could not be handled')).toStrictEqual([]);
    }),
    { numRuns: 300 },
  );
});

interface ChangedFrame {
  readonly frame: number;
  readonly kind: number | undefined;
  readonly id: number | undefined;
  readonly changes: readonly { readonly at: number; readonly byte: number; readonly how: string }[];
}

function changed(frames: readonly Uint8Array[], { frame, kind, id, changes }: ChangedFrame, writer: FrameWriter) {
  const original = parseFrame(frames[frame % frames.length]!)!;
  let body = Buffer.from(original.body);
  for (const { at, byte, how } of changes) {
    const index = at % Math.min(body.length + 1, 200);
    if (how === 'set' && index < body.length) body[index] = byte;
    else if (how === 'cut') body = body.subarray(0, index);
    else body = Buffer.concat([body.subarray(0, index), Buffer.of(byte), body.subarray(index)]);
  }
  const bytes = writer.write(FrameKind.Call, id ?? original.id, body);
  bytes[1] = kind ?? original.kind;
  return bytes;
}

test('thousands of calls of every size, both ways at once, all come to what they should', async () => {
  const network = new MessageNetwork(false);
  const fixture = await twoSilos({}, network);
  const { a, b, clock } = fixture;
  a.behave(echo);
  b.behave(echo);
  const random = new SeededRandom(5);
  let started = 0;
  const outcomes = new Map<string, number>();
  const caller = async (from: TestSilo, to: string): Promise<void> => {
    while (started < 4_000) {
      const large = ++started % 25 === 0;
      const method = (['value', 'value', 'value', 'stream', 'fail'] as const)[random.below(5)]!;
      const bytes = large ? random.below(2 * MIB) : random.below(random.below(4) === 0 ? 20_000 : 200);
      const cancelAfter = random.below(10) === 0 ? random.below(10) : undefined;
      const plan = { from, to, method, bytes, turns: random.below(large ? 3 : 7), cancelAfter };
      const came = await outcome(plan);
      outcomes.set(came, (outcomes.get(came) ?? 0) + 1);
    }
  };
  const callers = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? caller(a, b.address) : caller(b, a.address)));
  let ended = false;
  void Promise.all(callers).then(() => (ended = true));
  await until(() => ended, 10_000_000);
  await Promise.all(callers);
  expect([...outcomes.keys()].sort()).toStrictEqual(['CANCELLED', 'error', 'result']);
  expect(outcomes.get('result')!).toBeGreaterThan(2_000);
  await expectNothingLeft(clock, a, b);
  expect(a.calls.getInfo().refusedMessages + b.calls.getInfo().refusedMessages).toBe(0);
});
