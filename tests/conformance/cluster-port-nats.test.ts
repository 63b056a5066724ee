import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterPort } from '@gpu-bridge/abstractions';
import { NatsClusterPort } from '@gpu-bridge/cluster-nats';
import { clusterPortCases, describeClusterPortContract, runClusterPortCase } from '@gpu-bridge/testkit';
import type { ClusterPortCase, ClusterUnderTest } from '@gpu-bridge/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { describeWithNats, keptLog, startNatsCluster, startNatsServer } from '../support/nats/servers.js';
import { startTcpProxy } from '../support/nats/tcp-proxy.js';
import type { TcpProxy } from '../support/nats/tcp-proxy.js';

/** One server with a store of its own; every port reaches it through a proxy of its own. */
async function startCluster(storage: 'file' | 'memory'): Promise<ClusterUnderTest> {
  const server = await startNatsServer();
  const proxies = new Map<ClusterPort, TcpProxy>();
  return {
    createPort: async () => {
      const proxy = await startTcpProxy(server.port);
      const port = new NatsClusterPort(
        { logger: keptLog() },
        { servers: [proxy.url], clusterId: 'contract', storage, startTimeoutMs: 5_000, retryForMs: 2_000 },
      );
      proxies.set(port, proxy);
      return port;
    },
    elapse: (ms) => pause(ms),
    disconnect: async (port) => {
      const isLost = new Promise<void>((resolve) => port.onConnectionChange((connected) => connected || resolve()));
      proxies.get(port)!.cut();
      await isLost;
    },
    reconnect: async (port) => proxies.get(port)!.restore(),
    restart: async () => {
      await Promise.all([...proxies.keys()].map((port) => port.close()));
      // With SIGKILL it may forget acknowledgements of the last moment, which at-least-once delivery allows.
      await server.kill('SIGTERM');
      await server.start();
    },
    close: async () => {
      await Promise.all([...proxies.values()].map((proxy) => proxy[Symbol.asyncDispose]()));
      await server.stop();
    },
  };
}

/** Every case has names of its own on the same three servers. */
let clusters = 0;
function shareServers(servers: readonly string[]): ClusterUnderTest {
  const clusterId = `contract-${clusters++}`;
  return {
    createPort: () => new NatsClusterPort({ logger: keptLog() }, { servers, clusterId, replicas: 3 }),
    elapse: (ms) => pause(ms),
    close: async () => undefined,
  };
}

describeWithNats('over nats-server', () => {
  describeClusterPortContract({ name: 'nats with files', createCluster: () => startCluster('file') });
  describeClusterPortContract({
    name: 'nats in memory',
    createCluster: () => startCluster('memory'),
    lacks: { restart: 'memory of the server goes with it' },
  });

  describe('nats with three servers, as a cluster port', () => {
    let nats: Awaited<ReturnType<typeof startNatsCluster>>;
    beforeAll(async () => void (nats = await startNatsCluster()));
    afterAll(() => nats.stop());
    const subject = { name: 'nats with three servers', createCluster: () => shareServers(nats.urls) };
    // What replication could break. The rest is the same as with one server, but that lists of rows may lag behind writes.
    const isAboutWrites = ({ name }: ClusterPortCase): boolean =>
      /contend|revision|sequence|messageId/.test(name) && !name.startsWith('leaves nothing out');
    for (const test of clusterPortCases.filter(isAboutWrites)) {
      it.concurrent(test.name, async ({ skip }) => {
        const { outcome } = await runClusterPortCase(test, {
          ...subject,
          lacks: { restart: 'the servers are shared' },
        });
        if (outcome === 'unsupported') skip();
      });
    }
  });
});
