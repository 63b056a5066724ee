import type { Clock, TableChange, TableRow } from '@gpu-bridge/abstractions';
import type { Journal } from './journal.js';
import type { JournalRecord } from './journal-record.js';
import type { TableWatch } from './table-watch.js';

interface StoredRow extends TableRow {
  readonly writtenAtMs: number;
}

interface TableServices {
  readonly clock: Clock;
  readonly journal: Journal;
}

/** The rows of one table as the engine has them; ports work on it through requests. */
export class TableStore {
  /** In the order of writing, which is that of revisions and of expiry. */
  private readonly stored = new Map<string, StoredRow>();
  private readonly watches = new Set<TableWatch>();
  private revision = 0;

  constructor(
    readonly name: string,
    readonly expireAfterMs: number | undefined,
    private readonly services: TableServices,
  ) {}

  get(key: string): TableRow | undefined {
    this.expire();
    const row = this.stored.get(key);
    return row && copyOf(row);
  }

  rows(): TableRow[] {
    this.expire();
    return [...this.stored.values()].map(copyOf);
  }

  /** @param value - taken over. */
  create(key: string, value: Uint8Array): number | undefined {
    this.expire();
    return this.stored.has(key) ? undefined : this.write(key, value);
  }

  /** @param value - taken over. */
  update(key: string, value: Uint8Array, revision: number): number | undefined {
    this.expire();
    return this.stored.get(key)?.revision === revision ? this.write(key, value) : undefined;
  }

  delete(key: string, revision: number): boolean {
    this.expire();
    if (this.stored.get(key)?.revision !== revision) return false;
    this.stored.delete(key);
    this.record({ kind: 'deletion', table: this.name, key, revision: ++this.revision });
    this.tell({ key, value: undefined, revision: this.revision });
    return true;
  }

  /** Tells it of every row, and from then on of every change. */
  watch(watch: TableWatch): void {
    if (watch.disposed) return;
    this.expire();
    watch.begin([...this.stored.values()], this.revision);
    this.watches.add(watch);
    this.services.journal.whenStored(() => watch.resume());
  }

  unwatch(watch: TableWatch): void {
    this.watches.delete(watch);
  }

  /** Takes over what a journal holds. */
  replay(record: JournalRecord & { readonly kind: 'table' | 'row' | 'deletion' }): void {
    this.revision = record.revision;
    if (record.kind === 'table') return;
    this.stored.delete(record.key);
    if (record.kind === 'row') this.stored.set(record.key, { ...record, writtenAtMs: this.services.clock.nowMs() });
  }

  *snapshot(): Generator<JournalRecord> {
    if (this.expireAfterMs !== undefined) return;
    for (const { key, value, revision } of this.stored.values()) {
      yield { kind: 'row', table: this.name, key, value, revision };
    }
    // Last, because each record sets the revision.
    yield { kind: 'table', table: this.name, revision: this.revision };
  }

  private write(key: string, value: Uint8Array): number {
    const row = { key, value, revision: ++this.revision, writtenAtMs: this.services.clock.nowMs() };
    this.stored.delete(key);
    this.stored.set(key, row);
    this.record({ kind: 'row', table: this.name, key, value, revision: row.revision });
    this.tell(row);
    return row.revision;
  }

  /** What expires does not outlive the process: its time would have run on meanwhile. */
  private record(record: JournalRecord): void {
    if (this.expireAfterMs === undefined) this.services.journal.append(record);
  }

  /** Nobody hears of what a crash could still undo. */
  private tell(change: TableChange): void {
    this.services.journal.whenStored(() => {
      for (const watch of this.watches) watch.tell(change);
    });
  }

  private expire(): void {
    if (this.expireAfterMs === undefined) return;
    const until = this.services.clock.nowMs() - this.expireAfterMs;
    for (const [key, { writtenAtMs }] of this.stored) {
      if (writtenAtMs > until) return;
      this.stored.delete(key);
    }
  }
}

function copyOf({ key, value, revision }: TableRow): TableRow {
  return { key, value: value.slice(), revision };
}
