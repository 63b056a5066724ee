import type { GrainContext, ReminderTick } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { Silo } from '../silo/silo.js';
import { startCluster } from '../testing/silo-cluster-fixture.js';
import { gate, grainClass, silentServices } from '../testing/silo-fixture.js';

interface Where {
  readonly siloId: string;
  readonly fencingToken: number;
}

class Keyed {
  readonly ticks: ReminderTick[] = [];
  constructor(readonly context: GrainContext) {}
  async where(): Promise<Where> {
    const { siloId, fencingToken } = this.context;
    return { siloId, fencingToken };
  }
  async echo(value: unknown): Promise<unknown> {
    return value;
  }
  async fail(): Promise<void> {
    throw new TypeError('as intended');
  }
  async add(n: number): Promise<number> {
    const value = Number((await this.context.storage.read()) ?? 0) + n;
    await this.context.storage.write(value);
    return value;
  }
  async call(other: { where(): Promise<Where> }): Promise<Where> {
    return other.where();
  }
  async *count(upTo: number): AsyncIterable<number> {
    for (let i = 0; i < upTo; i++) yield i;
  }
  async remind(): Promise<void> {
    await this.context.reminders.register('soon', { dueMs: 1_000 });
  }
  async ticked(): Promise<readonly ReminderTick[]> {
    return this.ticks;
  }
  async receiveReminder(_name: string, tick: ReminderTick): Promise<void> {
    this.ticks.push(tick);
  }
}

const keyed = grainClass({ type: 'keyed', placement: { director: 'hash' } }, (context) => new Keyed(context));
const counter = grainClass(
  { type: 'counter', persistent: true, placement: { director: 'hash' } },
  (context) => new Keyed(context),
);
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

describe('keyed grains of a cluster', () => {
  test('are active once, wherever they are called from', async () => {
    const { silos, until, stop } = await startCluster([[keyed], [keyed], [keyed]]);
    const hosts = new Set<string>();
    for (const key of KEYS) {
      const answers = await until(Promise.all(silos.map((silo) => silo.getGrain(keyed, key).where())));
      expect(new Set(answers.map(({ siloId }) => siloId)).size, key).toBe(1);
      expect(new Set(answers.map(({ fencingToken }) => fencingToken)).size, key).toBe(1);
      hosts.add(answers[0]!.siloId);
    }
    expect(hosts.size).toBeGreaterThan(1);
    expect(silos.reduce((sum, silo) => sum + silo.getInfo().activations, 0)).toBe(KEYS.length);
    await stop();
  });

  test('take plain data and references, and answer with values, errors and streams', async () => {
    const { silos, until, stop } = await startCluster([[], [keyed]]);
    const grain = silos[0]!.getGrain(keyed, 'a');
    const value = { n: 1n, x: new Float32Array([1, 2]), none: undefined };
    expect(await until(grain.echo(value))).toEqual(value);
    await expect(until(grain.fail())).rejects.toMatchObject({ name: 'TypeError', message: 'as intended' });
    expect(await until(grain.call(silos[0]!.getGrain(keyed, 'b')))).toMatchObject({ siloId: 'silo-1' });
    const numbers: number[] = [];
    const reading = (async () => {
      for await (const n of await grain.count(20)) numbers.push(n);
    })();
    await until(reading);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await stop();
  });

  test('are not found where nobody hosts their type, and found once somebody does', async () => {
    const { silos, until, stop } = await startCluster([[], [keyed]]);
    const other = silos[0]!.getGrain<Keyed>({ options: { type: 'other' } }, 'a');
    await expect(until(other.where())).rejects.toMatchObject({
      code: 'GRAIN_NOT_FOUND',
      details: { known: ['keyed'] },
    });
    expect(await until(silos[0]!.getGrain<Keyed>({ options: { type: 'keyed' } }, 'a').where())).toMatchObject({
      siloId: 'silo-1',
    });
    await stop();
  });

  test('move to another silo when theirs stops, with a higher token and their state', async () => {
    const { silos, until, stop } = await startCluster([[counter], [counter]]);
    const first = await until(silos[0]!.getGrain(counter, 'a').where());
    expect(await until(silos[0]!.getGrain(counter, 'a').add(2))).toBe(2);
    const [host, other] = first.siloId === 'silo-0' ? [silos[0]!, silos[1]!] : [silos[1]!, silos[0]!];
    await until(host.stop());
    expect(await until(other.getGrain(counter, 'a').add(3))).toBe(5);
    const second = await until(other.getGrain(counter, 'a').where());
    expect(second.siloId).not.toBe(first.siloId);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    await stop();
  });

  test('are called again when every silo that hosts them is gone for a while', async () => {
    const { silos, clock, cluster, until, run, stop } = await startCluster([[], [keyed]]);
    const grain = silos[0]!.getGrain<Keyed>({ options: { type: 'keyed' } }, 'a');
    expect(await until(grain.where())).toMatchObject({ siloId: 'silo-1' });
    await until(silos[1]!.stop());
    let settled = false;
    const called = grain.where().finally(() => (settled = true));
    await run(5_000);
    expect(settled).toBe(false);
    const { logger } = silentServices([]);
    const back = new Silo({ clock, logger, grainClasses: [keyed], port: cluster.port() }, { siloId: 'silo-1' });
    await until(back.start());
    expect(await until(called)).toMatchObject({ siloId: 'silo-1' });
    await until(back.stop());
    await expect(until(grain.where())).rejects.toMatchObject({ code: 'GRAIN_NOT_FOUND' });
    await stop();
  });

  test('are not waited for by the last silo that hosts them, when it drains', async () => {
    const held = gate();
    class Held {
      constructor(private readonly context: GrainContext) {}
      async callOther(): Promise<Where> {
        await held.passed;
        return this.context.grainFactory.getGrain(keyed, 'b').where();
      }
    }
    const holding = grainClass({ type: 'holding' }, (context) => new Held(context));
    const { silos, clock, run, until, stop } = await startCluster([[keyed, holding]]);
    const called = expect(silos[0]!.getGrain(holding, 'a').callOther()).rejects.toMatchObject({
      code: 'DRAINING',
    });
    await run(10);
    const stopped = stop();
    await run(10);
    const startMs = clock.nowMs();
    held.open();
    await until(called);
    await stopped;
    expect(clock.nowMs() - startMs).toBeLessThan(1_000);
  });

  test('get the reminders they asked for', async () => {
    const { silos, until, run, stop } = await startCluster([[keyed], [keyed]]);
    const grain = silos[0]!.getGrain(keyed, 'a');
    await until(grain.remind());
    await run(500);
    expect(await until(grain.ticked())).toEqual([]);
    await run(1_000);
    expect(await until(grain.ticked())).toHaveLength(1);
    await stop();
  });
});

describe('stateless workers of a cluster', () => {
  class Worker {
    constructor(private readonly siloId: string) {}
    async work(): Promise<string> {
      return this.siloId;
    }
  }
  const pool = grainClass({ type: 'pool', kind: 'stateless-worker' }, ({ siloId }) => new Worker(siloId));

  test('run where their caller is, unless only others host them', async () => {
    const { silos, until, stop } = await startCluster([[pool], [pool], []]);
    expect(await until(silos[1]!.getGrain(pool, 'k').work())).toBe('silo-1');
    expect(['silo-0', 'silo-1']).toContain(await until(silos[2]!.getGrain(pool, 'k').work()));
    await stop();
  });

  test('answer on the silo that their key names, however full it is, and nowhere else', async () => {
    const placement = { director: 'named-silo', fallback: 'refuse' } as const;
    const asked = grainClass(
      { type: 'asked', kind: 'stateless-worker', placement },
      ({ siloId }) => new Worker(siloId),
    );
    const { silos, until, run, stop } = await startCluster([[asked], [asked]], { placedCallLimit: 1 });
    for (const { siloId } of silos)
      expect(await until(Promise.all([1, 2, 3].map(() => silos[0]!.getGrain(asked, siloId).work())))).toEqual(
        Array(3).fill(siloId),
      );
    expect(silos[1]!.getInfo().placedCalls).toEqual({ running: 0, refused: 0 });
    await expect(until(silos[0]!.getGrain(asked, 'silo-9').work())).rejects.toMatchObject({ code: 'SILO_UNREACHABLE' });
    expect(silos[0]!.silos()).toMatchObject([
      { siloId: 'silo-0', state: 'active', seenAgoMs: 0 },
      { siloId: 'silo-1', state: 'active' },
    ]);
    await until(silos[1]!.stop());
    await run(10);
    expect(silos[0]!.silos().map(({ siloId }) => siloId)).toEqual(['silo-0']);
    expect(silos[0]!.lost()).toEqual([]);
    await expect(until(silos[0]!.getGrain(asked, 'silo-1').work())).rejects.toMatchObject({ code: 'SILO_UNREACHABLE' });
    await stop();
  });

  test('are placed with every call by a director that says so, and go elsewhere when a silo is full', async () => {
    const release = gate();
    class Slow extends Worker {
      override async work(): Promise<string> {
        await release.passed;
        return super.work();
      }
    }
    const placement = { director: 'random' };
    const slow = grainClass({ type: 'slow', kind: 'stateless-worker', placement }, ({ siloId }) => new Slow(siloId));
    const { silos, until, run, stop } = await startCluster([[slow], [slow], []], { placedCallLimit: 2 });
    const grain = silos[2]!.getGrain(slow, 'k');
    const calls = Array.from({ length: 4 }, () => grain.work());
    await run(10);
    expect(silos.map((silo) => silo.getInfo().placedCalls.running)).toEqual([2, 2, 0]);
    await expect(until(grain.work())).rejects.toMatchObject({ code: 'SILO_BUSY' });
    release.open();
    expect((await until(Promise.all(calls))).sort()).toEqual(['silo-0', 'silo-0', 'silo-1', 'silo-1']);
    expect(silos.map((silo) => silo.getInfo().placedCalls.running)).toEqual([0, 0, 0]);
    await stop();
  });
});
