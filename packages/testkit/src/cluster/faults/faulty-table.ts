import { checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterTable, TableChange, TableOptions, TableRow } from '@gpu-bridge/abstractions';
import type { FaultyEngine } from './faulty-cluster.js';
import { allowed } from './allowed-name.js';
import type { FaultyPort } from './faulty-port.js';

/** A table that hands everything on to another, but for one fault. */
export class FaultyTable implements ClusterTable {
  private readonly engine: FaultyEngine;
  private readonly read = new Map<string, TableRow>();
  private readonly listeners = new Set<(change: TableChange) => void>();

  constructor(
    private readonly port: FaultyPort,
    private readonly inner: ClusterTable,
    private readonly options: TableOptions = {},
  ) {
    this.engine = port.engine;
  }

  get name(): string {
    return this.inner.name;
  }

  async get(key: string): Promise<TableRow | undefined> {
    await this.ready();
    const found = await this.inner.get(this.keyOf(key));
    if (found === undefined || this.outlived(key)) return undefined;
    const row = { ...found, key, revision: this.shown(key, found.revision) };
    if (!this.engine.is('value-aliased')) return row;
    const before = this.read.get(key);
    if (before?.revision === row.revision) return before;
    this.read.set(key, row);
    return row;
  }

  async rows(): Promise<readonly TableRow[]> {
    await this.ready();
    const rows = await this.inner.rows();
    if (this.engine.is('listing-short') && rows.length > 10) return rows.slice(1);
    return rows
      .filter(({ key }) => !this.outlived(key))
      .map((row) => ({ ...row, revision: this.shown(row.key, row.revision) }));
  }

  async create(key: string, value: Uint8Array): Promise<number | undefined> {
    const { engine } = this;
    if (engine.is('watch-in-writers-stack')) for (const tell of this.listeners) tell({ key, value, revision: 1 });
    await this.ready();
    const taken = `created ${this.name}/${key}`;
    if (engine.is('expired-key-taken') && engine.memory.has(taken)) return undefined;
    let revision = await this.inner.create(this.keyOf(key), this.valueOf(value));
    if (revision === undefined && engine.is('create-overwrites')) {
      const row = await this.inner.get(key);
      if (row !== undefined) revision = await this.inner.update(key, value, row.revision);
    }
    if (revision === undefined) return undefined;
    engine.memory.set(taken, engine.nowMs);
    const base = `base ${this.name}/${key}`;
    if (!engine.memory.has(base)) engine.memory.set(base, revision - 1);
    return this.shown(key, revision);
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    await this.ready();
    if (this.outlived(key)) return undefined;
    const at = await this.asked(key, revision, this.engine.is('update-ignores-revision'));
    const next = await this.inner.update(this.keyOf(key), this.valueOf(value), at);
    return next === undefined ? undefined : this.shown(key, next);
  }

  async delete(key: string, revision: number): Promise<boolean> {
    await this.ready();
    const at = await this.asked(key, revision, this.engine.is('delete-ignores-revision'));
    const did = await this.inner.delete(this.keyOf(key), at);
    if (did) this.engine.memory.delete(`created ${this.name}/${key}`);
    return did || this.engine.is('delete-always-did');
  }

  async watch(listener: (change: TableChange) => void): Promise<Disposable> {
    await this.ready();
    const { engine } = this;
    let told = 0;
    let kept: TableChange | undefined;
    const known = new Set<string>();
    const rows = await this.inner.rows();
    const last = Math.max(0, ...rows.map(({ revision }) => revision));
    const tell = (change: TableChange): void => {
      if (this.port.closed && engine.is('close-leaves-iteration')) return;
      told++;
      const { key, value, revision } = change;
      if (engine.is('watch-without-rows') && revision <= last) return;
      if (engine.is('watch-without-deletions') && value === undefined) return;
      if (engine.is('watch-loses-breaks') && value === undefined && this.port.hadBreak) return;
      if (engine.is('watch-loses-changes') && told % 7 === 0) return;
      if (engine.is('watch-swaps-changes') && told % 7 === 0) {
        kept = { ...change, value: value?.slice() };
        return;
      }
      const shown = { ...change, revision: this.shown(key, revision) };
      listener(shown);
      if (engine.is('watch-repeats-changes')) listener(shown);
      if (kept !== undefined) listener(kept);
      kept = undefined;
      if (value === undefined) known.delete(key);
      else known.add(key);
      if (engine.is('watch-tells-expiry')) void this.tellExpired(known, revision, listener);
    };
    this.listeners.add(tell);
    const watch = await this.inner.watch(tell);
    const dispose = (): void => (engine.is('watch-never-ends') ? undefined : watch[Symbol.dispose]());
    return { [Symbol.dispose]: dispose };
  }

  private async tellExpired(
    known: Set<string>,
    revision: number,
    listener: (change: TableChange) => void,
  ): Promise<void> {
    const rows = new Set((await this.inner.rows()).map(({ key }) => key));
    for (const key of known) {
      if (rows.has(key)) continue;
      known.delete(key);
      listener({ key, value: undefined, revision });
    }
  }

  private async ready(): Promise<void> {
    this.port.checkOpen();
    await this.port.connection();
  }

  /** The row was created a lease ago, and its updates are not counted. */
  private outlived(key: string): boolean {
    const { expireAfterMs = Number.POSITIVE_INFINITY } = this.options;
    const createdMs = this.engine.memory.get(`created ${this.name}/${key}`) ?? this.engine.nowMs;
    return this.engine.is('renewal-ignored') && this.engine.nowMs - createdMs >= expireAfterMs;
  }

  private keyOf(key: string): string {
    return this.engine.is('bad-keys-accepted') ? allowed(key, /[^A-Za-z0-9_.=/-]|^\.|\.$|(?<=\.)\./g, 512) : key;
  }

  private valueOf(value: Uint8Array): Uint8Array {
    const { maxPayloadBytes } = this.port;
    if (this.engine.is('value-cut')) return value.subarray(0, maxPayloadBytes);
    checkClusterPayload(value, maxPayloadBytes);
    return value;
  }

  /** The revision as this table shows it. */
  private shown(key: string, revision: number): number {
    return this.engine.is('revision-per-key') ? revision - this.base(key) : revision;
  }

  /** The revision that is asked for when this one is given. */
  private async asked(key: string, revision: number, ignored: boolean): Promise<number> {
    if (ignored) return (await this.inner.get(key))?.revision ?? revision;
    return this.engine.is('revision-per-key') ? revision + this.base(key) : revision;
  }

  private base(key: string): number {
    return this.engine.memory.get(`base ${this.name}/${key}`) ?? 0;
  }
}
