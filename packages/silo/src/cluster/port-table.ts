import { checkClusterKey, checkClusterPayload } from '@gpu-bridge/abstractions';
import type { ClusterTable, TableChange, TableRow } from '@gpu-bridge/abstractions';
import type { InProcessPort } from './in-process-port.js';
import type { TableStore } from './table-store.js';
import { TableWatch } from './table-watch.js';

/** A table as one port reaches it. */
export class PortTable implements ClusterTable {
  constructor(
    private readonly port: InProcessPort,
    private readonly store: TableStore,
  ) {}

  get name(): string {
    return this.store.name;
  }

  async get(key: string): Promise<TableRow | undefined> {
    checkClusterKey(key);
    return this.port.request(`get ${this.name}/${key}`, () => this.store.get(key));
  }

  rows(): Promise<readonly TableRow[]> {
    return this.port.request(`rows ${this.name}`, () => this.store.rows());
  }

  async create(key: string, value: Uint8Array): Promise<number | undefined> {
    const kept = this.copy(key, value);
    return this.port.request(`create ${this.name}/${key}`, () => this.store.create(key, kept));
  }

  async update(key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    const kept = this.copy(key, value);
    return this.port.request(`update ${this.name}/${key}`, () => this.store.update(key, kept, revision));
  }

  async delete(key: string, revision: number): Promise<boolean> {
    checkClusterKey(key);
    return this.port.request(`delete ${this.name}/${key}`, () => this.store.delete(key, revision));
  }

  async watch(listener: (change: TableChange) => void): Promise<Disposable> {
    const { network, clock } = this.port;
    const watch = new TableWatch({ network, clock, port: this.port, table: this.name }, listener, () => {
      this.store.unwatch(watch);
      this.port.watches.delete(watch);
    });
    this.port.watches.add(watch);
    try {
      await this.port.request(`watch ${this.name}`, () => this.store.watch(watch));
      return watch;
    } catch (error) {
      // The request may have been heard, or be heard even later.
      watch[Symbol.dispose]();
      throw error;
    }
  }

  /** The caller may change its array again as soon as the call returns. */
  private copy(key: string, value: Uint8Array): Uint8Array {
    checkClusterKey(key);
    checkClusterPayload(value, this.port.maxPayloadBytes, 'value');
    return value.slice();
  }
}
