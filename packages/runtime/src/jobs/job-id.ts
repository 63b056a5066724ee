import { randomFillSync } from 'node:crypto';

const WORDS_PER_ID = 6;
/** Random bits are drawn for so many ids at once: one by one they would cost more than the rest of the id. */
const IDS_PER_DRAW = 256;

const random = new Uint16Array(WORDS_PER_ID * IDS_PER_DRAW);
let used = random.length;

/** Three hexadecimal digits. */
const HEX = Array.from({ length: 4_096 }, (_, i) => i.toString(16).padStart(3, '0'));
/** The variant's digit. */
const VARIANT = ['8', '9', 'a', 'b'] as const;

let prefixMs = 0;
let prefix = '';

/** A UUIDv7 (RFC 9562): the time in ms, then random bits; ids of one millisecond are in no order. */
export function newJobId(): string {
  const nowMs = Date.now();
  if (nowMs !== prefixMs) {
    const time = nowMs.toString(16).padStart(12, '0');
    prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    prefixMs = nowMs;
  }
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  const at = used;
  used += WORDS_PER_ID;
  const digits = (word: number): string => HEX[random[at + word]! & 0xfff]!;
  const variant = VARIANT[random[at]! >>> 14]!;
  return `${prefix}${digits(0)}-${variant}${digits(1)}-${digits(2)}${digits(3)}${digits(4)}${digits(5)}`;
}
