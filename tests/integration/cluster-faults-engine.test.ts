/** Silo processes over NATS whose servers die, or cannot be reached, while counters are added to. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { NatsServer } from '../../scripts/nats-server.mjs';
import { CounterLoad } from '../support/cluster/counter-load.js';
import { NetworkNamespace } from '../support/cluster/network-namespace.js';
import { TestCluster, eventually } from '../support/cluster/test-cluster.js';
import { describeWithNats } from '../support/nats/servers.js';
import { startTcpProxy } from '../support/nats/tcp-proxy.js';

// Ends only what hangs.
vi.setConfig({ testTimeout: 300_000 });

/** Still many beats long, since machines are busy. */
const SHORT_LEASE = { beatIntervalMs: 200, fenceAfterMs: 2_000, leaseMs: 4_000 };

describeWithNats('silo processes on one server', () => {
  it('go on when the server was killed and is back, again and again', async () => {
    await using cluster = await TestCluster.start({ silos: 3 });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const [server] = cluster.servers;
    for (let kills = 1; kills <= 2; kills++) {
      await server!.kill();
      await pause(1_500);
      await server!.start();
      await load.progress(`after kill ${kills}`);
    }
    await load.stopAndCheck();
  });

  it('go on when the server was frozen, and does late what nobody waits for any more', async () => {
    await using cluster = await TestCluster.start({ silos: 3 });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const [server] = cluster.servers;
    for (let freezes = 1; freezes <= 2; freezes++) {
      server!.pause();
      try {
        await pause(2_500);
      } finally {
        server!.resume();
      }
      await load.progress(`after freeze ${freezes}`);
    }
    await load.stopAndCheck();
  });

  it('join anew when the server was away for longer than their leases, and lose nothing', async () => {
    await using cluster = await TestCluster.start({ silos: 3, silo: SHORT_LEASE });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const [server] = cluster.servers;
    await server!.kill();
    await pause(SHORT_LEASE.leaseMs + 1_500);
    for (const silo of cluster.silos) expect((await silo.info()).cluster?.membership.fenced).toBe(true);
    await server!.start();
    for (const silo of cluster.silos) await cluster.rejoined(silo, silo.address);
    await load.progress('after the outage');
    await load.stopAndCheck();
  });
});

describeWithNats('silo processes on three servers', () => {
  it.each(['state', 'members'])('go on when the leader of the table %s is killed', async (table) => {
    await using cluster = await TestCluster.start({ silos: 2, servers: 3 });
    using load = new CounterLoad(cluster);
    await load.progress('at first');
    const leader = leaderOf(cluster.servers, table);
    await leader.kill();
    await load.progress('after the kill');
    await leader.start();
    await load.progress('with all three again');
    await load.stopAndCheck();
  });
});

const absence = NetworkNamespace.absence();
describe.skipIf(absence !== undefined)(`a silo process in a network of its own (${absence ?? 'as root'})`, () => {
  describeWithNats('on one server', () => {
    it('fences itself when it is cut off, is replaced, and joins anew when it is not any more', async () => {
      using namespace = new NetworkNamespace();
      await using cluster = await TestCluster.start({ silos: 2, silo: SHORT_LEASE });
      await using proxy = await startTcpProxy(cluster.servers[0]!.port, namespace.hostAddress);
      const nats = { servers: [proxy.url], clusterId: cluster.clusterId };
      const island = await cluster.addSilo({ cluster: { nats }, within: namespace.within });
      using load = new CounterLoad(cluster);
      await load.progress('at first');
      await cluster.counterOn(island, 'island');
      namespace.cut();
      await eventually(async () => (await island.info()).cluster!.membership.fenced, 'it fences itself');
      await load.progress('while it is cut off');
      expect(load.hosts).not.toContain(island.siloId);
      // It knows that it may not answer for grains that it has in memory.
      const away = await island.call({ type: 'counter', key: 'load-0', method: 'add', args: [1] }).then(
        () => 'answered',
        () => 'refused',
      );
      expect(away).toBe('refused');
      namespace.heal();
      await cluster.rejoined(island, island.address);
      await load.progress('after it has rejoined');
      await cluster.counterOn(island, 'again');
      await load.stopAndCheck();
    });
  });
});

/** The server that leads the table, by the logs. */
function leaderOf(servers: readonly NatsServer[], table: string): NatsServer {
  const elected = servers.flatMap((server) =>
    [...server.log().matchAll(/^\[\d+\] (\S+ \S+) .*new stream leader for '.* > (\S+)'/gm)].map(([, at, stream]) => ({
      server,
      at: at!,
      stream: stream!,
    })),
  );
  const last = elected.filter(({ stream }) => stream.endsWith(`_${table}`)).sort((a, b) => (a.at < b.at ? -1 : 1));
  if (last.length === 0) throw new Error(`nobody leads ${table}`);
  return last.at(-1)!.server;
}
