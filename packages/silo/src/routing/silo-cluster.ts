import { hostname } from 'node:os';
import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ClusterPort,
  ClusterTable,
  GrainClass,
  GrainId,
  Logger,
  LostSilo,
  ReminderTick,
  SiloStatus,
} from '@gpu-bridge/abstractions';
import type { ActivationServices, OpenedActivation } from '../activations/activation-services.js';
import type { GrainSlot } from '../activations/grain-slot.js';
import { GrainDirectory, directoryTableName } from '../directory/grain-directory.js';
import type { DirectoryEntry } from '../directory/grain-directory.js';
import type { MemberState } from '../membership/member-record.js';
import type { Membership, MembershipInfo } from '../membership/membership.js';
import type { RemoteCall } from '../messaging/remote-call.js';
import { RemoteCalls } from '../messaging/remote-calls.js';
import type { RemoteCallsInfo } from '../messaging/remote-calls.js';
import type { ReferenceTable } from '../messaging/reference-codec.js';
import type { CapacityLedger } from '../placement/capacity-ledger.js';
import type { PlacementResolver } from '../placement/placement-resolver.js';
import type { CallTarget } from '../references/call-target.js';
import { NO_REQUEST } from '../references/request-context.js';
import type { SlotTable } from '../references/slot-table.js';
import { Reminders } from '../reminders/reminders.js';
import type { RemindersInfo } from '../reminders/reminders.js';
import { GrainStateStore } from '../state/grain-state.js';
import { CallRefused } from './call-refused.js';
import { CallService } from './call-service.js';
import { KeyedRoute } from './keyed-route.js';
import type { KeyedRouting } from './keyed-route.js';
import { nameOf } from './routed-type.js';
import type { RoutedType } from './routed-type.js';
import { StatelessRoute } from './stateless-route.js';
import type { StatelessRouting } from './stateless-route.js';

/** What ties a silo to its cluster. */
export interface SiloClusterServices {
  readonly siloId: string;
  readonly port: ClusterPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly membership: Membership;
  readonly placement: PlacementResolver;
  readonly capacity: CapacityLedger;
  readonly references: ReferenceTable;
  /** Grains of a type that this silo hosts. */
  find(type: string): SlotTable | undefined;
  /** Drops every keyed activation: others may have them. */
  fence(): Promise<void>;
}

export interface SiloClusterOptions {
  readonly clusterEpoch: number;
  readonly leaseMs: number;
  readonly maxServedCalls: number;
  readonly maxMessageBytes: number;
}

/** Snapshot of a silo's part in its cluster. */
export interface SiloClusterInfo {
  /** Of this incarnation; undefined before the silo has joined. */
  readonly address: string | undefined;
  readonly membership: MembershipInfo;
  readonly members: readonly { readonly address: string; readonly state: MemberState; readonly suspect: boolean }[];
  readonly calls: RemoteCallsInfo;
  readonly reminders: RemindersInfo;
}

/** A row that is never written; no grain has such a key. */
const BARRIER_KEY = '=barrier';
/** A call looks for its grain's new owner for so many leases: the old one's has to run out first. */
const GIVE_UP_LEASES = 2;

/**
 * A silo's part in its cluster: joins and leaves it, takes calls to wherever their grains are, serves those of other silos,
 * and gives keyed grains their right to be active.
 */
export class SiloCluster implements ActivationServices {
  private readonly calls: RemoteCalls;
  private readonly states: GrainStateStore;
  private readonly reminders: Reminders;
  private readonly routing: KeyedRouting & StatelessRouting;
  private readonly subscriptions: Disposable[] = [];
  private table: ClusterTable | undefined;
  private directory: GrainDirectory | undefined;
  private address: string | undefined;
  private left = false;

  constructor(
    private readonly services: SiloClusterServices,
    private readonly options: SiloClusterOptions,
  ) {
    const { siloId, port, clock, logger, membership, placement, capacity } = services;
    const receiver = new CallService({
      siloId,
      clock,
      membership,
      ledger: capacity,
      find: (type) => services.find(type),
    });
    const suspect = (address: string): void => membership.suspect(address);
    this.calls = new RemoteCalls({ clock, logger, receiver, references: services.references, suspect }, options);
    this.states = new GrainStateStore({ port, clock });
    this.reminders = new Reminders({
      port,
      membership,
      clock,
      logger,
      deliver: (grain, name, tick) => this.remind(grain, name, tick),
    });
    const directory = (): GrainDirectory => this.opened;
    this.routing = {
      siloId,
      clock,
      membership,
      placement,
      calls: { call: (to, call) => this.send(to, call) },
      get directory() {
        return directory();
      },
      giveUpMs: options.leaseMs * GIVE_UP_LEASES,
      hasLeft: () => this.left,
    };
  }

  getInfo(): SiloClusterInfo {
    const { membership } = this.services;
    return {
      address: this.address,
      membership: membership.getInfo(),
      members: membership.members().map(({ address, state, suspect }) => ({ address, state, suspect })),
      calls: this.calls.getInfo(),
      reminders: this.reminders.getInfo(),
    };
  }

  silos(): readonly SiloStatus[] {
    const { membership } = this.services;
    return membership.members().map(({ siloId, address, state, suspect, devices }) => {
      const seenAgoMs = membership.seenAgoMs(address);
      return { siloId, address, state: suspect ? 'suspect' : state, seenAgoMs, devices };
    });
  }

  lost(): readonly LostSilo[] {
    return this.services.membership.lost();
  }

  /** Whether this silo still has a right to its keyed grains. */
  mayRunKeyed(): boolean {
    return !this.services.membership.isFenced();
  }

  /** Where the calls of a grain go. @param slot - its place here; undefined when this silo does not host its type. */
  route(id: GrainId, type: RoutedType, slot: GrainSlot | undefined): CallTarget {
    return type.keyed ? new KeyedRoute(id, type, slot, this.routing) : new StatelessRoute(id, type, slot, this.routing);
  }

  /**
   * Connects and becomes a member that serves nothing yet.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE`
   */
  async join(): Promise<void> {
    const { port, membership, clock, logger } = this.services;
    const { clusterEpoch } = this.options;
    await port.open();
    const table = await port.openTable(directoryTableName(clusterEpoch));
    this.table = table;
    this.directory = new GrainDirectory({ table, membership, clock, logger }, { clusterEpoch });
    this.subscriptions.push(
      membership.onDeath((address) => this.buried(address)),
      membership.onFenced(() => this.fence('this silo lost its place in the cluster')),
      this.directory.onRollback(() => this.fence('the engine of the cluster lost writes')),
      port.onConnectionChange((connected) => {
        if (connected) this.verifyDirectory();
      }),
    );
    await membership.join();
    await this.listen(membership.address);
  }

  /** Serves: grains may be placed here. */
  async activate(): Promise<void> {
    await this.reminders.start();
    await this.services.membership.activate();
  }

  /** Takes the calls of others at the address of an incarnation. */
  async listen(address: string): Promise<void> {
    await this.calls.listen(this.services.port, address);
    this.address = address;
  }

  /** Lets nothing new be placed here, and resolves when the calls of others that run here have ended. */
  async drain(): Promise<void> {
    await Promise.all([this.calls.drain(), this.services.membership.drain(), this.reminders.stop()]);
  }

  /** Ends the membership and everything that is still on its way. */
  async leave(): Promise<void> {
    this.left = true;
    for (const subscription of this.subscriptions.splice(0)) subscription[Symbol.dispose]();
    await this.calls.unlisten();
    await this.services.membership.leave();
    await this.calls.close();
    await this.services.port.close();
  }

  /** @throws CallRefused when the grain is another silo's, or nobody can tell whose. */
  async open(id: GrainId, { options }: GrainClass): Promise<OpenedActivation> {
    const { fencingToken } = await this.claim(id);
    const release = (successor?: string): Promise<void> =>
      successor === undefined ? this.release(id, fencingToken) : this.handOver(id, fencingToken, successor);
    const chooseSuccessor = (siloId?: string): string => this.chooseSuccessor(id, siloId);
    const reminders = this.reminders.forGrain(id);
    const opened = { fencingToken, reminders, chooseSuccessor, release };
    if (options.persistent !== true) return opened;
    try {
      return { ...opened, storage: await this.states.open(id, fencingToken) };
    } catch (error) {
      await release();
      throw refusalOf(error);
    }
  }

  /** Others may still name an owner of whose death this silo has heard, and whom it will not hear of again. */
  private send(to: string, call: RemoteCall): Promise<unknown> {
    if (!this.services.membership.isDead(to)) return this.calls.call(to, call);
    const details = { siloId: to, reason: 'it is dead' };
    return Promise.reject(new CallRefused(new GpuBridgeError('SILO_UNREACHABLE', details, `silo ${to} is dead`)));
  }

  private async claim(id: GrainId): Promise<{ readonly fencingToken: number }> {
    const { membership } = this.services;
    const entry = await this.opened.claim(id).catch((error: unknown) => {
      throw refusalOf(error);
    });
    if (entry.owner === membership.address) return entry;
    const details = { grain: nameOf(id), siloId: entry.owner };
    throw new CallRefused(new GpuBridgeError('GRAIN_MOVED', details, `grain ${nameOf(id)} is on ${entry.owner}`));
  }

  /** Without the engine the row stays, and is taken over by whoever is called next, or here. */
  private async release(id: GrainId, fencingToken: number): Promise<void> {
    await this.opened.release(id, fencingToken).catch((error: unknown) => {
      this.services.logger.warn('a grain keeps its row in the directory', { grain: nameOf(id), error });
    });
  }

  /** Only silos that would be given a new activation too; the others may be gone before the grain has arrived. */
  private chooseSuccessor(id: GrainId, siloId: string | undefined): string {
    const { membership, placement } = this.services;
    const grain = this.services.find(id.type)?.grain;
    invariant(grain !== undefined, 'the grain is active here');
    const others = membership
      .members()
      .filter(
        ({ address, state, grainTypes }) =>
          address !== membership.address && state === 'active' && grainTypes.includes(id.type),
      );
    const expected = `another active silo that hosts ${id.type}: ${others.map((other) => other.siloId).join(', ') || 'there is none'}`;
    if (siloId === undefined && others.length > 0)
      return placement.choose(grain, id, NO_REQUEST, new Set([membership.address]));
    const named = others.find((other) => other.siloId === siloId);
    if (named === undefined) throw GpuBridgeError.invalidArgument('siloId', siloId, expected);
    if (!named.suspect) return named.address;
    const details = { siloId: named.siloId, reason: 'it is under suspicion of being dead' };
    throw new GpuBridgeError('SILO_UNREACHABLE', details, `silo ${named.siloId} takes no grain: ${details.reason}`);
  }

  /** One write decides. Without the engine the row stays, and the grain is claimed anew by whoever is called next, or here. */
  private async handOver(id: GrainId, fencingToken: number, successor: string): Promise<void> {
    try {
      const entry = await this.opened.handOver(id, fencingToken, successor);
      if (entry !== undefined) void this.announce(id, entry);
    } catch (error) {
      this.services.logger.warn('a grain could not be handed over', { grain: nameOf(id), successor, error });
    }
  }

  /**
   * Has the new owner make its activation, so that calls find it made. One that takes none, for example because it has begun to
   * drain, loses the row again, unless it has made it its own: then any silo may claim the grain.
   */
  private async announce(grain: GrainId, { owner, fencingToken }: DirectoryEntry): Promise<void> {
    const method = this.services.find(grain.type)!.grain.arrive.name;
    const call = { grain, method, args: [], request: NO_REQUEST, fencingToken, placed: false };
    try {
      await this.send(owner, call);
    } catch (error) {
      this.services.logger.debug('a grain was not taken over at once', { grain: nameOf(grain), owner, error });
      await this.release(grain, fencingToken);
    }
  }

  /** Calls the grain wherever it is; its type is hosted here. */
  private async remind(id: GrainId, name: string, tick: ReminderTick): Promise<void> {
    const table = this.services.find(id.type);
    invariant(table !== undefined, 'reminders are delivered by silos that host their grain');
    const target = this.route(id, table.grain, table.slot(id.key));
    await target.call(table.grain.receiveReminder, [name, tick], NO_REQUEST);
  }

  private buried(address: string): void {
    void this.endCallsTo(address);
    const { membership, logger } = this.services;
    // One is enough; when two think they are the first, the second finds nothing left.
    if (membership.members().find(({ state }) => state === 'active')?.address !== membership.address) return;
    this.opened.sweep(address).catch((error: unknown) => {
      logger.debug('the rows of a dead silo stay until they are taken over', { address, error });
    });
  }

  /**
   * A silo that has left answered everything that it took, and what came later was refused; what says so may be on its way still,
   * behind the news that it has left. Whatever the engine has for us arrives before its answer to a question.
   */
  private async endCallsTo(address: string): Promise<void> {
    await this.table?.get(BARRIER_KEY).catch(() => undefined); // without the engine nothing is on its way
    this.calls.peerDied(address);
  }

  private fence(reason: string): void {
    const { logger, siloId } = this.services;
    logger.error('keyed grains are dropped', { siloId, reason });
    void this.services.fence();
  }

  private verifyDirectory(): void {
    this.opened.verify().catch((error: unknown) => {
      this.services.logger.debug('the directory could not be verified', { error });
    });
  }

  private get opened(): GrainDirectory {
    if (this.directory !== undefined) return this.directory;
    throw GpuBridgeError.invalidArgument('silo', 'not started', 'started before grains are called');
  }
}

/** Nothing has run yet when an activation is opened, so whoever called may try again or elsewhere. */
function refusalOf(error: unknown): unknown {
  return GpuBridgeError.is(error) ? new CallRefused(error) : error;
}

/** What a silo says about the machine it runs on. */
export function hostFigures(): { readonly hostName: string; readonly pid: number } {
  return { hostName: hostname(), pid: process.pid };
}
