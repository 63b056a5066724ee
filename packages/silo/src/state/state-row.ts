import { decodeValue, encodeValue } from '../messaging/codec.js';
import { Fields } from '../validation/fields.js';

/** What a grain's row in the table `state` holds. */
export interface StateRow {
  /** Of the activation that sealed it. */
  readonly fencingToken: number;
  /** Random, of that seal: one activation may have to seal twice, when an answer got lost. */
  readonly seal: string;
  /** Counts the writes under that seal. */
  readonly writes: number;
  /** The grain's value, encoded; undefined without one. */
  readonly value: Uint8Array | undefined;
}

export function encodeStateRow(row: StateRow): Uint8Array {
  return encodeValue({ ...row });
}

/** @throws GpuBridgeError `MESSAGE_INVALID` for a row that no silo wrote. */
export function decodeStateRow(key: string, bytes: Uint8Array): StateRow {
  const fields = new Fields(`state row ${key}`, decodeValue(bytes));
  const value = fields.raw('value');
  const isValue = value === undefined || value instanceof Uint8Array;
  fields.check(isValue, 'has a value that is no bytes');
  return {
    fencingToken: fields.count('fencingToken'),
    seal: fields.string('seal', 64),
    writes: fields.count('writes'),
    value: isValue ? value : undefined,
  };
}
