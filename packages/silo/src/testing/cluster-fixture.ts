import type { ClusterPort, ClusterStorage, Logger } from '@gpu-bridge/abstractions';
import { FakeClock, FreezableClock } from '@gpu-bridge/testkit';
import { InProcessCluster } from '../cluster/in-process-cluster.js';
import type { InProcessPort } from '../cluster/in-process-port.js';
import { GrainDirectory, directoryTableName } from '../directory/grain-directory.js';
import type { MemberRecord } from '../membership/member-record.js';
import { Membership } from '../membership/membership.js';
import type { MembershipOptions } from '../membership/membership-options.js';
import { GrainStateStore } from '../state/grain-state.js';
import { FaultNetwork } from './fault-network.js';
import { settled } from './silo-fixture.js';

export interface Logged {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface MemberOptions extends Partial<MembershipOptions> {
  /** Default: the silo's. */
  readonly portId?: string;
  readonly port?: (port: ClusterPort) => ClusterPort;
  readonly rejoined?: (address: string) => Promise<void>;
}

/** An engine, a network with faults, and silos as far as they are members: one clock for all, which a test moves. */
export class ClusterFixture {
  readonly clock = new FakeClock();
  readonly network = new FaultNetwork(this.clock);
  readonly logged: Logged[] = [];
  readonly logger: Logger;
  readonly cluster: InProcessCluster;

  constructor(storage: ClusterStorage = 'memory') {
    const log =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
        this.logged.push({ level, message, fields });
      };
    this.logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
    const { clock, network, logger } = this;
    this.cluster = new InProcessCluster({ clock, logger, network, storage, requestTimeoutMs: 1_000 });
  }

  /** A port of its own, to look at what is there. */
  async port(id?: string): Promise<InProcessPort> {
    const port = this.cluster.port(id);
    await port.open();
    return port;
  }

  /** A silo that has not joined. */
  async silo(siloId: string, options: MemberOptions = {}): Promise<SiloFixture> {
    const clock = new FreezableClock(this.clock);
    const port = this.cluster.port(options.portId ?? siloId, { clock });
    await port.open();
    return new SiloFixture(this, siloId, clock, port, options);
  }

  /** An active member. */
  async join(siloId: string, options?: MemberOptions): Promise<SiloFixture> {
    const silo = await this.silo(siloId, options);
    await silo.membership.join();
    await silo.membership.activate();
    await this.settle();
    return silo;
  }

  /** Moves time, in steps that are short beside every wait there is. */
  async run(durationMs: number): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= STEP_MS) {
      await this.clock.runFor(BigInt(Math.min(leftMs, STEP_MS)) * 1_000_000n);
      await this.settle();
    }
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await settled();
  }

  /** What a promise comes to while time goes on. */
  async while<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const watched = promise.finally(() => (done = true));
    watched.catch(() => undefined);
    for (let step = 0; !done && step < MAX_STEPS; step++) await this.run(STEP_MS);
    return watched;
  }

  errors(): readonly string[] {
    return this.logged.filter(({ level }) => level === 'error').map(({ message }) => message);
  }
}

const STEP_MS = 50;
const MAX_STEPS = 2_000;

/** What of a silo is the cluster's business. */
export class SiloFixture {
  readonly membership: Membership;
  readonly seenPort: ClusterPort;
  /** What it saw happen, in order. */
  readonly deaths: string[] = [];
  timesFenced = 0;
  described: Omit<MemberRecord, 'siloId' | 'generation' | 'state'> = {
    grainTypes: ['test'],
    statelessTypes: [],
    hostName: 'host',
    pid: 1,
    devices: [],
    activations: 0,
    placedCalls: 0,
    placedCallLimit: Number.POSITIVE_INFINITY,
  };
  private stop: Disposable | undefined;

  constructor(
    readonly fixture: ClusterFixture,
    readonly siloId: string,
    readonly clock: FreezableClock,
    readonly port: InProcessPort,
    { port: wrap, rejoined, portId: _portId, ...options }: MemberOptions,
  ) {
    this.seenPort = wrap?.(port) ?? port;
    this.membership = new Membership(
      { port: this.seenPort, clock, logger: fixture.logger, describe: () => this.described, rejoined },
      { siloId, ...options },
    );
    this.membership.onDeath((address) => this.deaths.push(address));
    this.membership.onFenced(() => this.timesFenced++);
  }

  get address(): string {
    return this.membership.address;
  }

  async directory(clusterEpoch = 0): Promise<GrainDirectory> {
    const table = await this.seenPort.openTable(directoryTableName(clusterEpoch));
    const { membership, clock } = this;
    return new GrainDirectory({ table, membership, clock, logger: this.fixture.logger }, { clusterEpoch });
  }

  stateStore(): GrainStateStore {
    return new GrainStateStore({ port: this.seenPort, clock: this.clock });
  }

  /** As SIGSTOP: its timers and what is sent to it wait. */
  freeze(): void {
    this.clock.freeze();
    this.stop ??= this.fixture.network.holdFor(this.port.id);
  }

  /** As SIGCONT. */
  thaw(): void {
    this.clock.thaw();
    this.stop?.[Symbol.dispose]();
    this.stop = undefined;
  }

  siloIds(): string[] {
    return this.membership.members().map(({ siloId }) => siloId);
  }
}
