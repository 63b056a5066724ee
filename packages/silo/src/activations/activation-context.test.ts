import { AsyncLocalStorage } from 'node:async_hooks';
import type { GrainContext, RequestContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';
import type { Gate } from '../testing/silo-fixture.js';

const MS = 1_000_000n;

/** Says what request it sees, before and after an `await`. */
class Seer {
  constructor(
    readonly context: GrainContext,
    private readonly gates: Readonly<Record<string, Gate>> = {},
  ) {}
  async see(hold = ''): Promise<(string | undefined)[]> {
    const before = this.context.request.tenant;
    await this.gates[hold]?.passed;
    return [before, this.context.request.tenant];
  }
  async glance(): Promise<string | undefined> {
    return this.context.request.tenant;
  }
  async glanceAndCall(other: () => Promise<unknown>): Promise<(string | undefined)[]> {
    const before = this.context.request.tenant;
    void other();
    return [before, this.context.request.tenant];
  }
}

describe('context.request', () => {
  test('is that of the turn until it ends, also of a call that waited; empty outside', async () => {
    const gates = { a: gate() };
    let context: GrainContext | undefined;
    const seer = grainClass({}, (given) => new Seer((context = given), gates));
    const { silo } = await startSilo([seer]);
    const of = (tenant: string) => silo.getGrain(seer, 'k', { tenant });
    const calls = [of('one').see('a'), of('two').see(), silo.getGrain(seer, 'k').see()];
    gates.a.open();
    expect(await Promise.all(calls)).toEqual([
      ['one', 'one'],
      ['two', 'two'],
      [undefined, undefined],
    ]);
    expect(context?.request).toEqual({});
    await expect(of('three').see()).resolves.toEqual(['three', 'three']);
    expect(context?.request).toEqual({});
  });

  test('in a reentrant grain is that of the turn up to the first await, and empty after it', async () => {
    const gates = { a: gate() };
    const seer = grainClass({ reentrant: true }, (context) => new Seer(context, gates));
    const { silo } = await startSilo([seer]);
    const of = (tenant: string) => silo.getGrain(seer, 'k', { tenant });
    const calls = [of('one').see('a'), of('two').see()];
    gates.a.open();
    expect(await Promise.all(calls)).toEqual([
      ['one', undefined],
      ['two', undefined],
    ]);
    // A call of itself, made and begun within the turn.
    expect(await of('outer').glanceAndCall(() => of('inner').glance())).toEqual(['outer', 'outer']);
  });

  test('in an interleaving method is its own up to the first await, and leaves that of the other turn alone', async () => {
    const gates = { a: gate() };
    const options = { interleaving: ['glance', 'glanceAndCall'] };
    const seer = grainClass(options, (context) => new Seer(context, gates));
    const { silo } = await startSilo([seer]);
    const of = (tenant: string) => silo.getGrain(seer, 'k', { tenant });
    const long = of('one').see('a');
    expect(await of('two').glance()).toBe('two');
    gates.a.open();
    expect(await long).toEqual(['one', 'one']);
    // An exclusive turn that begins within the interleaved one.
    let exclusive: Promise<unknown> | undefined;
    expect(await of('three').glanceAndCall(() => (exclusive = of('four').see()))).toEqual(['three', 'three']);
    expect(await exclusive).toEqual(['four', 'four']);
  });

  test('is found without asynchronous context, whatever storage the caller is in', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seer = grainClass({}, (context) => new Seer(context));
    const { silo } = await startSilo([seer]);
    const grain = silo.getGrain(seer, 'k', { tenant: 'mine' });
    expect(await storage.run('theirs', () => grain.see())).toEqual(['mine', 'mine']);
  });

  test('can be passed on, wholly or in part, with the limits it has', async () => {
    class Relay {
      constructor(private readonly context: GrainContext) {}
      async pass(key: string, how: (request: RequestContext) => RequestContext): Promise<unknown> {
        return this.context.grainFactory.getGrain(target, key, how(this.context.request)).hang();
      }
    }
    const seen: RequestContext[] = [];
    class Target {
      constructor(private readonly context: GrainContext) {}
      hang(): Promise<never> {
        seen.push({ ...this.context.request });
        return new Promise(() => undefined);
      }
    }
    const relay = grainClass({ type: 'relay', reentrant: true }, (context) => new Relay(context));
    const target = grainClass({ type: 'target' }, (context) => new Target(context));
    const { silo, clock } = await startSilo([relay, target]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const sent: RequestContext = {
      tenant: 'a',
      traceparent,
      deadlineNs: 5n * MS,
      signal: new AbortController().signal,
    };
    const caller = silo.getGrain(relay, 'k', sent);
    const calls = [
      caller.pass('whole', (request) => request),
      caller.pass('part', (request) => ({ ...request, tenant: 'b' })),
      caller.pass('nothing', () => ({})),
    ].map((call) => call.catch((e: unknown) => (e as { code: string }).code));
    expect(seen.map(({ tenant, deadlineNs }) => [tenant, deadlineNs])).toEqual([
      ['a', 5n * MS],
      ['b', 5n * MS],
      [undefined, undefined],
    ]);
    clock.advanceMs(5);
    await settled();
    expect(seen.map(({ signal }) => signal?.aborted)).toEqual([true, true, undefined]);
    expect(await Promise.all(calls)).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  });
});

describe('what a silo without a cluster gives its grains', () => {
  class Plain {
    constructor(readonly context: GrainContext) {}
    async token(): Promise<number> {
      return this.context.fencingToken;
    }
    async use(what: 'storage' | 'reminders'): Promise<void> {
      void this.context[what];
    }
    async leave(): Promise<void> {
      this.context.deactivateOnIdle();
    }
  }
  class Reminded extends Plain {
    async receiveReminder(): Promise<void> {}
  }

  test('is a fencing token that rises with every activation, and 0 to stateless workers', async () => {
    const keyed = grainClass({ type: 'keyed' }, (context) => new Plain(context));
    const worker = grainClass({ type: 'worker', kind: 'stateless-worker' }, (context) => new Plain(context));
    const { silo } = await startSilo([keyed, worker]);
    const first = await silo.getGrain(keyed, 'a').token();
    const other = await silo.getGrain(keyed, 'b').token();
    await silo.getGrain(keyed, 'a').leave();
    const second = await silo.getGrain(keyed, 'a').token();
    expect(first).toBeGreaterThan(0);
    expect(other).toBeGreaterThan(first);
    expect(second).toBeGreaterThan(other);
    expect(await silo.getGrain(worker, 'a').token()).toBe(0);
  });

  test('is no storage and no reminder; to classes that cannot have them, the mistake is theirs', async () => {
    const able = grainClass({ type: 'able', persistent: true }, (context) => new Reminded(context));
    const unable = grainClass({ type: 'unable' }, (context) => new Plain(context));
    const { silo } = await startSilo([able, unable]);
    for (const what of ['storage', 'reminders'] as const) {
      await expect(silo.getGrain(able, 'k').use(what)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      await expect(silo.getGrain(unable, 'k').use(what)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(
      (silo.getGrain(able, 'k') as unknown as { receiveReminder(): Promise<void> }).receiveReminder(),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
