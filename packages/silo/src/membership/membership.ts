import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, ClusterTable, Logger, LostSilo, TableChange } from '@gpu-bridge/abstractions';
import { Incarnation } from './incarnation.js';
import type { IncarnationHost } from './incarnation.js';
import { Listeners } from './listeners.js';
import { MEMBERS_TABLE, TOMBSTONE, isTombstone, siloAddress } from './member-record.js';
import type { Member, MemberRecord, MemberState } from './member-record.js';
import { resolveMembershipOptions } from './membership-options.js';
import type { MembershipOptions } from './membership-options.js';
import { OwnRow } from './own-row.js';
import { Peers } from './peers.js';

export interface MembershipServices {
  readonly port: ClusterPort;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Asked for every beat. */
  readonly describe: () => Omit<MemberRecord, 'siloId' | 'generation' | 'state'>;
  /**
   * A new incarnation has joined by itself after the last one was lost: makes it reachable at its address. It becomes active
   * again, if the last one was, when this resolves; a rejection ends it, and the next one is tried.
   */
  readonly rejoined?: (address: string) => Promise<void>;
}

/** Snapshot for logs and metrics. */
export interface MembershipInfo {
  readonly fenced: boolean;
  readonly members: number;
  readonly beats: number;
  readonly failedBeats: number;
  /** Rows in the table of members that were none. */
  readonly invalidRows: number;
  /** Incarnations that were lost. */
  readonly incarnationsLost: number;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

/**
 * Who is in the cluster, this silo included. Every silo has a row and renews it with each beat; rows that are not renewed
 * vanish.
 *
 * Another silo is dead for good when its row is gone, and what proves that is no read, which may be stale, but that a
 * tombstone could be created in its place: from then on each write of its own is refused. This silo in turn counts as
 * fenced as soon as it cannot be sure of its own row any more, with a wide margin before the row vanishes.
 */
export class Membership {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly options: Required<MembershipOptions>;
  private readonly peers: Peers;
  private readonly deathListeners: Listeners<[address: string]>;
  private readonly fencedListeners: Listeners<[]>;
  private readonly changeListeners: Listeners<[]>;
  private readonly proofs = new Map<string, Promise<boolean>>();
  private readonly subscriptions: Disposable[] = [];
  private readonly counts = { beats: 0, failedBeats: 0, invalidRows: 0, incarnationsLost: 0 };

  private table: ClusterTable | undefined;
  private current: Incarnation | undefined;
  private state: MemberState = 'joining';
  private record: MemberRecord | undefined;
  private lastGeneration = 0;
  private left = false;
  /** Where a silo of a higher epoch was seen. */
  private newerEpochAt: string | undefined;
  private cachedMembers: readonly Member[] | undefined;
  private cachedOwn: Member | undefined;
  private cancelRetry: (() => void) | undefined;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for a `siloId` that makes no address, or times that do not fit together. */
  constructor(
    private readonly services: MembershipServices,
    options: MembershipOptions,
  ) {
    this.clock = services.clock;
    this.logger = services.logger;
    this.options = resolveMembershipOptions(options);
    this.peers = new Peers(this.options.clusterEpoch, this.clock);
    this.deathListeners = new Listeners('death of a silo', this.logger);
    this.fencedListeners = new Listeners('loss of the own incarnation', this.logger);
    this.changeListeners = new Listeners('change of members', this.logger);
  }

  /** Of this incarnation; a lost one keeps it until the next has joined. */
  get address(): string {
    invariant(this.current !== undefined, 'a silo has an address when it has joined');
    return this.current.address;
  }

  get generation(): number {
    return this.lastGeneration;
  }

  /**
   * Becomes a member that serves nothing yet.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE` when the engine has not answered for `joinTimeoutMs`; `INVALID_ARGUMENT`
   *   when the cluster has a higher epoch, or another `leaseMs`; `DRAINING` when it leaves meanwhile.
   */
  async join(): Promise<void> {
    invariant(this.current === undefined && !this.left, 'a silo joins once');
    const untilMs = this.clock.nowMs() + this.options.joinTimeoutMs;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)) {
      try {
        const entered = await this.enter();
        if (!this.left) {
          entered.isReachable = true;
          return;
        }
        await this.tryToRemove(entered);
        throw new GpuBridgeError('DRAINING', { what: this.options.siloId }, 'the silo has left while it joined');
      } catch (error) {
        const late = this.clock.nowMs() + retryMs > untilMs;
        if (late || !GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) {
          this.unsubscribe();
          throw error;
        }
        await this.clock.sleepNs(BigInt(Math.round(retryMs * 1e6)));
      }
    }
  }

  /** Lets grains be placed here. When the engine does not answer now, the others learn it with the next beat that arrives. */
  async activate(): Promise<void> {
    this.state = 'active';
    await this.current?.renew();
  }

  /** Lets nothing new be placed here; as {@link activate}. */
  async drain(): Promise<void> {
    this.state = 'draining';
    await this.current?.renew();
  }

  /** Brings the next beat forward, for what `describe` says has changed; at most ten times a second. */
  announce(): void {
    this.current?.announce();
  }

  /**
   * Ends the membership; whatever was active here may be activated elsewhere at once. When the engine does not answer, the
   * row stays until its lease runs out. Idempotent.
   */
  async leave(): Promise<void> {
    if (this.left) return;
    this.left = true;
    this.cancelRetry?.();
    this.unsubscribe();
    if (this.current === undefined || this.current.isOver) return;
    await this.tryToRemove(this.current);
  }

  /**
   * Live silos ordered by `siloId`, this one included; of a silo that was started again only the newest. The array is the
   * same until something changes.
   */
  members(): readonly Member[] {
    return (this.cachedMembers ??= this.listMembers());
  }

  /** Time since that silo gave a sign of life, ms; 0 of the own one. */
  seenAgoMs(address: string): number {
    return this.peers.seenAgoMs(address);
  }

  /** Silos whose death was proven of late and that had not left, by id; not those that are back. */
  lost(): readonly LostSilo[] {
    const there = new Set(this.members().map(({ siloId }) => siloId));
    return this.peers.lost().filter(({ siloId }) => !there.has(siloId));
  }

  /** A silo that is not known to be dead; also one that was started again since. */
  find(address: string): Member | undefined {
    return address === this.current?.address ? this.ownMember() : this.peers.find(address);
  }

  /** Whether that incarnation is known to be dead for good; a hint only where it says no. */
  isDead(address: string): boolean {
    return this.peers.isDead(address);
  }

  /** Whether keyed turns may not run: this incarnation is over, or too long without a sign of the contrary. Cheap. */
  isFenced(): boolean {
    const { current } = this;
    if (current === undefined || current.isOver) return true;
    return this.clock.nowMs() - current.renewedAtMs > this.options.fenceAfterMs;
  }

  /** Until its next beat: nothing answered at that address. */
  suspect(address: string): void {
    if (this.peers.suspect(address)) this.changed();
  }

  /**
   * Whether that incarnation is dead for good, so that what it owned may be taken over.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE` when that cannot be told now.
   */
  proveDead(address: string): Promise<boolean> {
    if (this.peers.isDead(address)) return Promise.resolve(true);
    if (address === this.current?.address && !this.current.isOver) return Promise.resolve(false);
    let proof = this.proofs.get(address);
    if (proof === undefined) {
      proof = this.prove(address).finally(() => this.proofs.delete(address));
      this.proofs.set(address, proof);
    }
    return proof;
  }

  /** Once for every incarnation that dies or leaves, except the present one of this silo. */
  onDeath(listener: (address: string) => void): Disposable {
    return this.deathListeners.add(listener);
  }

  /** This incarnation is lost; told before the next one joins, and not when `leave` ends it. */
  onFenced(listener: () => void): Disposable {
    return this.fencedListeners.add(listener);
  }

  /** Something that {@link members} says has changed. */
  onChange(listener: () => void): Disposable {
    return this.changeListeners.add(listener);
  }

  getInfo(): MembershipInfo {
    return { fenced: this.isFenced(), members: this.members().length, ...this.counts };
  }

  /** Creates the row of a new incarnation. */
  private async enter(): Promise<Incarnation> {
    const table = await this.openTable();
    for (const row of await table.rows()) this.onRow(row);
    if (this.newerEpochAt !== undefined) {
      const expected = `that of ${this.newerEpochAt}, which is higher`;
      throw GpuBridgeError.invalidArgument('clusterEpoch', this.options.clusterEpoch, expected);
    }
    for (;;) {
      // Wall time rises over restarts of the process, which knows nothing of its last generation.
      this.lastGeneration = Math.max(Math.floor(this.clock.wallMs()), this.lastGeneration + 1);
      const { siloId, clusterEpoch, beatMs } = this.options;
      const address = siloAddress(siloId, this.lastGeneration);
      const row = new OwnRow(table, address, clusterEpoch, this.clock);
      if (!(await row.create(this.describe('joining')))) continue;
      this.peers.forget(address); // the watch may have been faster than the answer
      this.current = new Incarnation(row, beatMs, this.incarnationHost());
      this.changed();
      return this.current;
    }
  }

  private async openTable(): Promise<ClusterTable> {
    const { port } = this.services;
    this.table ??= await port.openTable(MEMBERS_TABLE, { expireAfterMs: this.options.leaseMs });
    if (this.subscriptions.length === 0) {
      this.subscriptions.push(await this.table.watch(this.onRow));
      this.subscriptions.push(port.onConnectionChange((connected) => void (connected && this.catchUp())));
      if (this.left) this.unsubscribe();
    }
    return this.table;
  }

  private unsubscribe(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription[Symbol.dispose]();
  }

  private scheduleRejoin(retryMs: number): void {
    const timer = this.clock.schedule(() => void this.rejoin(Math.min(retryMs * 2, MAX_RETRY_MS)), retryMs);
    this.cancelRetry = () => timer.cancel();
  }

  private async rejoin(retryMs: number): Promise<void> {
    let entered: Incarnation | undefined;
    try {
      entered = await this.enter();
      if (!this.left) await this.services.rejoined?.(entered.address);
      // Over: lost again already, and the next is on its way.
      if (this.left) await this.tryToRemove(entered);
      if (entered.isOver) return;
      entered.isReachable = true;
      this.logger.info('silo rejoined', { address: entered.address });
      await entered.renew();
    } catch (error) {
      if (!GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE'))
        this.logger.error('silo could not rejoin', { siloId: this.options.siloId, error });
      if (entered?.isOver === true) return;
      if (entered !== undefined) await this.tryToRemove(entered);
      if (!this.left) this.scheduleRejoin(retryMs);
    }
  }

  private async tryToRemove(incarnation: Incarnation): Promise<void> {
    try {
      await incarnation.remove();
    } catch (error) {
      this.logger.warn('the silo left without telling: its lease has to run out', {
        address: incarnation.address,
        error,
      });
    }
  }

  /** After a lost connection: rows that have expired meanwhile were told to nobody. */
  private async catchUp(): Promise<void> {
    void this.current?.renew();
    try {
      const rows = (await this.table?.rows()) ?? [];
      for (const row of rows) this.onRow(row);
      const present = new Set(rows.map(({ key }) => key));
      const missing = [...this.peers.members].filter(({ address }) => !present.has(address));
      await Promise.all(missing.map(({ address }) => this.proveDead(address)));
    } catch (error) {
      // Leases find what this has missed.
      this.logger.debug('members could not be read again', { error });
    }
  }

  private readonly onRow = ({ key, value, revision }: TableChange): void => {
    const { current } = this;
    if (key === current?.address) {
      if (value === undefined || isTombstone(value)) current.lose();
      return;
    }
    if (value === undefined) {
      if (this.peers.find(key) !== undefined) this.tryToProve(key);
      return;
    }
    switch (this.peers.saw(key, value, revision)) {
      case 'beat':
        return this.changed();
      case 'death':
        return this.died(key);
      case 'invalid':
        if (this.counts.invalidRows++ === 0) this.logger.error('the table of members has a row that is none', { key });
        return;
      case 'newer-epoch':
        return this.superseded(key);
      case 'older-epoch':
      case 'old':
        return;
    }
  };

  private async prove(address: string): Promise<boolean> {
    invariant(this.table !== undefined, 'a silo judges others when it has joined');
    if ((await this.table.create(address, TOMBSTONE)) !== undefined) {
      if (this.peers.bury(address)) this.died(address);
      return true;
    }
    const row = await this.table.get(address);
    if (row !== undefined) this.onRow(row);
    return this.peers.isDead(address);
  }

  /** Where nobody waits for the answer; the lease asks again. */
  private tryToProve(address: string): void {
    this.proveDead(address).catch((error: unknown) => {
      this.logger.debug('a death could not be proved', { address, error });
    });
  }

  private died(address: string): void {
    this.logger.info('silo is dead', { address });
    this.changed();
    this.deathListeners.tell(address);
  }

  private incarnationHost(): IncarnationHost {
    return {
      clock: this.clock,
      logger: this.logger,
      record: (incarnation) => {
        this.counts.beats++;
        const record = this.describe(incarnation.isReachable ? this.state : 'joining');
        this.changed();
        return record;
      },
      renewed: (afterSilence) => {
        // While nothing got through, nobody could be heard, and no quorum means no verdicts.
        if (afterSilence) return this.peers.restartLeases();
        for (const address of this.peers.unseenFor(this.options.leaseMs)) {
          this.suspect(address);
          this.tryToProve(address);
        }
      },
      failed: () => {
        this.counts.failedBeats++;
      },
      lost: ({ address }) => {
        this.counts.incarnationsLost++;
        this.logger.error('this silo lost its membership: what was active here may be active elsewhere', { address });
        this.changed();
        this.fencedListeners.tell();
        if (!this.left && this.newerEpochAt === undefined) this.scheduleRejoin(FIRST_RETRY_MS);
      },
    };
  }

  private superseded(address: string): void {
    if (this.newerEpochAt !== undefined) return;
    this.newerEpochAt = address;
    const { clusterEpoch } = this.options;
    this.logger.error('the cluster goes on with a higher epoch, without this silo', { address, clusterEpoch });
    this.current?.lose();
  }

  /** To be called after every change of what {@link members} says, own record included. */
  private changed(): void {
    this.cachedMembers = undefined;
    this.cachedOwn = undefined;
    this.changeListeners.tell();
  }

  private describe(state: MemberState): MemberRecord {
    const { siloId } = this.options;
    this.record = { siloId, generation: this.lastGeneration, state, ...this.services.describe() };
    return this.record;
  }

  private ownMember(): Member | undefined {
    if (this.current === undefined || this.record === undefined) return undefined;
    return (this.cachedOwn ??= { ...this.record, address: this.current.address, suspect: this.current.isOver });
  }

  private listMembers(): readonly Member[] {
    const newest = new Map<string, Member>();
    for (const member of this.peers.members) {
      if ((newest.get(member.siloId)?.generation ?? -1) < member.generation) newest.set(member.siloId, member);
    }
    const own = this.ownMember();
    if (own !== undefined) newest.set(own.siloId, own);
    return [...newest.values()].sort((a, b) => (a.siloId < b.siloId ? -1 : 1));
  }
}
