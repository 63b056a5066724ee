import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClusterPort, Logger } from '@gpu-bridge/abstractions';
import { InProcessCluster } from '@gpu-bridge/silo';
import type { Hop, InProcessPort, Network, Passage } from '@gpu-bridge/silo';
import { FakeClock, SeededRandom } from '@gpu-bridge/testkit';
import type { ClusterPortSubject, ClusterUnderTest } from '@gpu-bridge/testkit';

const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** An in-process cluster on a clock of its own. */
class InProcessUnderTest implements ClusterUnderTest {
  private readonly clock = new FakeClock();
  private readonly ports = new Map<ClusterPort, InProcessPort>();
  private cluster: InProcessCluster;

  constructor(
    private readonly folder?: string,
    private readonly network?: Network,
  ) {
    this.cluster = this.start();
  }

  createPort(): ClusterPort {
    const port = this.cluster.port();
    this.ports.set(port, port);
    return port;
  }

  async elapse(ms: number): Promise<void> {
    await this.clock.runFor(BigInt(ms) * 1_000_000n);
    // What fell due is delivered in the turns that follow.
    for (let i = 0; i < 5; i++) await turn();
  }

  async disconnect(port: ClusterPort): Promise<void> {
    this.ports.get(port)!.disconnect();
  }

  async reconnect(port: ClusterPort): Promise<void> {
    this.ports.get(port)!.reconnect();
  }

  async restart(): Promise<void> {
    await this.cluster.close();
    this.cluster = this.start();
  }

  async close(): Promise<void> {
    await this.cluster.close();
    if (this.folder !== undefined) await rm(this.folder, { recursive: true });
  }

  private start(): InProcessCluster {
    const { clock, folder, network } = this;
    const shared = { clock, logger, ...(network && { network }) };
    return new InProcessCluster(
      folder === undefined ? { ...shared, storage: 'memory' } : { ...shared, storage: 'file', folder },
    );
  }
}

/** Lets everything take up to a few turns or milliseconds of real time, so that things overtake each other. */
class DelayingNetwork implements Network {
  private readonly random = new SeededRandom(5);

  transmit(_hop: Hop, passage: Passage): void {
    const arrive = (): void => passage.arrive();
    const delay = this.random.below(4);
    if (delay === 0) arrive();
    else if (delay === 1) setImmediate(arrive);
    else setTimeout(arrive, delay - 1);
  }
}

/** Makes clusters in memory, each on a fake clock. */
export const inProcess: ClusterPortSubject = {
  name: 'the in-process port',
  createCluster: () => new InProcessUnderTest(),
  lacks: { restart: 'it ends with its process' },
};

/** Makes clusters that store in a folder of their own. */
export const inProcessWithFiles: ClusterPortSubject = {
  name: 'the in-process port that stores in files',
  createCluster: async () => new InProcessUnderTest(await mkdtemp(join(tmpdir(), 'gpu-bridge-cluster-'))),
};

/** Makes clusters in memory whose requests, answers and messages take their time. */
export const inProcessWithDelays: ClusterPortSubject = {
  name: 'the in-process port on a slow network',
  createCluster: () => new InProcessUnderTest(undefined, new DelayingNetwork()),
  lacks: { restart: 'it ends with its process' },
};
