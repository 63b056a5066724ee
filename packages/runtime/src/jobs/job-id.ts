import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Random bytes are drawn for so many ids at once: one by one they would cost more than the rest of the id. */
const IDS_PER_DRAW = 256;

const pool = new Uint8Array(ID_BYTES * IDS_PER_DRAW);
let used = pool.length;

/** A UUIDv7 (RFC 9562): the time in ms, then random bits; ids of one millisecond are in no order. */
export function newJobId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + ID_BYTES);
  used += ID_BYTES;
  return v7({ random });
}
