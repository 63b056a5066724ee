import type { ClusterPort, DeactivationReason, GrainContext, Logger } from '@gpu-bridge/abstractions';
import { Silo } from '@gpu-bridge/silo';
import type { InProcessCluster, InProcessPort } from '@gpu-bridge/silo';
import { FreezableClock } from '@gpu-bridge/testkit';
import type { FakeClock, SeededRandom } from '@gpu-bridge/testkit';
import type { Breakage } from './breakages.js';
import type { ClusterHistory } from './cluster-history.js';
import type { ClusterSettings } from './settings.js';
import { grainClassesOf } from './sim-grains.js';
import type { GrainHost } from './sim-grains.js';
import type { SimNetwork } from './sim-network.js';

export interface SimSurroundings {
  readonly clock: FakeClock;
  readonly network: SimNetwork;
  readonly cluster: InProcessCluster;
  readonly random: SeededRandom;
  readonly settings: ClusterSettings;
  readonly history: ClusterHistory;
  readonly breakage: Breakage;
}

type State = 'starting' | 'failed' | 'live' | 'stopping' | 'stopped' | 'dead';

const ignore = (): void => undefined;
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A silo as the process it would be: it can be frozen, and die. */
export class SimSilo implements GrainHost {
  readonly clock: FreezableClock;
  readonly port: InProcessPort;
  readonly silo: Silo;
  state: State = 'starting';
  isFrozen = false;

  constructor(
    readonly siloId: string,
    /** Of its process: a silo that is started again has another. */
    readonly portId: string,
    readonly hostsGrains: boolean,
    private readonly surroundings: SimSurroundings,
  ) {
    const { clock, cluster, random, settings, breakage } = surroundings;
    this.clock = new FreezableClock(clock);
    this.port = cluster.port(portId, { clock: this.clock });
    const port: ClusterPort = breakage.port?.(this.port) ?? this.port;
    const grainClasses = hostsGrains ? grainClassesOf(this, settings, breakage.idempotent) : [];
    this.silo = new Silo(
      {
        clock: this.clock,
        logger: silent,
        grainClasses,
        port,
        random: () => random.between(0, 1),
        ...(breakage.mayRunKeyed && { mayRunKeyed: breakage.mayRunKeyed }),
      },
      { siloId, ...settings.silo },
    );
  }

  /** Whether its process runs, and takes calls. */
  get isCallable(): boolean {
    return this.state === 'live' && !this.isFrozen;
  }

  /** Whether its process has not ended, for whatever reason. */
  get isThere(): boolean {
    return this.state !== 'dead' && this.state !== 'failed' && this.state !== 'stopped';
  }

  get address(): string | undefined {
    return this.silo.getInfo().cluster?.address;
  }

  /** Whether it knows that it has no right to keyed grains. */
  get isFenced(): boolean {
    return this.silo.getInfo().cluster!.membership.fenced;
  }

  get incarnationsLost(): number {
    return this.silo.getInfo().cluster!.membership.incarnationsLost;
  }

  async start(): Promise<void> {
    try {
      await this.silo.start();
      if (this.state === 'starting') this.state = 'live';
    } catch {
      // The engine was not there; another process is started.
      if (this.state === 'starting') this.state = 'failed';
    }
  }

  async stop(): Promise<void> {
    this.state = 'stopping';
    await this.silo.stop();
    if (this.state === 'stopping') this.state = 'stopped';
  }

  freeze(): void {
    this.isFrozen = true;
    this.clock.freeze();
    this.surroundings.network.freeze(this.portId);
  }

  thaw(): void {
    this.isFrozen = false;
    this.clock.thaw();
    this.surroundings.network.thaw(this.portId);
  }

  /** @param seen - its connection is closed by what is left of its host. */
  die(seen: boolean): void {
    this.state = 'dead';
    this.isFrozen = false;
    this.clock.end();
    this.surroundings.network.remove(this.portId);
    if (seen) this.port.disconnect();
  }

  activated(context: GrainContext): void {
    this.surroundings.history.activated(this, context);
  }

  deactivated(context: GrainContext, reason: DeactivationReason): void {
    this.surroundings.history.deactivated(this, context, reason);
  }

  turnStarted(callId: number, context: GrainContext | undefined): void {
    this.surroundings.history.turnStarted(this, callId, context);
  }
}
