import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLayout } from '../format/frame.js';
import { decodeHead, HEAD_FILE } from '../format/head.js';
import type { LogHead } from '../format/head.js';
import { decodeRecord } from '../format/record.js';
import type { RecoveryRecord } from '../format/record.js';
import { SEGMENT_HEADER_BYTES, segmentName } from '../format/segment.js';
import { HASH_BYTES } from '../format/sha256.js';
import { SegmentFile, segmentsIn } from './segment-file.js';

/** Something that is not as it was written. */
interface LogProblem {
  /** Number of the record that it is about; the first missing one where records are missing. */
  readonly record: number;
  /** File that it was found in. */
  readonly segment: string;
  readonly reason: string;
}

export interface LogReport {
  readonly segments: number;
  /** Records that are as they were written. */
  readonly records: number;
  /** Number of the oldest one that is there. Operators remove old segments; nobody can tell that from another's removing them. */
  readonly firstRecord: number;
  /** Hash of the last record, which stands for all before it: keep it elsewhere, and pass it to a later verification. */
  readonly head: string;
  readonly closed: boolean;
  /** Of its last writer; undefined without a head. */
  readonly lossWindow: { readonly ms: number; readonly bytes: number } | undefined;
  /** Behind the last confirmed record of a log that is open, or whose writer was killed. */
  readonly unconfirmedRecords: number;
  /** Bytes of a record that did not arrive whole; with its record it is in the loss window. */
  readonly tornBytes: number;
  /** Where a log was opened whose writer had not closed it. */
  readonly recoveries: readonly (RecoveryRecord & { readonly record: number })[];
  /** Record that has the expected hash; undefined where none was expected. */
  readonly expectedRecord: number | undefined;
  readonly problems: readonly LogProblem[];
}

/**
 * Checks every byte of a log. Problems are tampering or damage; records that a crash cost are none, where they lie within the
 * loss window.
 *
 * @param expectedHash - of a record or of the head as it was printed once: whoever rewrites a log cannot keep it.
 */
export function verifyLog(folder: string, expectedHash?: string): LogReport {
  return new Verification(folder, expectedHash).run();
}

class Verification {
  private readonly problems: LogProblem[] = [];
  private readonly recoveries: (RecoveryRecord & { record: number })[] = [];
  private readonly head: LogHead | undefined;
  private records = 0;
  private firstRecord = 0;
  private unconfirmedRecords = 0;
  private tornBytes = 0;
  private expectedRecord: number | undefined;
  /** Number of the next record; hash before it. Undefined where a damaged segment hides it. */
  private next = 0;
  private chain: Buffer | undefined;
  private logId: string | undefined;
  /** Whether the record that the head names was met with its hash. */
  private headWasMet = false;

  constructor(
    private readonly folder: string,
    private readonly expectedHash: string | undefined,
  ) {
    // Read first: a log that is being written goes on meanwhile.
    const path = join(folder, HEAD_FILE);
    this.head = existsSync(path) ? decodeHead(readFileSync(path, 'utf8')) : undefined;
  }

  run(): LogReport {
    const { folder, head, expectedHash } = this;
    const segments = segmentsIn(folder);
    if (head?.segment === -1) this.chain = Buffer.from(head.hash, 'hex');
    for (const [position, index] of segments.entries()) {
      const before = segments[position - 1];
      if (before !== undefined && index !== before + 1)
        this.problem(this.next, segmentName(before + 1), `segments ${before + 1} to ${index - 1} are missing`);
      using file = new SegmentFile(folder, index);
      this.verifySegment(file, position === 0);
    }
    this.checkHead(segments);
    if (expectedHash !== undefined && this.expectedRecord === undefined)
      this.problem(
        this.next,
        HEAD_FILE,
        'no record has the expected hash: the log was rewritten, cut off, or is another one',
      );
    const { problems, recoveries, records, firstRecord, unconfirmedRecords, tornBytes, expectedRecord } = this;
    return {
      ...{ segments: segments.length, records, firstRecord, head: this.chain?.toString('hex') ?? '' },
      closed: head?.closed ?? false,
      lossWindow: head && { ms: head.lossWindowMs, bytes: head.lossWindowBytes },
      ...{ unconfirmedRecords, tornBytes, recoveries, expectedRecord, problems },
    };
  }

  private verifySegment(file: SegmentFile, isFirst: boolean): void {
    const header = file.header();
    const { head } = this;
    if (header === undefined) {
      if (!this.isConfirmed(file, 0) && file.sizeBytes <= SEGMENT_HEADER_BYTES) {
        this.tornBytes += file.sizeBytes;
        return;
      }
      this.problem(this.next, file.name, 'the header of the segment is not as it was written');
    } else {
      if (isFirst) {
        this.firstRecord = this.next = header.firstRecord;
        this.logId = header.logId;
      } else {
        const follows = this.chain === undefined || header.previousHash.equals(this.chain);
        if (header.index !== file.index || !follows || header.logId !== this.logId)
          this.problem(this.next, file.name, 'the segment does not follow the one before it');
        else if (this.chain !== undefined && header.firstRecord !== this.next)
          this.problem(this.next, file.name, `the segment begins with record ${header.firstRecord}`);
        this.next = header.firstRecord;
      }
      if (isFirst && header.index !== file.index) this.problem(this.next, file.name, 'the segment has another name');
      if (head !== undefined && head.logId !== header.logId)
        this.problem(this.next, file.name, 'the segment is one of another log');
    }
    this.chain = file.hashBefore(SEGMENT_HEADER_BYTES);
    this.meetHead(file, SEGMENT_HEADER_BYTES);
    this.verifyRecords(file);
  }

  private verifyRecords(file: SegmentFile): void {
    for (let offset = SEGMENT_HEADER_BYTES; offset < file.sizeBytes;) {
      const frame = file.frameAt(offset);
      const hash = frame === undefined ? undefined : file.hashOf(offset, frame, this.chain!);
      const isGood = hash !== undefined && hash.equals(file.read(offset + frame!.hashOffset, HASH_BYTES));
      if (!isGood) {
        if (!this.isConfirmed(file, offset)) {
          this.tornBytes += file.sizeBytes - offset;
          return;
        }
        const follower = frame === undefined ? undefined : this.chainBehind(file, offset, frame, hash!);
        this.problem(
          this.next,
          file.name,
          follower === undefined && offset + (frame?.totalBytes ?? 0) !== file.sizeBytes
            ? `the record is not as it was written; ${file.sizeBytes - offset} bytes from it on could not be checked`
            : 'the record is not as it was written',
        );
        if (follower === undefined) {
          this.chain = undefined;
          return;
        }
        this.chain = follower;
      } else {
        this.chain = hash;
        this.good(file, offset, frame!);
      }
      offset += frame!.totalBytes;
      this.next++;
      this.meetHead(file, offset);
    }
  }

  /** The chain behind a changed record, when the record after it shows it: its stored hash, or the one it should have. */
  private chainBehind(file: SegmentFile, offset: number, frame: FrameLayout, hash: Buffer): Buffer | undefined {
    const at = offset + frame.totalBytes;
    const next = file.frameAt(at);
    if (next === undefined) return undefined;
    const wanted = Buffer.from(file.read(at + next.hashOffset, HASH_BYTES));
    return [file.hashBefore(at), hash].find((before) => file.hashOf(at, next, before).equals(wanted));
  }

  private good(file: SegmentFile, offset: number, frame: FrameLayout): void {
    this.records++;
    if (!this.isConfirmed(file, offset)) this.unconfirmedRecords++;
    if (this.chain!.toString('hex') === this.expectedHash) this.expectedRecord = this.next;
    if (frame.columnCount > 0) return;
    const record = decodeRecord(file.headerText(offset, frame));
    if (record.kind === 'recovery') this.recoveries.push({ ...record, record: this.next });
  }

  /** Whether what stands there had been reported to be on disk. Without a head nobody knows, and it counts as such. */
  private isConfirmed({ index }: SegmentFile, offset: number): boolean {
    const { head } = this;
    if (head === undefined || head.closed) return true;
    return index < head.segment || (index === head.segment && offset < head.bytes);
  }

  private meetHead({ index }: SegmentFile, offset: number): void {
    const { head, chain, next } = this;
    if (head?.segment !== index || head.bytes !== offset) return;
    this.headWasMet = chain?.toString('hex') === head.hash && head.records === next;
  }

  private checkHead(segments: readonly number[]): void {
    const { head } = this;
    const last = segments.at(-1);
    if (head === undefined) {
      if (segments.length > 0 || existsSync(join(this.folder, HEAD_FILE)))
        this.problem(Math.max(0, this.next - 1), HEAD_FILE, 'the file is missing or not as it was written');
      return;
    }
    if (head.segment === -1) return;
    if (last === undefined || last < head.segment) {
      this.problem(this.next, segmentName(head.segment), `records up to number ${head.records - 1} are missing`);
      return;
    }
    // A damaged record was named already, and hides what is behind it.
    if (!this.headWasMet && this.problems.length === 0)
      this.problem(
        this.next,
        segmentName(head.segment),
        `the log ends before record ${head.records}, or was rewritten`,
      );
    if (head.closed && (last > head.segment || this.next > head.records))
      this.problem(head.records, segmentName(last), 'there is something behind the end of the log');
  }

  private problem(record: number, segment: string, reason: string): void {
    this.problems.push({ record, segment, reason });
  }
}
