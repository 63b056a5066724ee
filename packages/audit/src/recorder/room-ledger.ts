import { Control, UNIT_BYTES, unitsOf } from './record-ring.js';

/** Room for what a record has beside its columns, bytes; a larger header goes elsewhere. */
const HEADER_ROOM_BYTES = 2_048;
/** The largest record in the ring, as a share of it. */
const LARGEST_SHARE = 1 / 8;
/** A record's age is known to within this, ms. */
const AGE_STEP_MS = 10;

interface Account {
  /** Units set aside for jobs that have not ended. */
  reserved: number;
  /** Units recorded, and of these on disk; free-running u32. */
  recorded: number;
  synced: number;
}

/**
 * Who may still record, and how much of what was recorded is not on disk. Records of up to an eighth of the ring go through it.
 * Larger ones get memory of their own, which is limited by the ring's size too; but one of any size is let through when there
 * is no other, so that none is too large for ever.
 */
export class RoomLedger {
  recordedRecords = 0;
  syncedRecords = 0;
  private readonly ring: Account = { reserved: 0, recorded: 0, synced: 0 };
  private readonly elsewhere: Account = { reserved: 0, recorded: 0, synced: 0 };
  private readonly largestUnits: number;
  private readonly limitUnits: number;
  /** When some of the records were made that are not on disk: number of the record, ms; oldest first. */
  private readonly ages: { readonly record: number; readonly atMs: number }[] = [];

  constructor(
    private readonly control: Int32Array,
    ringBytes: number,
    private readonly lossWindowMs: number,
  ) {
    const units = ringBytes / UNIT_BYTES;
    this.largestUnits = Math.floor(units * LARGEST_SHARE);
    // A filler at the end takes less than a record.
    this.limitUnits = units - this.largestUnits;
  }

  get pendingRecords(): number {
    return this.recordedRecords - this.syncedRecords;
  }

  get pendingBytes(): number {
    return (pendingOf(this.ring) + pendingOf(this.elsewhere)) * UNIT_BYTES;
  }

  reserve(columnBytes: number, nowMs: number): boolean {
    if (!this.isYoung(nowMs)) return false;
    const { ring, elsewhere, limitUnits } = this;
    const units = unitsFor(columnBytes);
    if (units <= this.largestUnits) {
      if (ring.reserved + pendingOf(ring) + units > limitUnits) return false;
      ring.reserved += units;
      return true;
    }
    const others = elsewhere.reserved + pendingOf(elsewhere);
    if (others > 0 && others + units > limitUnits) return false;
    if (ring.reserved + pendingOf(ring) + 1 > limitUnits) return false;
    elsewhere.reserved += units;
    ring.reserved++;
    return true;
  }

  /** Gives back what was set aside for a record, and says where it goes. */
  settle(columnBytes: number, frameUnits: number, nowMs: number): 'ring' | 'elsewhere' {
    const { ring, elsewhere } = this;
    const units = unitsFor(columnBytes);
    const isSmall = units <= this.largestUnits;
    if (isSmall) ring.reserved -= units;
    else {
      ring.reserved--;
      elsewhere.reserved -= units;
    }
    this.recordedRecords++;
    if ((this.ages.at(-1)?.atMs ?? -Infinity) + AGE_STEP_MS <= nowMs)
      this.ages.push({ record: this.recordedRecords, atMs: nowMs });
    if (isSmall && frameUnits <= units) {
      ring.recorded = (ring.recorded + frameUnits) >>> 0;
      return 'ring';
    }
    ring.recorded = (ring.recorded + 1) >>> 0;
    elsewhere.recorded = (elsewhere.recorded + frameUnits) >>> 0;
    return 'elsewhere';
  }

  /** A job ended for which nothing can be recorded any more. */
  forget(columnBytes: number): void {
    const units = unitsFor(columnBytes);
    if (units <= this.largestUnits) {
      this.ring.reserved -= units;
      return;
    }
    this.ring.reserved--;
    this.elsewhere.reserved -= units;
  }

  /** Takes over what the thread has put on disk. */
  refresh(): void {
    const { control, ring, elsewhere, ages } = this;
    ring.synced = Atomics.load(control, Control.SyncedUnits) >>> 0;
    elsewhere.synced = Atomics.load(control, Control.SyncedElsewhere) >>> 0;
    this.syncedRecords += (Atomics.load(control, Control.SyncedRecords) - this.syncedRecords) >>> 0;
    while (ages.length > 0 && ages[0]!.record <= this.syncedRecords) {
      const { atMs } = ages.shift()!;
      // Those behind it without an age of their own are hardly younger.
      if (ages.length === 0 && this.pendingRecords > 0) ages.push({ record: this.recordedRecords, atMs });
    }
  }

  /** Whether what is not on disk is younger than the loss window. */
  private isYoung(nowMs: number): boolean {
    this.refresh();
    const oldest = this.ages[0];
    return oldest === undefined || nowMs - oldest.atMs < this.lossWindowMs;
  }
}

function unitsFor(columnBytes: number): number {
  return unitsOf(columnBytes + HEADER_ROOM_BYTES);
}

function pendingOf({ recorded, synced }: Account): number {
  return (recorded - synced) >>> 0;
}
