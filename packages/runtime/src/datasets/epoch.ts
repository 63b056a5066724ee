import type { DatasetData } from '@gpu-bridge/abstractions';
import type { Resident } from '../arena/arena-residents.js';
import type { DeviceBroker } from '../broker/device-broker.js';
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

  /** Leases, pins, and who waits for a load. */
  get pins(): number {
    let pins = 0;
    for (const { leases } of this.copies.values()) pins += leases;
    for (const { waiting } of this.loads.values()) pins += waiting;
    return pins;
  }
}
