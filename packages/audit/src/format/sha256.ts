import { hash } from 'node:crypto';

export const HASH_BYTES = 32;

/** In one call: a hash object would cost more than hashing a small record. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}
