import { sha256 } from './sha256.js';

/** How far the log is known to be on disk. Whatever is missing before that was taken away. */
export interface LogHead {
  readonly logId: string;
  readonly segment: number;
  /** Bytes of that segment that are on disk. */
  readonly bytes: number;
  /** Records of the log so far: the number of the next. */
  readonly records: number;
  /** The 32 bytes before the end: the hash of the last record, 64 hexadecimal digits. */
  readonly hash: string;
  /** The log was closed, so nothing may come after this. */
  readonly closed: boolean;
  /** What a crash of this writer can cost: the records of so many ms, at most so many bytes. */
  readonly lossWindowMs: number;
  readonly lossWindowBytes: number;
}

export const HEAD_FILE = 'head.json';

/** One line, with a hash of itself. */
export function encodeHead(head: LogHead): string {
  const { logId, segment, bytes, records, hash, closed, lossWindowMs, lossWindowBytes } = head;
  const fields = JSON.stringify({ logId, segment, bytes, records, hash, closed, lossWindowMs, lossWindowBytes });
  return `${fields.slice(0, -1)},"check":"${sha256(Buffer.from(fields)).toString('hex')}"}\n`;
}

/** @returns undefined unless the text is, byte for byte, what `encodeHead` made. */
export function decodeHead(text: string): LogHead | undefined {
  try {
    const head = JSON.parse(text) as LogHead;
    return encodeHead(head) === text ? head : undefined;
  } catch {
    return undefined;
  }
}
