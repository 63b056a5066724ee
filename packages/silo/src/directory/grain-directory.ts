import { checkClusterAddress } from '@gpu-bridge/abstractions';
import type { Clock, ClusterTable, GrainId, Logger, TableRow } from '@gpu-bridge/abstractions';
import { Listeners } from '../membership/listeners.js';
import type { Membership } from '../membership/membership.js';
import { EntryCache } from './entry-cache.js';
import { FencingTokens } from './fencing-tokens.js';
import { mapKeyOf, tableKeyOf } from './grain-key.js';
import { RaceBackOff } from './race-back-off.js';

/** Which silo hosts a grain. */
export interface DirectoryEntry {
  /** Address of an incarnation. */
  readonly owner: string;
  /** Rises with every claim. */
  readonly fencingToken: number;
}

export interface GrainDirectoryServices {
  /** Named by {@link directoryTableName}; its rows never expire. */
  readonly table: ClusterTable;
  readonly membership: Pick<Membership, 'address' | 'find' | 'proveDead'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface GrainDirectoryOptions {
  /** 0 … 8,191, raised by an operator after the engine has lost writes. Default 0. */
  readonly clusterEpoch?: number;
  /** Entries kept in memory. Default 100,000. */
  readonly cacheCapacity?: number;
}

/** Every epoch has a directory of its own: nothing of the one before can be trusted. */
export function directoryTableName(clusterEpoch = 0): string {
  return `directory-${clusterEpoch}`;
}

const DEFAULT_CACHE_CAPACITY = 100_000;
/** Rows deleted at a time by a sweep, so that calls get their turn. */
const SWEEP_STEP = 32;
const PROBE = Uint8Array.of(0);

/**
 * Who owns which grain, in the whole cluster. A row is created by the silo that shall host the grain, and changes hands only
 * when its owner is dead for good; the revision of its last write is the fencing token.
 *
 * Everything that was read is a hint, which the owner confirms or refuses; only writes decide.
 */
export class GrainDirectory {
  private readonly table: ClusterTable;
  private readonly tokens: FencingTokens;
  private readonly cache: EntryCache<DirectoryEntry>;
  private readonly claims = new Map<string, Promise<DirectoryEntry>>();
  private readonly rollbackListeners: Listeners<[]>;

  /** @throws GpuBridgeError `INVALID_ARGUMENT` */
  constructor(
    private readonly services: GrainDirectoryServices,
    options: GrainDirectoryOptions = {},
  ) {
    this.table = services.table;
    this.cache = new EntryCache(options.cacheCapacity ?? DEFAULT_CACHE_CAPACITY);
    this.rollbackListeners = new Listeners('loss of writes by the engine', services.logger);
    this.tokens = new FencingTokens(options.clusterEpoch ?? 0, () => this.rolledBack());
  }

  /** The entry as it was seen last, if its owner lives. */
  cached(id: GrainId): DirectoryEntry | undefined {
    const key = mapKeyOf(id);
    const entry = this.cache.get(key);
    if (entry === undefined || this.services.membership.find(entry.owner) !== undefined) return entry;
    this.cache.delete(key);
    return undefined;
  }

  /** Reads the entry, which may be stale. @throws GpuBridgeError `CLUSTER_UNAVAILABLE` */
  async lookUp(id: GrainId): Promise<DirectoryEntry | undefined> {
    const row = await this.table.get(tableKeyOf(id));
    return row === undefined ? undefined : this.remember(id, this.entryOf(row));
  }

  /**
   * Makes this silo the owner of a grain that it shall host and has no activation of. Calls for one grain share one claim.
   *
   * @returns an entry of this silo, whose token nobody had before; or the owner's, which lives as far as anyone can prove.
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE` (may be repeated); `STORAGE_UNAVAILABLE` after the engine has lost writes,
   *   until the epoch is raised.
   */
  claim(id: GrainId): Promise<DirectoryEntry> {
    const key = mapKeyOf(id);
    let claim = this.claims.get(key);
    if (claim === undefined) {
      claim = this.claimNow(id).finally(() => this.claims.delete(key));
      this.claims.set(key, claim);
    }
    return claim;
  }

  /** Gives an own entry up, so that any silo may claim the grain. @throws GpuBridgeError `CLUSTER_UNAVAILABLE` */
  async release(id: GrainId, fencingToken: number): Promise<void> {
    if (this.cache.get(mapKeyOf(id))?.fencingToken === fencingToken) this.forget(id);
    await this.table.delete(tableKeyOf(id), this.tokens.revisionOf(fencingToken));
  }

  /**
   * Makes another silo the owner of a grain that this one has, and has no activation of any more. It is active there with the
   * first call.
   *
   * @param successor - address of an incarnation.
   * @returns undefined when the grain is no longer this silo's.
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE`: whose it is then shows when it is claimed.
   */
  async handOver(id: GrainId, fencingToken: number, successor: string): Promise<DirectoryEntry | undefined> {
    const revision = this.tokens.revisionOf(fencingToken);
    const handed = await this.write(successor, (value) => this.table.update(tableKeyOf(id), value, revision));
    if (handed !== undefined) this.remember(id, handed);
    return handed;
  }

  /** The cached entry proved wrong. */
  forget(id: GrainId): void {
    this.cache.delete(mapKeyOf(id));
  }

  /**
   * Deletes the rows of a dead silo. Nothing waits for it: a claim takes over what is still there.
   *
   * @returns how many there were; 0 when the silo cannot be proved dead.
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE`
   */
  async sweep(deadAddress: string): Promise<number> {
    if (!(await this.services.membership.proveDead(deadAddress))) return 0;
    const rows = (await this.table.rows()).filter(({ value }) => textOf(value) === deadAddress);
    let deleted = 0;
    for (let first = 0; first < rows.length; first += SWEEP_STEP) {
      const step = rows.slice(first, first + SWEEP_STEP);
      const results = await Promise.all(step.map(({ key, revision }) => this.table.delete(key, revision)));
      deleted += results.filter(Boolean).length;
    }
    return deleted;
  }

  /**
   * Looks whether the engine still has every write that was seen; to be called when the connection to it has come back.
   *
   * @throws GpuBridgeError `CLUSTER_UNAVAILABLE`; `STORAGE_UNAVAILABLE` when it has not.
   */
  async verify(): Promise<void> {
    const key = `=probe/${this.services.membership.address}`;
    const tokenOf = this.tokens.expectNew();
    const revision = (await this.table.create(key, PROBE)) ?? (await this.replaceProbe(key));
    if (revision === undefined) return; // another look is under way, and finds out
    tokenOf(revision);
    await this.table.delete(key, revision);
  }

  /** The engine has lost writes that were acknowledged: tokens may come twice, so nothing keyed may go on. */
  onRollback(listener: () => void): Disposable {
    return this.rollbackListeners.add(listener);
  }

  private async claimNow(id: GrainId): Promise<DirectoryEntry> {
    const { membership, clock } = this.services;
    const key = tableKeyOf(id);
    for (const races = new RaceBackOff(`the directory row of ${id.type}/${id.key}`, clock); ; await races.wait()) {
      const claimant = membership.address;
      const created = await this.write(claimant, (value) => this.table.create(key, value));
      if (created !== undefined) {
        if (claimant === membership.address) return this.remember(id, created);
        continue; // of an incarnation that was lost meanwhile
      }
      const row = await this.table.get(key);
      if (row === undefined) continue; // released since, or not there yet where it was read
      const entry = this.entryOf(row);
      // An own row is claimed anew, for a token of its own: left by a release or an answer that got lost.
      if (entry.owner !== claimant && !(await this.mayTakeOver(entry.owner))) return this.remember(id, entry);
      const taken = await this.write(claimant, (value) => this.table.update(key, value, row.revision));
      if (taken !== undefined && claimant === membership.address) return this.remember(id, taken);
    }
  }

  /** Only where there is doubt is it asked whether the owner is dead, and only a proof counts. */
  private mayTakeOver(owner: string): Promise<boolean> {
    const { membership } = this.services;
    const member = membership.find(owner);
    return member === undefined || member.suspect ? membership.proveDead(owner) : Promise.resolve(false);
  }

  private async write(
    owner: string,
    send: (value: Uint8Array) => Promise<number | undefined>,
  ): Promise<DirectoryEntry | undefined> {
    const tokenOf = this.tokens.expectNew();
    const revision = await send(Buffer.from(owner));
    return revision === undefined ? undefined : { owner, fencingToken: tokenOf(revision) };
  }

  /** A probe may be left over from a look whose answers got lost. */
  private async replaceProbe(key: string): Promise<number | undefined> {
    const left = await this.table.get(key);
    return left === undefined ? undefined : this.table.update(key, PROBE, left.revision);
  }

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for a row that no silo wrote. */
  private entryOf({ key, value, revision }: TableRow): DirectoryEntry {
    const owner = textOf(value);
    checkClusterAddress(owner, `owner of ${key}`);
    return { owner, fencingToken: this.tokens.seen(revision) };
  }

  /** Keeps the newest: reads may lag behind. */
  private remember(id: GrainId, entry: DirectoryEntry): DirectoryEntry {
    const key = mapKeyOf(id);
    const known = this.cache.get(key);
    if (known !== undefined && known.fencingToken > entry.fencingToken) return known;
    this.cache.set(key, entry);
    return entry;
  }

  private rolledBack(): void {
    this.services.logger.error(
      'the engine has lost writes that it had acknowledged: keyed grains are refused until clusterEpoch is raised',
      { table: this.table.name },
    );
    this.cache.clear();
    this.rollbackListeners.tell();
  }
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
}
