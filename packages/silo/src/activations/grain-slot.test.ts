import type { GrainContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { Recorder, gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';

describe('turns of a keyed grain', () => {
  test('run one at a time, in the order of the calls', async () => {
    const log: string[] = [];
    const gates = { a: gate() };
    const recorder = grainClass({}, () => new Recorder(log, gates));
    const { silo } = await startSilo([recorder]);
    const grain = silo.getGrain(recorder, 'k');
    const calls = [grain.work('a'), grain.work('b'), grain.work('c')];
    await settled();
    expect(log).toEqual(['a starts']);
    expect(silo.getInfo().waitingCalls).toBe(2);
    gates.a.open();
    expect(await Promise.all(calls)).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });

  test('interleave at awaits when the grain is reentrant', async () => {
    const log: string[] = [];
    const gates = { a: gate() };
    const recorder = grainClass({ reentrant: true }, () => new Recorder(log, gates));
    const { silo } = await startSilo([recorder]);
    const grain = silo.getGrain(recorder, 'k');
    const a = grain.work('a');
    await grain.work('b');
    gates.a.open();
    await a;
    expect(log).toEqual(['a starts', 'b starts', 'b ends', 'a ends']);
  });

  test('of different keys do not wait for each other', async () => {
    const log: string[] = [];
    const gates = { a: gate() };
    const recorder = grainClass({}, () => new Recorder(log, gates));
    const { silo } = await startSilo([recorder]);
    const a = silo.getGrain(recorder, 'one').work('a');
    expect(await silo.getGrain(recorder, 'two').work('b')).toBe('b');
    gates.a.open();
    await a;
  });

  test('go on after one failed, by a throw or a rejection', async () => {
    class Failing {
      throws(): Promise<void> {
        throw new Error('thrown');
      }
      async rejects(): Promise<void> {
        throw new Error('rejected');
      }
      async works(): Promise<number> {
        return 1;
      }
    }
    const failing = grainClass({}, () => new Failing());
    const { silo } = await startSilo([failing]);
    const grain = silo.getGrain(failing, 'k');
    const results = await Promise.allSettled([grain.throws(), grain.rejects(), grain.throws(), grain.works()]);
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value : (r.reason as Error).message))).toEqual([
      'thrown',
      'rejected',
      'thrown',
      1,
    ]);
  });

  test('end when an async iterable is handed out, not when it is read', async () => {
    class Numbers {
      async *count(): AsyncGenerator<number> {
        yield 1;
        yield 2;
      }
      async other(): Promise<string> {
        return 'ran';
      }
    }
    const numbers = grainClass({}, () => new Numbers());
    const { silo } = await startSilo([numbers]);
    const grain = silo.getGrain(numbers, 'k');
    const iterable = await grain.count();
    expect(await grain.other()).toBe('ran');
    const read: number[] = [];
    for await (const n of iterable) read.push(n);
    expect(read).toEqual([1, 2]);
  });

  test('that end at once do not let a queued call overtake', async () => {
    const order: number[] = [];
    class Immediate {
      mark(n: number): AsyncIterable<never> {
        order.push(n);
        return (async function* () {})();
      }
    }
    const hold = gate();
    const immediate = grainClass({}, () => Object.assign(new Immediate(), { onActivate: () => hold.passed }));
    const { silo } = await startSilo([immediate]);
    const grain = silo.getGrain(immediate, 'k');
    const calls = Array.from({ length: 100 }, (_, n) => grain.mark(n));
    hold.open();
    await Promise.all(calls);
    expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  test('are refused with GRAIN_BUSY beyond the limit of waiting calls', async () => {
    const gates = { a: gate() };
    const recorder = grainClass({}, () => new Recorder([], gates));
    const { silo } = await startSilo([recorder], { callQueueLimit: 2 });
    const grain = silo.getGrain(recorder, 'k');
    const accepted = [grain.work('a'), grain.work('b'), grain.work('c')];
    await expect(grain.work('d')).rejects.toMatchObject({
      code: 'GRAIN_BUSY',
      details: { grain: 'test/k', waitingCalls: 2, retryAfterNs: expect.any(BigInt) as bigint },
    });
    gates.a.open();
    expect(await Promise.all(accepted)).toEqual(['a', 'b', 'c']);
  });
});

describe('activation', () => {
  test('is shared by concurrent first calls', async () => {
    const hold = gate();
    let made = 0;
    class Slow {
      onActivate(): Promise<void> {
        made++;
        return hold.passed;
      }
      async which(): Promise<number> {
        return made;
      }
    }
    const slow = grainClass({}, () => new Slow());
    const { silo } = await startSilo([slow]);
    const grain = silo.getGrain(slow, 'k');
    const calls = [grain.which(), grain.which(), silo.getGrain(slow, 'k').which()];
    hold.open();
    expect(await Promise.all(calls)).toEqual([1, 1, 1]);
  });

  test('that fails in onActivate fails the calls that wait, and leaves nothing', async () => {
    let attempts = 0;
    class Fragile {
      async onActivate(): Promise<void> {
        if (++attempts === 1) throw new Error('not yet');
      }
      async hello(): Promise<string> {
        return 'hello';
      }
    }
    const fragile = grainClass({}, () => new Fragile());
    const { silo } = await startSilo([fragile]);
    const grain = silo.getGrain(fragile, 'k');
    const results = await Promise.allSettled([grain.hello(), grain.hello()]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(silo.getInfo()).toMatchObject({ activations: 0, waitingCalls: 0 });
    expect(await grain.hello()).toBe('hello');
  });

  test('that fails in its constructor fails the call', async () => {
    const broken = grainClass<{ hello(): Promise<void> }>({}, () => {
      throw new Error('no');
    });
    const { silo } = await startSilo([broken]);
    await expect(silo.getGrain(broken, 'k').hello()).rejects.toThrow('no');
    expect(silo.getInfo().activations).toBe(0);
  });

  test('knows its identity and can call other grains', async () => {
    class Echo {
      constructor(private readonly context: GrainContext) {}
      async describe(): Promise<string> {
        return `${this.context.id.type}/${this.context.id.key} in ${this.context.siloId}`;
      }
      ask(other: string): Promise<string> {
        return this.context.grainFactory.getGrain(echo, other).describe();
      }
    }
    const echo = grainClass({ type: 'echo' }, (context) => new Echo(context));
    const { silo } = await startSilo([echo]);
    expect(await silo.getGrain(echo, 'a').ask('b')).toBe('echo/b in silo-a');
  });
});

describe('a stateless worker', () => {
  test('has up to maxLocal activations per key, and its calls wait for the first that is free', async () => {
    const log: string[] = [];
    const gates = { a: gate(), b: gate() };
    let made = 0;
    const worker = grainClass({ kind: 'stateless-worker', maxLocal: 2 }, () => {
      made++;
      return new Recorder(log, gates);
    });
    const { silo } = await startSilo([worker]);
    const grain = silo.getGrain(worker, 'k');
    const a = grain.work('a');
    const b = grain.work('b');
    const c = grain.work('c');
    await settled();
    expect(log).toEqual(['a starts', 'b starts']);
    gates.b.open();
    await Promise.all([b, c]);
    expect(log).toEqual(['a starts', 'b starts', 'b ends', 'c starts', 'c ends']);
    gates.a.open();
    await a;
    expect(made).toBe(2);
  });

  test('takes an idle activation before it makes another', async () => {
    let made = 0;
    const worker = grainClass({ kind: 'stateless-worker', maxLocal: 8 }, () => {
      made++;
      return new Recorder([]);
    });
    const { silo } = await startSilo([worker]);
    for (const name of ['a', 'b', 'c']) await silo.getGrain(worker, 'k').work(name);
    expect(made).toBe(1);
  });

  test('serves waiting calls from a healthy activation when another fails to activate', async () => {
    const log: string[] = [];
    const gates = { a: gate() };
    const secondActivation = gate();
    let made = 0;
    class Worker extends Recorder {
      private readonly nth = ++made;
      async onActivate(): Promise<void> {
        if (this.nth === 2) await secondActivation.passed;
      }
    }
    const worker = grainClass({ kind: 'stateless-worker', maxLocal: 2 }, () => new Worker(log, gates));
    const { silo } = await startSilo([worker]);
    const grain = silo.getGrain(worker, 'k');
    const a = grain.work('a');
    await settled();
    const b = grain.work('b');
    secondActivation.fail(new Error('no second worker'));
    await settled();
    gates.a.open();
    expect(await Promise.all([a, b])).toEqual(['a', 'b']);
  });

  test('spreads interleaving calls over its activations when it is reentrant', async () => {
    const gates = { a: gate(), b: gate(), c: gate() };
    const served: number[] = [];
    let made = 0;
    class Worker extends Recorder {
      private readonly nth = ++made;
      override work(name: string): Promise<string> {
        served.push(this.nth);
        return super.work(name);
      }
    }
    const worker = grainClass({ kind: 'stateless-worker', maxLocal: 2, reentrant: true }, () => new Worker([], gates));
    const { silo } = await startSilo([worker]);
    const grain = silo.getGrain(worker, 'k');
    const calls = [grain.work('a'), grain.work('b'), grain.work('c')];
    expect(served).toEqual([1, 2, 1]);
    for (const each of Object.values(gates)) each.open();
    await Promise.all(calls);
  });
});
