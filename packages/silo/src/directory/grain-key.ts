import { createHash } from 'node:crypto';
import type { GrainId } from '@gpu-bridge/abstractions';

/** Of a table's key. */
const MAX_KEY_LENGTH = 512;
const UNSAFE = /[^A-Za-z0-9_-]/g;

/**
 * The key of a grain's row: two grains never share one. Readable where it fits; grains with long names outside of ASCII get
 * a digest instead, of which nobody has found two alike.
 *
 * @param part - names one of several rows of a grain.
 */
export function tableKeyOf({ type, key }: GrainId, part?: string): string {
  const parts = part === undefined ? [type, key] : [type, key, part];
  const readable = parts.map(escape).join('.');
  if (readable.length <= MAX_KEY_LENGTH) return readable;
  const digest = createHash('sha256');
  // Code units, not UTF-8: lone surrogates must stay apart.
  for (const each of parts) digest.update(`${each.length}:`).update(each, 'utf16le');
  return `=digest/${digest.digest('hex')}`;
}

/** Key of in-memory maps: faster to make than {@link tableKeyOf}. */
export function mapKeyOf({ type, key }: GrainId): string {
  return `${type.length}:${type}${key}`;
}

/** `=` and two hex digits, or `=u` and four, for each code unit that is not safe; `=` itself is none. */
function escape(part: string): string {
  return part.replace(UNSAFE, (unit) => {
    const code = unit.charCodeAt(0);
    return code < 256 ? `=${code.toString(16).padStart(2, '0')}` : `=u${code.toString(16).padStart(4, '0')}`;
  });
}
