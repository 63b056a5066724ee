import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainId, ReminderTick } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import type { MemberOptions, SiloFixture } from '../testing/cluster-fixture.js';
import { gate } from '../testing/silo-fixture.js';
import { nextDueAtMs } from './reminder-record.js';
import { Reminders } from './reminders.js';

const GRAIN: GrainId = { type: 'test', key: 'k' };

interface Delivery {
  readonly siloId: string;
  readonly grain: string;
  readonly name: string;
  readonly dueAtMs: number;
}

class RemindersFixture {
  readonly fixture = new ClusterFixture();
  readonly delivered: Delivery[] = [];
  /** What a delivery does; the test may have it fail or hang. */
  deliver: (siloId: string, tick: ReminderTick) => Promise<void> = () => Promise.resolve();

  async silo(siloId: string, options?: MemberOptions): Promise<{ silo: SiloFixture; reminders: Reminders }> {
    const silo = await this.fixture.join(siloId, options);
    const reminders = new Reminders({
      port: silo.seenPort,
      membership: silo.membership,
      clock: silo.clock,
      logger: this.fixture.logger,
      deliver: async ({ type, key }, name, tick) => {
        this.delivered.push({ siloId, grain: `${type}/${key}`, name, dueAtMs: tick.dueAtMs });
        await this.deliver(siloId, tick);
      },
    });
    await reminders.start();
    await this.fixture.settle();
    return { silo, reminders };
  }

  dueTimes(): number[] {
    return this.delivered.map(({ dueAtMs }) => dueAtMs);
  }
}

describe('Reminders', () => {
  test('calls once per period and reminder, whichever silo does it', async () => {
    const all = new RemindersFixture();
    const silos = [await all.silo('a'), await all.silo('b'), await all.silo('c')];
    const startMs = all.fixture.clock.wallMs();
    for (let n = 0; n < 30; n++) {
      const { reminders } = silos[n % 3]!;
      await reminders.forGrain({ type: 'test', key: `${n}` }).register('tick', { dueMs: 5_000, periodMs: 10_000 });
    }
    await all.fixture.run(4_900);
    expect(all.delivered).toEqual([]);
    await all.fixture.run(30_000);
    for (let n = 0; n < 30; n++) {
      const times = all.delivered.filter(({ grain }) => grain === `test/${n}`).map(({ dueAtMs }) => dueAtMs - startMs);
      expect(times).toEqual([5_000, 15_000, 25_000]);
    }
    // Spread over the silos.
    for (const siloId of ['a', 'b', 'c'])
      expect(all.delivered.filter((each) => each.siloId === siloId).length).toBeGreaterThan(9);
    expect(silos.map(({ reminders }) => reminders.getInfo().reminders)).toEqual([30, 30, 30]);
  });

  test('calls what is due once, once, and forgets it', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    const own = reminders.forGrain(GRAIN);
    await own.register('once', { dueMs: 1_000 });
    expect(await own.list()).toEqual(['once']);
    await all.fixture.run(60_000);
    expect(all.delivered).toHaveLength(1);
    expect(await own.list()).toEqual([]);
    expect(reminders.getInfo()).toMatchObject({ reminders: 0, delivered: 1, failed: 0 });
    await own.register('once', { dueMs: 1_000 });
    await all.fixture.run(2_000);
    expect(all.delivered).toHaveLength(2);
  });

  test('makes up for missed periods by one call, and keeps the rhythm', async () => {
    const all = new RemindersFixture();
    const first = await all.silo('a');
    const startMs = all.fixture.clock.wallMs();
    await first.reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 1_000 });
    await first.reminders.stop();
    await first.silo.membership.leave();
    await all.fixture.run(10_500);
    await all.silo('b');
    await all.fixture.run(1_000);
    expect(all.dueTimes().map((ms) => ms - startMs)).toEqual([1_000, 11_000]);
  });

  test('replaces, lists and unregisters by name', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    const other = await all.silo('b');
    const own = reminders.forGrain(GRAIN);
    await own.register('one', { dueMs: 1_000 });
    await own.register('two', { dueMs: 1_000 });
    await own.register('one', { dueMs: 50_000 });
    await reminders.forGrain({ type: 'test', key: 'other' }).register('three', { dueMs: 90_000 });
    expect(await own.list()).toEqual(['one', 'two']);
    await all.fixture.settle();
    expect(await other.reminders.forGrain(GRAIN).list()).toEqual(['one', 'two']);
    await all.fixture.run(2_000);
    expect(all.delivered.map(({ name }) => name)).toEqual(['two']);
    expect(await own.unregister('one')).toBe(true);
    expect(await own.unregister('one')).toBe(false);
    await all.fixture.run(60_000);
    expect(all.delivered.map(({ name }) => name)).toEqual(['two']);
  });

  test('repeats a failed call with the same tick, ever later, until it succeeds', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    let failures = 3;
    all.deliver = () => (failures-- > 0 ? Promise.reject(new Error('not now')) : Promise.resolve());
    const startMs = all.fixture.clock.wallMs();
    await reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 60_000 });
    await all.fixture.run(3_500); // at 1 s, and a second later
    expect(all.delivered).toHaveLength(2);
    await all.fixture.run(20_000);
    expect(all.dueTimes().map((ms) => ms - startMs)).toEqual([1_000, 1_000, 1_000, 1_000]);
    expect(all.fixture.errors()).toEqual(['a reminder failed', 'a reminder failed', 'a reminder failed']);
    await all.fixture.run(60_000);
    expect(all.dueTimes().at(-1)! - startMs).toBe(61_000);
  });

  test('calls again, with the same tick, when the silo that called died before it could note it', async () => {
    const all = new RemindersFixture();
    const silos = [await all.silo('a'), await all.silo('b')];
    const hangs = gate();
    const startMs = all.fixture.clock.wallMs();
    await silos[0]!.reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 30_000 });
    let dying: SiloFixture | undefined;
    all.deliver = (siloId) => {
      if (dying !== undefined) return Promise.resolve();
      dying = silos.find(({ silo }) => silo.siloId === siloId)!.silo;
      dying.freeze();
      return hangs.passed;
    };
    await all.fixture.run(14_000);
    expect(all.delivered).toHaveLength(1); // its claim holds while it may live
    await all.fixture.run(15_000);
    expect(all.dueTimes().map((ms) => ms - startMs)).toEqual([1_000, 1_000]);
    expect(all.delivered[1]!.siloId).not.toBe(dying!.siloId);
    // The dead one comes back and notes what it did; nobody heeds it.
    hangs.open();
    dying!.thaw();
    await all.fixture.run(33_000);
    expect(all.dueTimes().map((ms) => ms - startMs)).toEqual([1_000, 1_000, 31_000, 61_000]);
  });

  test('does not call twice for an answer that was lost', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    await reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 20_000 });
    all.fixture.network.loseAnswers('a', /^update reminders/, 2);
    await all.fixture.run(19_000);
    expect(all.delivered).toHaveLength(1);
    await all.fixture.run(20_000);
    expect(new Set(all.dueTimes()).size).toBe(2);
    expect(all.delivered).toHaveLength(2);
  });

  test('notes a call when the engine is there again', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    await reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 20_000 });
    let outage: Disposable | undefined;
    all.deliver = async () => void (outage ??= all.fixture.network.engineGone());
    await all.fixture.run(8_000);
    expect(all.delivered).toHaveLength(1);
    outage![Symbol.dispose]();
    await all.fixture.run(15_000);
    expect(all.delivered).toHaveLength(2);
    expect(new Set(all.dueTimes()).size).toBe(2);
  });

  test('waits for the engine without a word, and not for long when it is back', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    await reminders.forGrain(GRAIN).register('r', { dueMs: 1_000, periodMs: 600_000 });
    const outage = all.fixture.network.engineGone();
    await all.fixture.run(120_000);
    expect(all.delivered).toEqual([]);
    outage[Symbol.dispose]();
    await all.fixture.run(5_000);
    expect(all.delivered).toHaveLength(1);
    expect(reminders.getInfo().failed).toBe(0);
    expect(all.fixture.errors()).not.toContain('a reminder failed');
  });

  test('goes to a silo that hosts the grain type, and waits while there is none', async () => {
    const all = new RemindersFixture();
    const { silo, reminders } = await all.silo('a');
    silo.described = { ...silo.described, grainTypes: ['something else'] };
    await silo.membership.activate();
    await reminders.forGrain(GRAIN).register('r', { dueMs: 1_000 });
    await all.fixture.run(60_000);
    expect(all.delivered).toEqual([]);
    await all.silo('b');
    await all.fixture.run(1_000);
    expect(all.delivered.map(({ siloId }) => siloId)).toEqual(['b']);
  });

  test('another silo steps in when the one whose turn it is does nothing', async () => {
    const all = new RemindersFixture();
    const silos = [await all.silo('a'), await all.silo('b')];
    await silos[0]!.reminders.stop();
    for (let n = 0; n < 10; n++)
      await silos[1]!.reminders.forGrain({ type: 'test', key: `${n}` }).register('r', { dueMs: 1_000 });
    await all.fixture.run(13_000);
    expect(all.delivered.map(({ siloId }) => siloId)).toEqual(Array.from({ length: 10 }, () => 'b'));
    expect(new Set(all.delivered.map(({ grain }) => grain)).size).toBe(10);
  });

  test('waits longer than a timer can, and after wall time has jumped', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    await reminders.forGrain(GRAIN).register('far', { dueMs: 2 ** 32 });
    await all.fixture.run(2_000);
    expect(all.delivered).toEqual([]);
    expect(reminders.getInfo().reminders).toBe(1);
  });

  test('stops after the deliveries under way, and leaves nothing that runs', async () => {
    const all = new RemindersFixture();
    const { silo, reminders } = await all.silo('a');
    const slow = gate();
    all.deliver = () => slow.passed;
    await reminders.forGrain(GRAIN).register('one', { dueMs: 1_000, periodMs: 1_000 });
    await reminders.forGrain(GRAIN).register('two', { dueMs: 5_000 });
    await all.fixture.run(2_000);
    const stopping = reminders.stop();
    await all.fixture.run(10_000);
    expect(all.delivered).toHaveLength(1);
    slow.open();
    await stopping;
    await silo.membership.leave();
    await all.fixture.run(2_000);
    expect(all.fixture.clock.pending).toBe(0);
  });

  test('delivers a bounded number at a time', async () => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    const slow = gate();
    all.deliver = () => slow.passed;
    for (let n = 0; n < 100; n++)
      await reminders.forGrain({ type: 'test', key: `${n}` }).register('r', { dueMs: 1_000 });
    await all.fixture.run(2_000);
    expect(all.delivered).toHaveLength(64);
    slow.open();
    await all.fixture.run(500);
    expect(all.delivered).toHaveLength(100);
  });

  test('ignores a row that is no reminder', async () => {
    const all = new RemindersFixture();
    const { silo, reminders } = await all.silo('a');
    const table = await silo.port.openTable('reminders');
    await table.create('bad', Uint8Array.of(1));
    await all.fixture.settle();
    expect(reminders.getInfo()).toMatchObject({ reminders: 0, invalidRows: 1 });
    expect(all.fixture.errors()).toHaveLength(1);
  });

  test.each([
    ['', { dueMs: 1 }],
    ['x'.repeat(65), { dueMs: 1 }],
    ['r', { dueMs: -1 }],
    ['r', { dueMs: Number.NaN }],
    ['r', { dueMs: 1, periodMs: 999 }],
    ['r', { dueMs: 1, periodMs: 1_000.5 }],
    ['r', { dueMs: Number.POSITIVE_INFINITY }],
  ])('refuses the name %j with the schedule %j', async (name, schedule) => {
    const all = new RemindersFixture();
    const { reminders } = await all.silo('a');
    await expect(reminders.forGrain(GRAIN).register(name, schedule)).rejects.toSatisfy((e) =>
      GpuBridgeError.is(e, 'INVALID_ARGUMENT'),
    );
  });

  test('are not there where the engine keeps nothing', async () => {
    const fixture = new ClusterFixture('none');
    const { membership, clock, port } = await fixture.join('a');
    const deliver = () => Promise.resolve();
    const reminders = new Reminders({ port, membership, clock, logger: fixture.logger, deliver });
    await reminders.start();
    const own = reminders.forGrain(GRAIN);
    for (const call of [own.register('r', { dueMs: 1 }), own.unregister('r'), own.list()])
      await expect(call).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await reminders.stop();
  });
});

describe('nextDueAtMs', () => {
  test.each([
    [100, 10, 100, 110],
    [100, 10, 99, 110],
    [100, 10, 109, 110],
    [100, 10, 110, 120],
    [100, 10, 111, 120],
    [100, 10, 205, 210],
  ])('after %i every %i, at %i: %i', (dueAtMs, periodMs, nowMs, expected) => {
    expect(nextDueAtMs(dueAtMs, periodMs, nowMs)).toBe(expected);
  });
});
