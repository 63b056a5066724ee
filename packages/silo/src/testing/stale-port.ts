import type { ClusterPort, ClusterTable, TableRow } from '@gpu-bridge/abstractions';

/** Reads of a table that can be made to lag behind, as those of a replica. Writes and watches are not touched. */
export class StaleReads {
  private old: ReadonlyMap<string, TableRow> | undefined;

  constructor(private readonly table: ClusterTable) {}

  /** From now on every read shows the rows as they are now. */
  async stop(): Promise<void> {
    this.old = new Map((await this.table.rows()).map((row) => [row.key, row]));
  }

  catchUp(): void {
    this.old = undefined;
  }

  /** The table as one who reads from the replica has it. */
  asTable(): ClusterTable {
    const { table } = this;
    return {
      name: table.name,
      get: (key) => (this.old === undefined ? table.get(key) : Promise.resolve(this.old.get(key))),
      rows: () => (this.old === undefined ? table.rows() : Promise.resolve([...this.old.values()])),
      create: (key, value) => table.create(key, value),
      update: (key, value, revision) => table.update(key, value, revision),
      delete: (key, revision) => table.delete(key, revision),
      watch: (listener) => table.watch(listener),
    };
  }
}

/** A port one of whose tables is read through {@link StaleReads}. */
export function withStaleReads(port: ClusterPort, tableName: string, reads: (table: StaleReads) => void): ClusterPort {
  return {
    name: port.name,
    maxPayloadBytes: port.maxPayloadBytes,
    storage: port.storage,
    open: () => port.open(),
    close: () => port.close(),
    onConnectionChange: (listener) => port.onConnectionChange(listener),
    listen: (address, listener) => port.listen(address, listener),
    openStream: (name, options) => port.openStream(name, options),
    openTable: async (name, options) => {
      const table = await port.openTable(name, options);
      if (name !== tableName) return table;
      const stale = new StaleReads(table);
      reads(stale);
      return stale.asTable();
    },
  };
}
