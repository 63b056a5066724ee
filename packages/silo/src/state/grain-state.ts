import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterPort, ClusterTable, GrainId, GrainStorage } from '@gpu-bridge/abstractions';
import { SealedStorage } from './sealed-storage.js';

export interface GrainStateServices {
  readonly port: ClusterPort;
  readonly clock: Clock;
}

const TABLE = 'state';

/** The values of all grains, one row each. */
export class GrainStateStore {
  private table: Promise<ClusterTable> | undefined;

  constructor(private readonly services: GrainStateServices) {}

  /**
   * Opens a grain's value for one activation, sealed: nothing that was opened with a lower token can write it any more, nor
   * anything opened before with this one.
   *
   * @throws GpuBridgeError `LEASE_FENCED` when a higher token has sealed it; `STORAGE_UNAVAILABLE` where the engine keeps
   *   nothing; `CLUSTER_UNAVAILABLE` (may be repeated).
   */
  async open(id: GrainId, fencingToken: number): Promise<GrainStorage> {
    const { port, clock } = this.services;
    if (port.storage === 'none') {
      const details = { what: 'storage of grains', reason: `the engine ${port.name} keeps nothing` };
      throw new GpuBridgeError('STORAGE_UNAVAILABLE', details, `${details.reason}: there is no ${details.what}`);
    }
    const storage = new SealedStorage(id, fencingToken, await this.openTable(), port.maxPayloadBytes, clock);
    await storage.seal();
    return storage;
  }

  private openTable(): Promise<ClusterTable> {
    this.table ??= this.services.port.openTable(TABLE).catch((error: unknown) => {
      this.table = undefined;
      throw error;
    });
    return this.table;
  }
}
