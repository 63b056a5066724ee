import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { PlacedColumn } from './dataset-columns.js';

/** Hashed in one go: some milliseconds. */
const STEP_BYTES = 4 * 2 ** 20;

/**
 * SHA-256 over names, types, lengths and bytes of an epoch's columns, as hex. Large columns are hashed in steps, between
 * which the event loop turns: nothing may write them meanwhile.
 */
export async function digestOf(
  columns: readonly Pick<PlacedColumn, 'name' | 'dtype' | 'count'>[],
  bytes: readonly Uint8Array[],
): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(columns.map(({ name, dtype, count }) => [name, dtype, count])));
  let stepped = 0;
  for (const column of bytes) {
    for (let at = 0; at < column.length; at += STEP_BYTES) {
      const part = column.subarray(at, at + STEP_BYTES);
      if (stepped > 0 && stepped + part.length > STEP_BYTES) {
        await turn();
        stepped = 0;
      }
      hash.update(part);
      stepped += part.length;
    }
  }
  return hash.digest('hex');
}
