import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DatasetDefinition, DatasetOptions, DatasetSource } from '@gpu-bridge/abstractions';
import { flatColumns } from './dataset-columns.js';
import type { FlatColumn } from './dataset-columns.js';
import type { Epoch } from './epoch.js';

/** Publishes of one dataset that may wait for each other. */
const MAX_WAITING = 64;

/** What the store knows of one dataset. */
export class Dataset {
  readonly id: string;
  readonly columns: readonly FlatColumn[];
  readonly source: DatasetSource | undefined;
  readonly tenant: string;
  /** By name, the oldest first. */
  readonly epochs = new Map<string, Epoch>();
  current: Epoch | undefined;
  /** Its block is being written; nobody can open it yet. */
  publishing: string | undefined;
  private readonly sharedWith: 'all' | readonly string[];
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** @throws GpuBridgeError `INVALID_ARGUMENT`. */
  constructor({ id, columns }: DatasetDefinition, options: DatasetOptions) {
    const { source, tenant = 'default', sharedWith = [] } = options;
    this.id = checkName('dataset.id', id, 128);
    if (id.includes('@')) throw GpuBridgeError.invalidArgument('dataset.id', id, 'without @');
    this.columns = flatColumns(columns);
    if (source !== undefined && typeof source?.load !== 'function')
      throw GpuBridgeError.invalidArgument(
        'options.source',
        source,
        'a source with load, and save if it can be written',
      );
    this.source = source;
    this.tenant = checkName('options.tenant', tenant, 64);
    const isShared =
      sharedWith === 'all' || (Array.isArray(sharedWith) && sharedWith.every((t) => typeof t === 'string'));
    if (!isShared) throw GpuBridgeError.invalidArgument('options.sharedWith', sharedWith, 'all, or names of tenants');
    this.sharedWith = sharedWith;
  }

  /** Whether a definition says the same as this one's. */
  matches(columns: readonly FlatColumn[]): boolean {
    const mine = this.columns;
    return (
      columns.length === mine.length && columns.every((c, i) => c.name === mine[i]!.name && c.dtype === mine[i]!.dtype)
    );
  }

  /** Whether a tenant may read it. */
  isOpenTo(tenant: string): boolean {
    return tenant === this.tenant || this.sharedWith === 'all' || this.sharedWith.includes(tenant);
  }

  /**
   * Changes of which epoch is current happen one after the other, in the order they were asked for.
   *
   * @param full - makes the error for one too many.
   */
  inTurn<T>(change: () => Promise<T>, full: () => GpuBridgeError): Promise<T> {
    if (this.waiting >= MAX_WAITING) return Promise.reject(full());
    this.waiting++;
    const turn = this.last.then(change).finally(() => this.waiting--);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** @throws GpuBridgeError `INVALID_ARGUMENT`. */
export function checkName(field: string, name: unknown, longest: number): string {
  if (typeof name === 'string' && name !== '' && name.length <= longest) return name;
  throw GpuBridgeError.invalidArgument(field, name, `a string of 1..${longest} characters`);
}
