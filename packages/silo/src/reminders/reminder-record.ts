import type { GrainId } from '@gpu-bridge/abstractions';
import { decodeValue, encodeValue } from '../messaging/codec.js';
import { Fields } from '../validation/fields.js';

/** A reminder as the table keeps it. Times of day, since it outlives processes and their clocks. */
export interface ReminderRecord {
  readonly grain: GrainId;
  readonly name: string;
  /** The next call; stays the same until that call was made. */
  readonly dueAtMs: number;
  readonly periodMs: number | undefined;
  /** Address of the silo that makes that call now; it holds as long as that incarnation lives. */
  readonly claimedBy: string | undefined;
}

const MAX_LENGTH = 512;

export function encodeReminder(record: ReminderRecord): Uint8Array {
  const { grain, name, dueAtMs, periodMs, claimedBy } = record;
  return encodeValue({ type: grain.type, key: grain.key, name, dueAtMs, periodMs, claimedBy });
}

/** @throws GpuBridgeError `MESSAGE_INVALID` for a row that no silo wrote. */
export function decodeReminder(key: string, bytes: Uint8Array): ReminderRecord {
  const fields = new Fields(`reminder ${key}`, decodeValue(bytes));
  return {
    grain: { type: fields.string('type', MAX_LENGTH), key: fields.string('key', MAX_LENGTH) },
    name: fields.string('name', MAX_LENGTH),
    dueAtMs: fields.count('dueAtMs'),
    periodMs: fields.raw('periodMs') === undefined ? undefined : fields.count('periodMs'),
    claimedBy: fields.raw('claimedBy') === undefined ? undefined : fields.string('claimedBy', MAX_LENGTH),
  };
}

/** The first time after `nowMs`, for one call makes up for every period that has passed. */
export function nextDueAtMs(dueAtMs: number, periodMs: number, nowMs: number): number {
  const passed = Math.floor((nowMs - dueAtMs) / periodMs);
  return dueAtMs + Math.max(1, passed + 1) * periodMs;
}
