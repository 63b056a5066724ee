import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, KernelHandle } from '@gpu-bridge/abstractions';
import { DeviceBroker } from '../broker/device-broker.js';
import { Job } from '../jobs/job.js';
import { ResultChunks } from './result-chunks.js';
import { ResultReader } from './result-reader.js';

/** Tenants whose chunk is kept open; more of them share nothing, they just start new chunks more often. */
const OPEN_CHUNKS = 64;

/** Hands out readers of results. Copies of different tenants never share a buffer, which a view would expose. */
export class ResultStore {
  private readonly chunks = new Map<string, ResultChunks>();

  constructor(private readonly retentionMs: number) {}

  read(handle: KernelHandle, mode: 'copy' | 'borrow'): AsyncIterable<ColumnBatch<Record<string, unknown>>> {
    if (!(handle instanceof Job) || !(handle.owner instanceof DeviceBroker)) {
      throw GpuBridgeError.invalidArgument('handle', handle, 'a handle that this bridge returned');
    }
    if (mode !== 'copy' && mode !== 'borrow') throw GpuBridgeError.invalidArgument('mode', mode, 'copy or borrow');
    return new ResultReader(handle, this.retentionMs, mode === 'copy' ? this.chunksOf(handle.tenant) : undefined);
  }

  private chunksOf(tenant: string): ResultChunks {
    let chunks = this.chunks.get(tenant);
    if (chunks === undefined) {
      if (this.chunks.size >= OPEN_CHUNKS) this.chunks.clear();
      chunks = new ResultChunks();
      this.chunks.set(tenant, chunks);
    }
    return chunks;
  }
}
