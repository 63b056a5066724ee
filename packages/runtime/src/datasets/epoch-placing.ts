import { GpuBridgeError, sizeOf } from '@gpu-bridge/abstractions';
import type { DatasetColumnRef, DatasetData } from '@gpu-bridge/abstractions';
import type { DeviceBroker } from '../broker/device-broker.js';
import type { SourceColumn } from '../columns/bound-inputs.js';
import { checkData, columnBytes, dataOfBytes, dataViews, layOut, storeColumns } from './dataset-columns.js';
import type { EpochLayout } from './dataset-columns.js';
import { EpochCopy } from './epoch.js';
import type { Epoch } from './epoch.js';
import { digestOf } from './epoch-digest.js';
import type { SpillFolder } from './spill-folder.js';

/** How often epochs came from where. */
export interface PlacingCounts {
  loads: number;
  reloads: number;
  copies: number;
}

/** Puts epochs into arenas: from a caller, from another device, from the spill folder, from their source. Nobody sees a copy before it is whole. */
export class EpochPlacing {
  constructor(
    private readonly spill: SpillFolder,
    private readonly counts: PlacingCounts,
    /** Aborted when the store stops. */
    private readonly stopping: AbortSignal,
  ) {}

  /** A new epoch, which its source has, if it takes epochs, before this resolves. */
  async fromCaller(epoch: Epoch, broker: DeviceBroker, data: unknown): Promise<EpochCopy> {
    const { dataset, name } = epoch;
    const copy = await this.place(epoch, broker, data);
    const { source } = dataset;
    if (source?.save === undefined) return copy;
    try {
      await source.save(dataset.id, name, copy.data);
    } catch (error) {
      copy.free();
      throw error;
    }
    epoch.isInSource = true;
    return copy;
  }

  /** An epoch that is, or may be, somewhere else. */
  async fromElsewhere(epoch: Epoch, broker: DeviceBroker): Promise<EpochCopy> {
    const copied = await this.whenRoom(() => this.fromDevice(epoch, broker));
    if (copied !== undefined) {
      this.counts.copies++;
      return copied;
    }
    if (this.spill.has(epoch)) {
      const reloaded = await this.place(epoch, broker, await this.fromSpill(epoch));
      this.counts.reloads++;
      return reloaded;
    }
    const { dataset, name } = epoch;
    const { source } = dataset;
    if (source === undefined) throw invalid(epoch, 'it is nowhere any more');
    const copy = await this.place(epoch, broker, await source.load(dataset.id, name, this.stopping));
    this.counts.loads++;
    epoch.isInSource = true;
    return copy;
  }

  private fromDevice(epoch: Epoch, broker: DeviceBroker): EpochCopy | undefined {
    for (const { broker: from, resident } of epoch.copies.values()) {
      const { layout } = epoch.content!;
      const { offset } = resident.block;
      const bytes = from.staging.memory.u8.subarray(offset, offset + layout.sizeBytes);
      const copy = this.admit(epoch, broker, layout);
      broker.staging.memory.u8.set(bytes, copy.resident.block.offset);
      return copy;
    }
    return undefined;
  }

  private async fromSpill(epoch: Epoch): Promise<DatasetData> {
    let reason = 'it is not there any more';
    const bytes = await this.spill.read(epoch).catch((error: unknown) => {
      reason = error instanceof Error ? error.message : String(error);
      return undefined;
    });
    if (bytes === undefined) throw invalid(epoch, `the file that it was spilled to cannot be used: ${reason}`);
    return dataOfBytes(epoch.content!.layout.columns, bytes);
  }

  /** Puts data into a block of its own. It becomes the epoch only if it is what that was before. */
  private async place(epoch: Epoch, broker: DeviceBroker, data: unknown): Promise<EpochCopy> {
    const { columns } = epoch.dataset;
    const { copy, layout } = await this.whenRoom(() => this.fill(epoch, broker, checkData(columns, data)));
    try {
      const { offset } = copy.resident.block;
      const digest = await digestOf(layout.columns, columnBytes(layout, broker.staging.memory.buffer, offset));
      epoch.content ??= { layout, digest };
      if (epoch.content.digest !== digest) throw invalid(epoch, `its digest is ${digest}, not ${epoch.content.digest}`);
    } catch (error) {
      copy.free();
      throw error;
    }
    return copy;
  }

  /** At once, so that nobody changes what was checked. */
  private fill(epoch: Epoch, broker: DeviceBroker, sources: readonly SourceColumn[]) {
    const layout = layOut(epoch.dataset.columns, sources);
    const copy = this.admit(epoch, broker, layout);
    storeColumns(layout, sources, broker.staging.memory, copy.resident.block.offset);
    return { copy, layout };
  }

  /** Tries again when others could make way as soon as what went before is on disk. */
  private async whenRoom<T>(attempt: () => T): Promise<T> {
    for (;;) {
      if (this.stopping.aborted) throw this.stopping.reason;
      try {
        return attempt();
      } catch (error) {
        const isFull = GpuBridgeError.is(error, 'ARENA_EXHAUSTED') || GpuBridgeError.is(error, 'QUOTA_EXCEEDED');
        if (!isFull || !this.spill.isBusy) throw error;
      }
      await this.spill.settled();
    }
  }

  private admit(epoch: Epoch, broker: DeviceBroker, layout: EpochLayout): EpochCopy {
    const { memory, residents } = broker.staging;
    const resident = residents.admit(epoch.dataset, layout.sizeBytes, {
      describe: (column) => columnRef(epoch, layout, column.byteOffset - resident.block.offset, column.byteLength),
    });
    return new EpochCopy(epoch, broker, resident, dataViews(layout, memory.buffer, resident.block.offset));
  }
}

/** @param start - from the start of the epoch's block. */
function columnRef(epoch: Epoch, layout: EpochLayout, start: number, sizeBytes: number): DatasetColumnRef | undefined {
  const column = layout.columns.find((c) => c.start === start && c.count * sizeOf(c.dtype) === sizeBytes);
  if (column === undefined) return undefined;
  return { id: epoch.dataset.id, epoch: epoch.name, column: column.name };
}

function invalid({ dataset: { id }, name }: Epoch, reason: string): GpuBridgeError {
  return new GpuBridgeError(
    'DATASET_INVALID',
    { dataset: id, epoch: name, reason },
    `epoch ${name} of dataset ${id} cannot be had again as it was: ${reason}`,
  );
}
