/**
 * The bounded memory through which records go to the log's thread. Records lie in frames of whole units, one after the other;
 * one that would not fit before the end begins at the start, behind a frame that fills the rest.
 *
 * frame: u32 units · u32 `FrameKind` · u32 bytes of the header · u32 columns · per column u32 bytes and u32 `ColumnFlag`s ·
 * header · columns.
 */
export const FrameKind = {
  Record: 1,
  /** Nothing; the next frame is at the start. */
  Filler: 2,
  /** The record lies in memory of its own, in the next message. */
  Elsewhere: 3,
} as const;

export const ColumnFlag = { Stored: 1, Digest: 2 } as const;

/** Bytes of a unit. */
export const UNIT_BYTES = 64;
export const FRAME_HEADER_BYTES = 16;
export const FRAME_COLUMN_BYTES = 8;

/** Words of the control block; counters are free-running u32. */
export const Control = {
  /** Grows when the thread must look again; it waits on it. */
  Bell: 0,
  /** A `ThreadState`; written by the thread. */
  State: 1,
  /** Units written and read, fillers included. */
  Written: 2,
  Read: 3,
  /** On disk: units of records in the ring, units of those elsewhere, records. */
  SyncedUnits: 4,
  SyncedElsewhere: 5,
  SyncedRecords: 6,
  /** Grows when everything that was written so far has to be on disk at once. */
  Flush: 7,
  /** 1: no more records come. */
  Stop: 8,
} as const;
const CONTROL_WORDS = 16;

export const ThreadState = {
  Busy: 0,
  /** It looks again by itself soon; only haste wakes it. */
  Gathering: 1,
  /** Whoever writes wakes it. */
  Parked: 2,
} as const;

/** What both sides see. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

/** @param bytes - a multiple of `UNIT_BYTES`. */
export function createRing(bytes: number): RingMemory {
  return { control: new SharedArrayBuffer(CONTROL_WORDS * 4), data: new SharedArrayBuffer(bytes) };
}

export function unitsOf(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES);
}

/** The side of the broker's thread. Who writes has made sure that there is room: see `RoomLedger`. */
export class RingWriter {
  readonly control: Int32Array;
  private readonly bytes: Buffer;
  private readonly capacity: number;
  /** Unit of the next frame. */
  private at = 0;

  constructor({ control, data }: RingMemory) {
    this.control = new Int32Array(control);
    this.bytes = Buffer.from(data);
    this.capacity = data.byteLength / UNIT_BYTES;
  }

  /** Writes a frame of so many units in place and publishes it. */
  write(units: number, fill: (memory: Buffer, offset: number) => void): void {
    let filler = 0;
    if (this.at + units > this.capacity) {
      filler = this.capacity - this.at;
      this.bytes.writeUInt32LE(filler, this.at * UNIT_BYTES);
      this.bytes.writeUInt32LE(FrameKind.Filler, this.at * UNIT_BYTES + 4);
      this.at = 0;
    }
    fill(this.bytes, this.at * UNIT_BYTES);
    this.at = (this.at + units) % this.capacity;
    // seq-cst: pairs with the thread's store of its state before it looks at `Written` a last time.
    Atomics.add(this.control, Control.Written, filler + units);
    const state = Atomics.load(this.control, Control.State);
    if (state === ThreadState.Parked || (state === ThreadState.Gathering && this.isQuarterFull)) this.ring();
  }

  /** Wakes the thread. */
  ring(): void {
    Atomics.add(this.control, Control.Bell, 1);
    Atomics.notify(this.control, Control.Bell);
  }

  private get isQuarterFull(): boolean {
    const written = Atomics.load(this.control, Control.Written);
    return (written - Atomics.load(this.control, Control.Read)) >>> 0 > this.capacity / 4;
  }
}

/** The side of the log's thread. */
export class RingReader {
  readonly control: Int32Array;
  private readonly bytes: Buffer;
  private readonly capacity: number;
  private at = 0;

  constructor({ control, data }: RingMemory) {
    this.control = new Int32Array(control);
    this.bytes = Buffer.from(data);
    this.capacity = data.byteLength / UNIT_BYTES;
  }

  get isEmpty(): boolean {
    return Atomics.load(this.control, Control.Written) === Atomics.load(this.control, Control.Read);
  }

  /** Hands the next frame to `take`, then gives its memory back; false when there is none. */
  next(take: (memory: Buffer, offset: number, units: number) => void): boolean {
    if (this.isEmpty) return false;
    const offset = this.at * UNIT_BYTES;
    const units = this.bytes.readUInt32LE(offset);
    const isFiller = this.bytes.readUInt32LE(offset + 4) === FrameKind.Filler;
    if (!isFiller) take(this.bytes, offset, units);
    this.at = (this.at + units) % this.capacity;
    Atomics.add(this.control, Control.Read, units);
    return isFiller ? this.next(take) : true;
  }
}
