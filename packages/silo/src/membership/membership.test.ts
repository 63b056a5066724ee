import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { ClusterFixture } from '../testing/cluster-fixture.js';
import { MEMBERS_TABLE, TOMBSTONE } from './member-record.js';

async function membersTable(fixture: ClusterFixture) {
  const port = await fixture.port('observer');
  return port.openTable(MEMBERS_TABLE, { expireAfterMs: 15_000 });
}

describe('Membership', () => {
  test('shows every silo to every silo, itself included, ordered by id', async () => {
    const fixture = new ClusterFixture();
    const b = await fixture.join('b');
    const a = await fixture.join('a');
    const c = await fixture.silo('c');
    await c.membership.join();
    await fixture.settle();
    for (const silo of [a, b, c]) expect(silo.siloIds()).toEqual(['a', 'b', 'c']);
    expect(a.membership.members().map(({ state }) => state)).toEqual(['active', 'active', 'joining']);
    expect(a.membership.find(b.address)).toMatchObject({ siloId: 'b', address: b.address, suspect: false });
    expect(a.membership.find('b.1')).toBeUndefined();
  });

  test('keeps the array of members as long as nothing changes', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    expect(a.membership.members()).toBe(a.membership.members());
    const before = a.membership.members();
    await fixture.join('b');
    expect(a.membership.members()).not.toBe(before);
  });

  test('says with every beat what the silo says of itself, and earlier when that is announced', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const seen = () => b.membership.find(a.address)?.activations;
    a.described = { ...a.described, activations: 7 };
    await fixture.run(500);
    expect(seen()).toBe(0);
    await fixture.run(600);
    expect(seen()).toBe(7);
    a.described = { ...a.described, activations: 8 };
    a.membership.announce();
    await fixture.run(150);
    expect(seen()).toBe(8);
  });

  test('brings beats forward at most ten times a second', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const before = a.membership.getInfo().beats;
    for (let i = 0; i < 200; i++) {
      a.membership.announce();
      await fixture.run(5);
    }
    expect(a.membership.getInfo().beats - before).toBeLessThanOrEqual(11);
    expect(a.membership.getInfo().beats - before).toBeGreaterThanOrEqual(8);
  });

  test('takes the next generation where two silos of one name start in the same millisecond', async () => {
    const fixture = new ClusterFixture();
    const first = await fixture.join('a');
    const second = await fixture.silo('b', { siloId: 'a' });
    await second.membership.join();
    expect(second.membership.generation).toBe(first.membership.generation + 1);
  });

  test('shows of a silo that was started again only the newest, but finds the older as long as it is not dead', async () => {
    const fixture = new ClusterFixture();
    const watcher = await fixture.join('w');
    const old = await fixture.join('a');
    old.freeze();
    const oldAddress = old.address;
    await fixture.run(1_000);
    const again = await fixture.silo('a-2', { siloId: 'a' });
    await again.membership.join();
    await fixture.settle();
    expect(watcher.membership.members().map(({ address }) => address)).toEqual([again.address, watcher.address]);
    expect(watcher.membership.find(oldAddress)).toBeDefined();
  });

  test('tells when a silo leaves, once, and lets nobody place there while it drains', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    await b.membership.drain();
    await fixture.settle();
    expect(a.membership.find(b.address)?.state).toBe('draining');
    await b.membership.leave();
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
    expect(a.siloIds()).toEqual(['a']);
    expect(b.timesFenced).toBe(0);
    expect(b.membership.isFenced()).toBe(true);
    await fixture.run(40_000);
    expect(a.deaths).toEqual([b.address]);
    expect(await a.membership.proveDead(b.address)).toBe(true);
  });

  test('takes a silo for dead when its lease has run out, and not before', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    b.freeze();
    await fixture.run(14_000);
    expect(a.deaths).toEqual([]);
    expect(await a.membership.proveDead(b.address)).toBe(false);
    await fixture.run(3_000);
    expect(a.deaths).toEqual([b.address]);
    expect(a.siloIds()).toEqual(['a']);
  });

  test('suspects a silo that is not heard of for a lease while its row stands', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    // The changes of `members` do not reach a, while everything else does.
    const deaf = fixture.network.add((hop) => (hop.kind === 'change' && hop.to === 'a' ? 'lose' : 'pass'));
    let wasSuspect = false;
    a.membership.onChange(() => (wasSuspect ||= a.membership.find(b.address)?.suspect === true));
    await fixture.run(20_000);
    expect(wasSuspect).toBe(true);
    expect(a.deaths).toEqual([]);
    deaf[Symbol.dispose]();
    await fixture.run(3_000);
    expect(a.membership.find(b.address)?.suspect).toBe(false);
  });

  test('fences a silo that was stopped for longer than its lease before anything else of it runs', async () => {
    const fixture = new ClusterFixture();
    const rejoined: string[] = [];
    const a = await fixture.join('a');
    const zombie = await fixture.join('z', { rejoined: async (address) => void rejoined.push(address) });
    const { address, generation } = zombie.membership;
    zombie.freeze();
    await fixture.run(20_000);
    expect(a.deaths).toEqual([address]);
    expect(zombie.membership.isFenced()).toBe(true); // as its first instruction after SIGCONT would see it
    expect(zombie.timesFenced).toBe(0);
    zombie.thaw();
    await fixture.settle();
    expect(zombie.timesFenced).toBe(1);
    await fixture.run(1_000);
    expect(zombie.membership.generation).toBeGreaterThan(generation);
    expect(zombie.membership.isFenced()).toBe(false);
    expect(rejoined).toEqual([zombie.address]);
    expect(a.membership.find(zombie.address)?.state).toBe('active');
    expect(a.siloIds()).toEqual(['a', 'z']);
    expect(zombie.timesFenced).toBe(1);
  });

  test('lets a silo that was stopped for less than its lease go on as it was', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const { address } = b;
    b.freeze();
    await fixture.run(12_000);
    expect(b.membership.isFenced()).toBe(true);
    b.thaw();
    await fixture.run(1_500);
    expect(b.membership.isFenced()).toBe(false);
    expect(b.address).toBe(address);
    expect([b.timesFenced, a.deaths]).toEqual([0, []]);
  });

  test.each(['engineStalls', 'engineGone'] as const)('nobody dies or is fenced for 8 s of it: %s', async (fault) => {
    const fixture = new ClusterFixture();
    const silos = [await fixture.join('a'), await fixture.join('b'), await fixture.join('c')];
    const addresses = silos.map(({ address }) => address);
    const outage = fixture.network[fault]();
    for (let second = 0; second < 8; second++) {
      await fixture.run(1_000);
      expect(silos.map(({ membership }) => membership.isFenced())).toEqual([false, false, false]);
    }
    outage[Symbol.dispose]();
    await fixture.run(20_000);
    for (const silo of silos) {
      expect(silo.deaths).toEqual([]);
      expect(silo.timesFenced).toBe(0);
      expect(silo.siloIds()).toEqual(['a', 'b', 'c']);
    }
    expect(silos.map(({ address }) => address)).toEqual(addresses);
  });

  test.each(['engineStalls', 'engineGone'] as const)(
    'everyone is fenced after 20 s of it, and rejoins: %s',
    async (fault) => {
      const fixture = new ClusterFixture();
      const silos = [await fixture.join('a'), await fixture.join('b'), await fixture.join('c')];
      const addresses = silos.map(({ address }) => address);
      const outage = fixture.network[fault]();
      await fixture.run(12_000);
      expect(silos.map(({ membership }) => membership.isFenced())).toEqual([true, true, true]);
      await fixture.run(8_000);
      expect(silos.flatMap(({ deaths }) => deaths)).toEqual([]); // no verdicts without the engine
      outage[Symbol.dispose]();
      await fixture.run(10_000);
      for (const silo of silos) {
        expect(silo.timesFenced).toBe(1);
        expect(silo.membership.isFenced()).toBe(false);
        expect(silo.siloIds()).toEqual(['a', 'b', 'c']);
        expect(addresses).not.toContain(silo.address);
        expect(silo.membership.members().map(({ state, suspect }) => [state, suspect])).toEqual(
          silos.map(() => ['active', false]),
        );
      }
    },
  );

  test('a silo that is cut off is fenced before anyone can prove it dead', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const cut = fixture.network.cut('b');
    for (let i = 0; i < 400 && !(await a.membership.proveDead(b.address)); i++) await fixture.run(50);
    expect(a.deaths).toEqual([b.address]);
    expect(b.membership.isFenced()).toBe(true);
    cut[Symbol.dispose]();
    await fixture.run(3_000);
    expect(b.timesFenced).toBe(1);
    expect(a.siloIds()).toEqual(['a', 'b']);
  });

  test('recognises its own beat whose answer was lost', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const { address } = a;
    const loss = fixture.network.loseAnswers('a', /^update members/, 3);
    await fixture.run(20_000);
    loss[Symbol.dispose]();
    expect(a.membership.getInfo().failedBeats).toBe(3);
    expect(a.address).toBe(address);
    expect([a.timesFenced, a.membership.isFenced()]).toEqual([0, false]);
  });

  test('counts a beat that landed unanswered from when it was sent', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    await fixture.run(1_000);
    fixture.network.loseAnswers('a', /^update members/, 1);
    await fixture.run(2_000);
    // Now nothing is answered: only what was sent until here counts.
    fixture.network.engineGone();
    await fixture.run(8_000);
    expect(a.membership.isFenced()).toBe(false);
    await fixture.run(3_500);
    expect(a.membership.isFenced()).toBe(true);
  });

  test('joins when the engine has come back', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.silo('a');
    const outage = fixture.network.engineGone();
    const joining = a.membership.join();
    await fixture.run(10_000);
    outage[Symbol.dispose]();
    await fixture.while(joining);
    expect(a.membership.isFenced()).toBe(false);
  });

  test('gives up to join an engine that does not answer', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.silo('a', { joinTimeoutMs: 5_000 });
    fixture.network.engineGone();
    await expect(fixture.while(a.membership.join())).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    expect(fixture.clock.nowMs()).toBeLessThan(7_000);
    await fixture.run(1_000);
    expect(fixture.clock.pending).toBe(0);
  });

  test('joins once where the answer to that was lost', async () => {
    const fixture = new ClusterFixture();
    const watcher = await fixture.join('w');
    const a = await fixture.silo('a');
    fixture.network.loseAnswers('a', /^create members/, 1);
    await fixture.while(a.membership.join());
    await a.membership.activate();
    await fixture.settle();
    expect(watcher.membership.members().map(({ address }) => address)).toEqual([a.address, watcher.address]);
    await fixture.run(20_000);
    expect(watcher.membership.members().map(({ address }) => address)).toEqual([a.address, watcher.address]);
  });

  test('never takes itself for another, also where it sees its row before it knows of it', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.silo('a');
    const slow = fixture.network.add(({ kind, what }) =>
      kind === 'answer' && what.startsWith('create members') ? 'hold' : 'pass',
    );
    const joining = a.membership.join();
    await fixture.run(100);
    expect(a.siloIds()).toEqual(['a']); // as another
    slow[Symbol.dispose]();
    await joining;
    const lost = a.address;
    const table = await membersTable(fixture);
    await table.update(lost, TOMBSTONE, (await table.get(lost))!.revision);
    await fixture.run(500);
    expect(a.address).not.toBe(lost);
    expect(a.membership.find(lost)).toBeUndefined();
  });

  test('finds after a lost connection who has vanished meanwhile', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const c = await fixture.join('c');
    b.freeze();
    await fixture.run(13_000);
    a.port.disconnect();
    await fixture.run(3_000);
    expect(c.deaths).toEqual([b.address]);
    expect(a.deaths).toEqual([]);
    a.port.reconnect();
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
    expect(a.membership.isFenced()).toBe(false);
  });

  test('tells of a death once, however often it is seen', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const table = await membersTable(fixture);
    const row = await table.get(b.address);
    b.freeze();
    await table.update(b.address, TOMBSTONE, row!.revision);
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
    expect(await a.membership.proveDead(b.address)).toBe(true);
    await fixture.run(20_000);
    expect(await a.membership.proveDead(b.address)).toBe(true);
    expect(a.deaths).toEqual([b.address]);
  });

  test('a deleted row is a death too', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const table = await membersTable(fixture);
    b.freeze();
    expect(await table.delete(b.address, (await table.get(b.address))!.revision)).toBe(true);
    await fixture.settle();
    expect(a.deaths).toEqual([b.address]);
    b.thaw();
    await fixture.run(500);
    expect(b.timesFenced).toBe(1);
  });

  test('a silo whose row was taken away is fenced by its watch, before its next beat', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const table = await membersTable(fixture);
    const { address } = a;
    await table.update(address, TOMBSTONE, (await table.get(address))!.revision);
    await fixture.settle();
    expect(a.membership.isFenced()).toBe(true);
    expect(a.timesFenced).toBe(1);
    expect(a.address).toBe(address);
    await fixture.run(500);
    expect(a.address).not.toBe(address);
    expect(a.membership.isFenced()).toBe(false);
  });

  test('tries the next incarnation when one could not be made reachable', async () => {
    const fixture = new ClusterFixture();
    const tried: string[] = [];
    const a = await fixture.join('a', {
      rejoined: async (address) => {
        tried.push(address);
        if (tried.length === 1) throw new Error('port is taken');
      },
    });
    const table = await membersTable(fixture);
    await table.update(a.address, TOMBSTONE, (await table.get(a.address))!.revision);
    await fixture.run(3_000);
    expect(tried).toHaveLength(2);
    expect(a.address).toBe(tried[1]);
    expect(a.membership.find(a.address)?.state).toBe('active');
    expect(a.membership.isFenced()).toBe(false);
  });

  test('ignores a row that is no member, counts it and logs it once', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const table = await membersTable(fixture);
    await table.create('b.1', Uint8Array.of(0xc1));
    await table.create('c.1', new Uint8Array(0));
    const foreign = await table.get(a.address);
    await table.create('d.1', foreign!.value);
    await fixture.settle();
    expect(a.siloIds()).toEqual(['a']);
    expect(a.membership.getInfo().invalidRows).toBe(3);
    expect(fixture.errors()).toEqual(['the table of members has a row that is none']);
  });

  test('suspects an address until its next beat', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    a.membership.suspect(b.address);
    expect(a.membership.find(b.address)?.suspect).toBe(true);
    await fixture.run(1_500);
    expect(a.membership.find(b.address)?.suspect).toBe(false);
  });

  test('goes on with the highest epoch alone', async () => {
    const fixture = new ClusterFixture();
    const old = await fixture.join('a');
    const raised = await fixture.join('b', { clusterEpoch: 1 });
    expect(old.membership.isFenced()).toBe(true);
    expect(old.timesFenced).toBe(1);
    expect(raised.siloIds()).toEqual(['b']);
    await fixture.run(30_000);
    expect(old.membership.isFenced()).toBe(true);
    const late = await fixture.silo('c');
    await expect(late.membership.join()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('leaves nothing that runs', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    await a.membership.leave();
    await a.membership.leave();
    const outage = fixture.network.engineGone();
    const leaving = b.membership.leave();
    await fixture.while(leaving);
    outage[Symbol.dispose]();
    await fixture.run(5_000);
    expect(fixture.clock.pending).toBe(0);
  });

  test('is no member when it has left while it joined, or rejoined', async () => {
    const fixture = new ClusterFixture();
    const watcher = await fixture.join('w');
    const a = await fixture.silo('a');
    const joining = a.membership.join();
    await a.membership.leave();
    await expect(joining).rejects.toMatchObject({ code: 'DRAINING' });
    const b = await fixture.join('b');
    const table = await membersTable(fixture);
    await table.update(b.address, TOMBSTONE, (await table.get(b.address))!.revision);
    const slow = fixture.network.delayRequests('b', /^create members/);
    await fixture.run(200);
    expect(b.timesFenced).toBe(1);
    await b.membership.leave();
    slow[Symbol.dispose]();
    await fixture.run(500);
    expect(watcher.siloIds()).toEqual(['w']);
    await watcher.membership.leave();
    await fixture.run(3_000);
    expect(fixture.clock.pending).toBe(0);
  });

  test('refuses ids that make no address, and times that do not fit together', async () => {
    const fixture = new ClusterFixture();
    for (const options of [{ siloId: 'a b' }, { siloId: '' }, { fenceAfterMs: 15_000 }, { beatMs: 6_000 }]) {
      await expect(fixture.silo('a', options)).rejects.toSatisfy((e) => GpuBridgeError.is(e, 'INVALID_ARGUMENT'));
    }
  });
});

describe('silos that are lost', () => {
  test('are told for ten minutes with what they said last; those that left, or are back, are not', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    const c = await fixture.join('c');
    await c.membership.drain();
    await c.membership.leave();
    b.freeze();
    await fixture.run(2_000);
    expect(a.membership.lost()).toEqual([]);
    expect(a.membership.seenAgoMs(b.address)).toBeGreaterThanOrEqual(2_000);
    expect(a.membership.seenAgoMs(a.address)).toBe(0);
    await fixture.run(20_000);
    const [lost] = a.membership.lost();
    expect(a.membership.lost()).toHaveLength(1);
    expect(lost).toMatchObject({ siloId: 'b', address: b.address, devices: [] });
    expect(lost!.seenAgoMs).toBeGreaterThan(lost!.deadForMs + 10_000);
    await fixture.run(590_000);
    expect(a.membership.lost()).toHaveLength(1);
    await fixture.run(20_000);
    expect(a.membership.lost()).toEqual([]);
  });

  test('are back with their next incarnation', async () => {
    const fixture = new ClusterFixture();
    const a = await fixture.join('a');
    const b = await fixture.join('b');
    b.freeze();
    await fixture.run(22_000);
    expect(a.membership.lost()).toMatchObject([{ siloId: 'b' }]);
    b.thaw();
    await fixture.run(5_000);
    expect(a.siloIds()).toEqual(['a', 'b']);
    expect(a.membership.lost()).toEqual([]);
  });
});
