/** Silo processes over NATS that are killed, frozen and drained while counters are added to. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { CounterLoad } from '../support/cluster/counter-load.js';
import { TestCluster, eventually } from '../support/cluster/test-cluster.js';
import { describeWithNats } from '../support/nats/servers.js';

// Ends only what hangs.
vi.setConfig({ testTimeout: 300_000 });

/** For tests in which a lease has to run out; still many beats long, since machines are busy. */
const SHORT_LEASE = { beatIntervalMs: 200, fenceAfterMs: 2_000, leaseMs: 4_000 };
/** For tests in which none may: what moves then, moves for another reason. */
const ENDLESS_LEASE = { leaseMs: 3_600_000, fenceAfterMs: 1_800_000 };

describeWithNats('a cluster of silo processes', () => {
  it('moves the grains of a silo that is killed at once, when its supervisor saw it', async () => {
    await using cluster = await TestCluster.start({ silos: 3, silo: ENDLESS_LEASE, supervised: true });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const [victim, ...others] = cluster.silos;
    const { key } = await cluster.counterOn(victim!, 'held');
    // On two keys of which both are there: calls that are under way when it dies.
    const held = cluster.counter(key).heldAdd(1);
    const worker = await workerOn(cluster, victim!.siloId);
    const once = cluster.worker(worker[0]).heldOnce();
    const repeatable = cluster.worker(worker[1]).heldWhereAmI();
    const failed = Promise.allSettled([held, once]);
    await eventually(async () => (await victim!.gate()).waiting === 3, 'the calls are under way');
    await Promise.all(others.map((silo) => silo.openGate()));
    await victim!.kill();

    for (const outcome of await failed) expect(outcome).toMatchObject({ reason: { code: 'OUTCOME_UNKNOWN' } });
    expect((await repeatable).siloId).not.toBe(victim!.siloId);
    await load.progress('after the kill');
    expect(load.hosts).not.toContain(victim!.siloId);
    expect(await cluster.counter(key).add(1)).toMatchObject({ value: 2 });
    await load.stopAndCheck();
    expect(new Set(load.errors)).toEqual(new Set(load.errors.filter((code) => code === 'OUTCOME_UNKNOWN')));
  });

  it('moves the grains of a silo that is killed when its lease has run out, when nobody saw it', async () => {
    await using cluster = await TestCluster.start({ silos: 3, silo: SHORT_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const victim = cluster.silos[0]!;
    await victim.kill();
    await load.progress('after the kill');
    expect(load.hosts).not.toContain(victim.siloId);
    await load.stopAndCheck();
  });

  it('takes a silo that was killed and started again under its name for another one', async () => {
    await using cluster = await TestCluster.start({ silos: 2, silo: SHORT_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const victim = cluster.silos[0]!;
    await victim.kill();
    const again = await cluster.addSilo({ siloId: victim.siloId });
    expect(again.address).not.toBe(victim.address);
    await load.progress('after the kill');
    await cluster.counterOn(again, 'again');
    await load.stopAndCheck();
  });

  it('lets a silo that was frozen for less than its lease go on as it was', async () => {
    await using cluster = await TestCluster.start({ silos: 2, silo: ENDLESS_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const [frozen] = cluster.silos;
    frozen!.freeze();
    await pause(2_000);
    frozen!.thaw();
    await load.progress('after the thaw');
    expect((await frozen!.info()).cluster?.address).toBe(frozen!.address);
    await load.stopAndCheck();
    expect(load.errors).toEqual([]);
  });

  it('refuses the writes of a silo that was frozen for longer than its lease, which then serves again', async () => {
    await using cluster = await TestCluster.start({ silos: 3, silo: SHORT_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const zombie = cluster.silos[0]!;
    const { key, answer } = await cluster.counterOn(zombie, 'held');
    const { key: quiet } = await cluster.counterOn(zombie, 'quiet');
    const held = Promise.allSettled([key, quiet].map((each) => cluster.counter(each).heldAdd(10)));
    await eventually(async () => (await zombie.gate()).waiting === 2, 'its turns are under way');
    zombie.freeze();
    await load.progress('while it is frozen');
    expect(load.hosts).not.toContain(zombie.siloId);
    const second = await cluster.counter(key).add(1);
    expect(second.value).toBe(answer.value + 1);
    expect(second.fencingToken).toBeGreaterThan(answer.fencingToken);
    // Taken over, but not written since.
    expect(await cluster.counter(quiet).read()).toBe(1);

    // It goes on in the middle of its turns, which have read and not written yet.
    const opened = zombie.openGate();
    zombie.thaw();
    await opened;
    await eventually(async () => (await zombie.gate()).endings.length === 2, 'its turns have ended');
    expect((await zombie.gate()).endings).toEqual(['LEASE_FENCED', 'LEASE_FENCED']);
    for (const outcome of await held) expect(outcome).toMatchObject({ reason: { code: 'OUTCOME_UNKNOWN' } });
    expect(await cluster.counter(key).read()).toBe(second.value);
    expect(await cluster.counter(quiet).read()).toBe(1);

    await cluster.rejoined(zombie, zombie.address);
    await load.progress('after it has rejoined');
    await cluster.counterOn(zombie, 'again');
    await load.stopAndCheck();
  });

  it('loses nothing, and fails no call, when silos drain under load', async () => {
    await using cluster = await TestCluster.start({ silos: 3, silo: ENDLESS_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    for (const leaving of cluster.silos.slice(1)) {
      await leaving.stop();
      await load.progress(`after ${leaving.siloId} has left`);
      expect(load.hosts).not.toContain(leaving.siloId);
    }
    await load.stopAndCheck();
    expect(load.errors).toEqual([]);
  });

  it('lets a slow reader of a stream hold up its sender, and loses nothing of 10 MB', async () => {
    await using cluster = await TestCluster.start({ silos: 1, silo: ENDLESS_LEASE });
    const [items, ballastBytes, window] = [160, 65_536, 4];
    const worker = cluster.worker('sender');
    let read = 0;
    for await (const { i, ballast } of await worker.numbers(items, ballastBytes)) {
      expect(i).toBe(read++);
      expect(ballast.byteLength).toBe(ballastBytes);
      await pause(10);
      // One more than may be sent: the item that is made while it is asked whether another is wanted.
      expect(await worker.streamedSoFar()).toBeLessThanOrEqual(read + window + 1);
    }
    expect(read).toBe(items);
  });
});

/** Keys of two workers that this silo hosts. */
async function workerOn(cluster: TestCluster, siloId: string): Promise<[string, string]> {
  const found: string[] = [];
  for (let n = 0; found.length < 2; n++) {
    const key = `worker-${n}`;
    if ((await cluster.worker(key).whereAmI()).siloId === siloId) found.push(key);
    if (n > 500) throw new Error(`nothing is placed on ${siloId}`);
  }
  return [found[0]!, found[1]!];
}
