import type { DatasetData } from '@gpu-bridge/abstractions';
import type { Resident } from '../arena/arena-residents.js';
import type { DeviceBroker } from '../broker/device-broker.js';
import { holdFixed, releaseFixed } from '../columns/index-bounds.js';
import type { StoredColumn } from '../columns/stored-column.js';
import type { Dataset } from './dataset.js';
import type { EpochLayout } from './dataset-columns.js';
import type { EpochLoad } from './epoch-load.js';

/** An epoch in the arena of one device. */
export class EpochCopy {
  /** Leases and pins that are held. */
  leases = 0;

  constructor(
    readonly epoch: Epoch,
    readonly broker: DeviceBroker,
    readonly resident: Resident,
    readonly data: DatasetData,
  ) {}

  /** It is whole, and can be opened from now on. */
  settle(): void {
    for (const column of columnsIn(this.data)) holdFixed(column);
    this.epoch.copies.set(this.deviceId, this);
  }

  /** Gives its memory back. */
  free(): void {
    for (const column of columnsIn(this.data)) releaseFixed(column);
    this.epoch.copies.delete(this.deviceId);
    this.broker.staging.residents.evict(this.resident);
  }

  get deviceId(): string {
    return this.broker.description.id;
  }

  /** Nobody would miss it. */
  get isIdle(): boolean {
    return this.leases === 0 && this.resident.readers === 0;
  }
}

/** What an epoch is; the same on every device and after every load. */
export interface EpochContent {
  readonly layout: EpochLayout;
  readonly digest: string;
}

/** One epoch of a dataset, wherever it is. */
export class Epoch {
  /** By device. */
  readonly copies = new Map<string, EpochCopy>();
  /** Copies that are on their way, by device. */
  readonly loads = new Map<string, EpochLoad>();
  /** Undefined until it was loaded for the first time. */
  content: EpochContent | undefined;
  /** It can be loaded from the dataset's source. */
  isInSource: boolean;
  /** Grows with every open of any epoch. */
  openedAt = 0;

  constructor(
    readonly dataset: Dataset,
    readonly name: string,
    /** Grows with every epoch of the store. */
    readonly age: number,
    isInSource: boolean,
  ) {
    this.isInSource = isInSource;
  }

  get isCurrent(): boolean {
    return this.dataset.current === this;
  }

  /** Superseded, and nobody has it, waits for it or reads it. */
  get isForgettable(): boolean {
    if (this.isCurrent || this.loads.size > 0) return false;
    for (const { isIdle } of this.copies.values()) if (!isIdle) return false;
    return true;
  }

  /** Leases, pins, and who waits for a load. */
  get pins(): number {
    let pins = 0;
    for (const { leases } of this.copies.values()) pins += leases;
    for (const { waiting } of this.loads.values()) pins += waiting;
    return pins;
  }
}

function columnsIn(data: DatasetData): readonly StoredColumn[] {
  const columns = Object.values(data) as (StoredColumn | Readonly<Record<string, StoredColumn>>)[];
  return columns.flatMap((column) => (ArrayBuffer.isView(column) ? [column] : Object.values(column)));
}
