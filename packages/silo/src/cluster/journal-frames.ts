import { crc32 } from 'node:zlib';

/** First bytes of a log; the digit is the version of its records. */
export const MAGIC: Uint8Array = new TextEncoder().encode('GBCLUST1');

/** Bytes before the records of a frame: their length and their CRC-32, little-endian. */
const HEADER_BYTES = 8;

/** Records written and synchronised together: a frame is there whole, or was never acknowledged. */
export function encodeFrame(records: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(records);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.byteLength, 0);
  header.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([header, body]);
}

/**
 * The frames of a log.
 *
 * @returns `endsAt`: where what is behind the last whole frame begins, which is torn.
 * @throws Error for a file that is no log, or one that is damaged before its end.
 */
export function readFrames(bytes: Uint8Array): { readonly frames: readonly Uint8Array[]; readonly endsAt: number } {
  const log = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (Buffer.compare(log.subarray(0, MAGIC.byteLength), MAGIC) !== 0) throw new Error('cluster.log is no log of ours');
  const frames: Uint8Array[] = [];
  let endsAt = MAGIC.byteLength;
  for (let frame = frameAt(log, endsAt); frame !== undefined; frame = frameAt(log, endsAt)) {
    if (!frame.whole) {
      // The next frame is written once this one is synchronised: whole ones behind it mean that this one was, too.
      if (frameAt(log, frame.endsAt)?.whole === true) {
        throw new Error(`cluster.log is damaged at byte ${endsAt}: what it had acknowledged there is lost`);
      }
      break;
    }
    frames.push(frame.body);
    endsAt = frame.endsAt;
  }
  return { frames, endsAt };
}

interface Frame {
  readonly body: Uint8Array;
  readonly endsAt: number;
  readonly whole: boolean;
}

/** @returns undefined where nothing or no whole header is left. */
function frameAt(log: Buffer, offset: number): Frame | undefined {
  if (offset + HEADER_BYTES > log.byteLength) return undefined;
  const endsAt = offset + HEADER_BYTES + log.readUInt32LE(offset);
  const body = log.subarray(offset + HEADER_BYTES, endsAt);
  // No frame is empty; a header of zeros, as a file extended and never written has it, would else be a whole one.
  const whole = endsAt <= log.byteLength && body.byteLength > 0 && crc32(body) === log.readUInt32LE(offset + 4);
  return { body, endsAt, whole };
}
