import type { GrainCall, GrainCallFilter, GrainContext, RequestContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { gate, grainClass, settled, startSilo } from '../testing/silo-fixture.js';

class Echo {
  constructor(private readonly context: GrainContext) {}
  async echo(value: string): Promise<string> {
    return `${value} for ${this.context.request.tenant ?? 'nobody'}`;
  }
  async fail(): Promise<void> {
    throw new Error('grain');
  }
  throws(): Promise<void> {
    throw new Error('thrown');
  }
  async *count(): AsyncGenerator<number> {
    yield 1;
  }
}
const echo = grainClass({ type: 'echo' }, (context) => new Echo(context));

function filter(direction: GrainCallFilter['direction'], invoke: GrainCallFilter['invoke']): GrainCallFilter {
  return { direction, invoke };
}

function logging(log: string[], direction: GrainCallFilter['direction'], name: string): GrainCallFilter {
  return filter(direction, async (call, next) => {
    log.push(`${name} before ${call.grain.type}/${call.grain.key}.${call.method}(${call.args.join()})`);
    try {
      return await next();
    } catch (error) {
      log.push(`${name} failed: ${String(error)}`);
      throw error;
    } finally {
      log.push(`${name} after`);
    }
  });
}

describe.each(['outgoing', 'incoming'] as const)('%s call filters', (direction) => {
  test('run around the call in the order in which they are bound, the first outermost', async () => {
    const log: string[] = [];
    const callFilters = [logging(log, direction, 'one'), logging(log, direction, 'two')];
    const { silo } = await startSilo([echo], {}, { callFilters });
    expect(await silo.getGrain(echo, 'k').echo('x')).toBe('x for nobody');
    expect(log).toEqual(['one before echo/k.echo(x)', 'two before echo/k.echo(x)', 'two after', 'one after']);
  });

  test('see what fails, and may fail a call that did not', async () => {
    const log: string[] = [];
    const refusing = filter(direction, () => {
      throw new Error('not you');
    });
    const failing = logging(log, direction, 'log');
    const { silo } = await startSilo([echo], {}, { callFilters: [failing] });
    await expect(silo.getGrain(echo, 'k').fail()).rejects.toThrow('grain');
    await expect(silo.getGrain(echo, 'k').throws()).rejects.toThrow('thrown');
    expect(log.filter((line) => line.includes('failed'))).toEqual([
      'log failed: Error: grain',
      'log failed: Error: thrown',
    ]);
    const guarded = await startSilo([echo], {}, { callFilters: [refusing] });
    await expect(guarded.silo.getGrain(echo, 'k').echo('x')).rejects.toThrow('not you');
  });

  test('may replace the context and the result', async () => {
    const seen: RequestContext[] = [];
    const replacing = filter(
      direction,
      async (call, next) => `<${String(await next({ ...call.request, tenant: 'b' }))}>`,
    );
    const looking = filter(direction, (call, next) => {
      seen.push(call.request);
      return next();
    });
    const { silo } = await startSilo([echo], {}, { callFilters: [replacing, looking] });
    const request = { tenant: 'a', deadlineNs: 1_000_000n };
    expect(await silo.getGrain(echo, 'k', request).echo('x')).toBe('<x for b>');
    expect(seen).toMatchObject([{ tenant: 'b', deadlineNs: 1_000_000n }]);
    expect(await silo.getGrain(echo, 'k').echo('y')).toBe('<y for b>');
  });

  test('go on at most once, and with nothing that is no context', async () => {
    const twice = filter(direction, async (_, next) => {
      const first = await next();
      return next().catch((e: unknown) => [first, (e as { code: string }).code]);
    });
    const { silo } = await startSilo([echo], {}, { callFilters: [twice] });
    expect(await silo.getGrain(echo, 'k').echo('x')).toEqual(['x for nobody', 'INVALID_ARGUMENT']);
    const wrong = filter(direction, (_, next) => next({ tenant: '' }));
    const other = await startSilo([echo], {}, { callFilters: [wrong] });
    await expect(other.silo.getGrain(echo, 'k').echo('x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(other.silo.getInfo().grains['echo']).toMatchObject({ servedCalls: 0, runningCalls: 0 });
  });

  test('pass async iterables through', async () => {
    const { silo } = await startSilo([echo], {}, { callFilters: [filter(direction, (_, next) => next())] });
    const read: number[] = [];
    for await (const n of await silo.getGrain(echo, 'k').count()) read.push(n);
    expect(read).toEqual([1]);
  });

  test('that are none are refused', async () => {
    const bad = [null, {}, { direction: 'sideways', invoke: () => undefined }, { direction }] as never[];
    for (const callFilter of bad)
      await expect(startSilo([echo], {}, { callFilters: [callFilter] })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
  });
});

describe('the place of filters', () => {
  test('outgoing filters run outside, where the call is made; incoming ones within the turn', async () => {
    const log: string[] = [];
    const calls: GrainCall[] = [];
    const entered = filter('incoming', (call, next) => {
      calls.push(call);
      log.push(`in ${String(call.args[0])}`);
      return next();
    });
    const left = filter('outgoing', (call, next) => {
      log.push(`out ${String(call.args[0])}`);
      return next();
    });
    const hold = gate();
    class Slow {
      async work(name: string): Promise<void> {
        log.push(`turn ${name}`);
        await hold.passed;
      }
    }
    const slow = grainClass({ type: 'slow' }, () => new Slow());
    const { silo } = await startSilo([slow], {}, { callFilters: [entered, left] });
    const both = [silo.getGrain(slow, 'k').work('a'), silo.getGrain(slow, 'k').work('b')];
    await settled();
    expect(log).toEqual(['out a', 'in a', 'turn a', 'out b']);
    hold.open();
    await Promise.all(both);
    expect(log.slice(4)).toEqual(['in b', 'turn b']);
    expect(calls.map(({ grain, method }) => [grain, method])).toEqual([
      [{ type: 'slow', key: 'k' }, 'work'],
      [{ type: 'slow', key: 'k' }, 'work'],
    ]);
  });

  test('a deadline or a signal that an outgoing filter adds holds for the call', async () => {
    const limiting = filter('outgoing', (call, next) => next({ ...call.request, signal: AbortSignal.abort() }));
    const { silo } = await startSilo([echo], {}, { callFilters: [limiting] });
    await expect(silo.getGrain(echo, 'k').echo('x')).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('an incoming filter that waits holds its turn, and the next call', async () => {
    const hold = gate();
    const waiting = filter('incoming', async (_, next) => {
      await hold.passed;
      return next();
    });
    const { silo } = await startSilo([echo], {}, { callFilters: [waiting] });
    const both = [silo.getGrain(echo, 'k', { tenant: 'a' }).echo('x'), silo.getGrain(echo, 'k').echo('y')];
    await settled();
    expect(silo.getInfo().grains['echo']).toMatchObject({ runningCalls: 1, waitingCalls: 1 });
    hold.open();
    expect(await Promise.all(both)).toEqual(['x for a', 'y for nobody']);
  });
});
