import { randomUUID } from 'node:crypto';
import { GpuBridgeError, checkClusterPayload } from '@gpu-bridge/abstractions';
import type { Clock, ClusterTable, GrainId, GrainStorage } from '@gpu-bridge/abstractions';
import { tableKeyOf } from '../directory/grain-key.js';
import { RaceBackOff } from '../directory/race-back-off.js';
import { decodeValue, encodeValue } from '../messaging/codec.js';
import { decodeStateRow, encodeStateRow } from './state-row.js';
import type { StateRow } from './state-row.js';

/**
 * One grain's row, in the hands of one activation. Every write is a compare-and-set, and every read is compared with the
 * last write: that is how it notices that another has sealed the row. One access at a time, in the order of the calls.
 *
 * The row is never deleted, or an activation with an older token could begin anew.
 */
export class SealedStorage implements GrainStorage {
  private readonly key: string;
  private readonly ownSeal = randomUUID();
  private revision = 0;
  private writes = 0;
  private fenced = false;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly id: GrainId,
    private readonly fencingToken: number,
    private readonly table: ClusterTable,
    private readonly maxRowBytes: number,
    private readonly clock: Clock,
  ) {
    this.key = tableKeyOf(id);
  }

  /**
   * Puts the token into the row and leaves the value; before everything else.
   *
   * @throws GpuBridgeError `LEASE_FENCED` when a higher token is there.
   */
  async seal(): Promise<void> {
    for (const races = this.races(); ; await races.wait()) {
      const row = await this.table.get(this.key);
      const held = row && decodeStateRow(this.key, row.value);
      if (held !== undefined && held.fencingToken > this.fencingToken) throw this.fence();
      const sealed = this.rowOf(held?.value, 0);
      const revision =
        row === undefined
          ? await this.table.create(this.key, sealed)
          : await this.table.update(this.key, sealed, row.revision);
      if (revision !== undefined) {
        this.revision = revision;
        return;
      }
    }
  }

  read(): Promise<unknown> {
    return this.inTurn(async () => {
      for (const races = this.races(); ; await races.wait()) {
        const held = await this.readOwn();
        if (held !== undefined) return held.value && decodeValue(held.value);
      }
    });
  }

  async write(value: unknown): Promise<void> {
    // At once: the grain may change the value while earlier writes are under way.
    await this.put(encodeValue(value));
  }

  async clear(): Promise<void> {
    await this.put(undefined);
  }

  private put(value: Uint8Array | undefined): Promise<void> {
    const writes = ++this.writes;
    const bytes = this.rowOf(value, writes);
    checkClusterPayload(bytes, this.maxRowBytes, 'value');
    return this.inTurn(async () => {
      for (const races = this.races(); ; await races.wait()) {
        const revision = await this.updateOrFind(bytes, writes);
        if (revision !== undefined) {
          this.revision = revision;
          return;
        }
        // Either another has sealed the row, or a write whose answer got lost has landed: an earlier one, or this.
        const held = await this.readOwn();
        if (held?.writes === writes) return;
      }
    });
  }

  /** @returns undefined when the row is not as it was after the last write. */
  private async updateOrFind(bytes: Uint8Array, writes: number): Promise<number | undefined> {
    try {
      return await this.table.update(this.key, bytes, this.revision);
    } catch (error) {
      const held = await this.readOwn().catch((readError: unknown) => {
        throw GpuBridgeError.is(readError, 'LEASE_FENCED') ? readError : error;
      });
      if (held?.writes === writes) return this.revision;
      throw error; // it may still land; the next access finds out
    }
  }

  /**
   * Takes over the revision of the row when it is still this activation's.
   *
   * @returns undefined for a read that is older than the last write.
   */
  private async readOwn(): Promise<StateRow | undefined> {
    const row = await this.table.get(this.key);
    if (row === undefined || row.revision < this.revision) return undefined;
    const held = decodeStateRow(this.key, row.value);
    if (held.seal !== this.ownSeal) throw this.fence();
    this.revision = row.revision;
    return held;
  }

  private inTurn<T>(access: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      if (this.fenced) throw this.fence();
      return access();
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  private rowOf(value: Uint8Array | undefined, writes: number): Uint8Array {
    return encodeStateRow({ fencingToken: this.fencingToken, seal: this.ownSeal, writes, value });
  }

  private races(): RaceBackOff {
    return new RaceBackOff(`the state of ${this.id.type}/${this.id.key}`, this.clock);
  }

  private fence(): GpuBridgeError<'LEASE_FENCED'> {
    this.fenced = true;
    const { fencingToken } = this;
    const what = `${this.id.type}/${this.id.key}`;
    return new GpuBridgeError('LEASE_FENCED', { what, fencingToken }, `grain ${what} was taken over by another silo`);
  }
}
