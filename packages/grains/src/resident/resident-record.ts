import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** The epoch that computing goes to. */
export interface CurrentEpoch {
  readonly epoch: string;
  /** Silo that published it: the only one to have it, unless it is saved. */
  readonly siloId: string;
  /** The source of the dataset has it. */
  readonly isSaved: boolean;
}

/** What grain storage has of a resident grain: all that a new activation needs, wherever it is. */
export interface ResidentRecord {
  /** Numbers given to epochs: the last one that was tried, whether it was committed or not. */
  readonly lastNumber: number;
  readonly current: CurrentEpoch | null;
  /** Epochs to be kept resident, superseded ones too. */
  readonly pins: readonly string[];
  /** Of a subclass; undefined until it has saved any. */
  readonly state?: unknown;
}

export const NEW_RECORD: ResidentRecord = { lastNumber: 0, current: null, pins: [] };

/** @throws GpuBridgeError `INVALID_ARGUMENT` for what no resident grain wrote. */
export function residentRecord(stored: unknown, grain: string): ResidentRecord {
  if (stored === undefined) return NEW_RECORD;
  const { lastNumber, current, pins } = (stored ?? {}) as Partial<Record<keyof ResidentRecord, unknown>>;
  const isRecord = Number.isSafeInteger(lastNumber) && isEpoch(current) && Array.isArray(pins);
  if (!isRecord) throw GpuBridgeError.invalidArgument(`state of ${grain}`, stored, 'what a resident grain has stored');
  return stored as ResidentRecord;
}

function isEpoch(current: unknown): boolean {
  if (current === null) return true;
  const { epoch, siloId, isSaved } = (current ?? {}) as Partial<Record<keyof CurrentEpoch, unknown>>;
  return typeof epoch === 'string' && typeof siloId === 'string' && typeof isSaved === 'boolean';
}
