/** Levels of arrays and objects that a value may have. */
export const MAX_DEPTH = 100;

/** A message adds a level of its own. */
const MAX_OPEN = MAX_DEPTH + 1;

/**
 * Whether bytes are exactly one whole MessagePack value of bounded depth. Checked before anything is decoded, because the
 * library takes sizes at their word: a few bytes that announce arrays of millions within each other would take all memory.
 * Of a whole value, what is decoded is in proportion to what was sent.
 */
export function isWholeValue(bytes: Uint8Array): boolean {
  /** Values still to come on each open level. */
  const open: number[] = [1];
  let at = 0;
  while (open.length > 0) {
    const left = open[open.length - 1]!;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    const head = bytes[at];
    if (head === undefined) return false;
    at++;
    if (head < 0x80 || head >= 0xe0) continue; // small integers
    let children = 0;
    if (head < 0x90) children = (head & 0x0f) * 2;
    else if (head < 0xa0) children = head & 0x0f;
    else if (head < 0xc0) at += head & 0x1f;
    else {
      const shape = SHAPES[head - 0xc0];
      if (shape === undefined) return false;
      const { sizeBytes, fixedBytes, perItem } = shape;
      const size = sizeBytes === 0 ? 0 : unsigned(bytes, at, sizeBytes);
      at += sizeBytes + fixedBytes;
      if (perItem === 0) at += size;
      else children = size * perItem;
    }
    if (at > bytes.byteLength) return false;
    if (children > 0) {
      // Each child is a byte at least; and here the check ends for sizes that nothing follows.
      if (children > bytes.byteLength - at || open.length > MAX_OPEN) return false;
      open.push(children);
    }
  }
  return at === bytes.byteLength;
}

interface Shape {
  /** Bytes of the size that follows the first byte. */
  readonly sizeBytes: number;
  /** Bytes that follow in any case: the value, or the type of an extension. */
  readonly fixedBytes: number;
  /** Values per counted item; 0: the size counts bytes. */
  readonly perItem: number;
}

const shape = (sizeBytes: number, fixedBytes: number, perItem = 0): Shape => ({ sizeBytes, fixedBytes, perItem });

/** What follows each first byte from 0xc0 to 0xdf. */
const SHAPES: readonly (Shape | undefined)[] = [
  ...[shape(0, 0), undefined, shape(0, 0), shape(0, 0)], // nil, never used, false, true
  ...[shape(1, 0), shape(2, 0), shape(4, 0)], // bin
  ...[shape(1, 1), shape(2, 1), shape(4, 1)], // ext
  ...[shape(0, 4), shape(0, 8)], // float
  ...[shape(0, 1), shape(0, 2), shape(0, 4), shape(0, 8)], // uint
  ...[shape(0, 1), shape(0, 2), shape(0, 4), shape(0, 8)], // int
  ...[shape(0, 2), shape(0, 3), shape(0, 5), shape(0, 9), shape(0, 17)], // fixext
  ...[shape(1, 0), shape(2, 0), shape(4, 0)], // str
  ...[shape(2, 0, 1), shape(4, 0, 1)], // array
  ...[shape(2, 0, 2), shape(4, 0, 2)], // map
];

function unsigned(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  // Past the end there is nothing to read; the caller sees that by the position.
  for (let i = 0; i < count; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
