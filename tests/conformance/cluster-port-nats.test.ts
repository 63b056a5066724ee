import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterPort } from '@gpu-bridge/abstractions';
import { NatsClusterPort } from '@gpu-bridge/cluster-nats';
import { describeClusterPortContract } from '@gpu-bridge/testkit';
import type { ClusterUnderTest } from '@gpu-bridge/testkit';
import { describeWithNats, keptLog, startNatsServer } from '../support/nats/servers.js';
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

describeWithNats('over nats-server', () => {
  describeClusterPortContract({ name: 'nats with files', createCluster: () => startCluster('file') });
  describeClusterPortContract({
    name: 'nats in memory',
    createCluster: () => startCluster('memory'),
    lacks: { restart: 'memory of the server goes with it' },
  });
});
