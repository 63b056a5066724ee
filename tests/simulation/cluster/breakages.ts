import type { ClusterPort, ClusterTable } from '@gpu-bridge/abstractions';

/** A cluster that is broken on purpose: the simulation has to notice. */
export interface Breakage {
  /** What a silo gets instead of its port. */
  readonly port?: (port: ClusterPort) => ClusterPort;
  readonly mayRunKeyed?: () => boolean;
  readonly idempotent?: 'all';
}

export const NO_BREAKAGE: Breakage = {};

export const BREAKAGES: Readonly<Record<string, Breakage>> = {
  'an engine that gives a row of the directory to whoever asks for it': {
    port: (port) => withTables(port, 'directory-0', creatingAnyway),
  },
  'an engine whose compare-and-set of grain state ignores the revision': {
    port: (port) => withTables(port, 'state', ignoringRevisions),
  },
  'an engine that acknowledges writes of grain state before it has them': {
    port: (port) => withTables(port, 'state', acknowledgingEarly),
  },
  'a fenced silo that goes on': { mayRunKeyed: () => true },
  'calls that are repeated although they are not idempotent': { idempotent: 'all' },
};

function withTables(
  port: ClusterPort,
  name: string,
  broken: (table: ClusterTable) => Partial<ClusterTable>,
): ClusterPort {
  return {
    name: port.name,
    maxPayloadBytes: port.maxPayloadBytes,
    storage: port.storage,
    open: () => port.open(),
    close: () => port.close(),
    onConnectionChange: (listener) => port.onConnectionChange(listener),
    listen: (address, listener) => port.listen(address, listener),
    openStream: (stream, options) => port.openStream(stream, options),
    openTable: async (table, options) => {
      const opened = await port.openTable(table, options);
      return table === name ? { ...plain(opened), ...broken(opened) } : opened;
    },
  };
}

function plain(table: ClusterTable): ClusterTable {
  return {
    name: table.name,
    get: (key) => table.get(key),
    rows: () => table.rows(),
    create: (key, value) => table.create(key, value),
    update: (key, value, revision) => table.update(key, value, revision),
    delete: (key, revision) => table.delete(key, revision),
    watch: (listener) => table.watch(listener),
  };
}

function ignoringRevisions(table: ClusterTable): Partial<ClusterTable> {
  const update: ClusterTable['update'] = async (key, value) => {
    const row = await table.get(key);
    return row === undefined ? table.create(key, value) : table.update(key, value, row.revision);
  };
  return { update };
}

function creatingAnyway(table: ClusterTable): Partial<ClusterTable> {
  const create: ClusterTable['create'] = async (key, value) => {
    const row = await table.get(key);
    return row === undefined ? table.create(key, value) : table.update(key, value, row.revision);
  };
  return { create };
}

function acknowledgingEarly(table: ClusterTable): Partial<ClusterTable> {
  const update: ClusterTable['update'] = (key, value, revision) => {
    table.update(key, value, revision).catch(() => undefined);
    return Promise.resolve(revision + 1);
  };
  return { update };
}
