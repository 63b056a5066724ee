import { describe, expect, it } from 'vitest';
import { endedJob } from '../testing/small-log.js';
import { RecordFrame, readFrame } from './record-frame.js';
import { Control, createRing, RingReader, RingWriter, UNIT_BYTES } from './record-ring.js';
import { RoomLedger } from './room-ledger.js';

const KIB = 1_024;

/** What the thread does when everything that it has read is on disk. */
function sync(control: Int32Array, { units = 0, elsewhere = 0, records = 0 }): void {
  Atomics.add(control, Control.SyncedUnits, units);
  Atomics.add(control, Control.SyncedElsewhere, elsewhere);
  Atomics.add(control, Control.SyncedRecords, records);
}

describe('the ring of records', () => {
  it('hands records over as they were put in, over many laps', () => {
    const memory = createRing(64 * UNIT_BYTES);
    const [writer, reader] = [new RingWriter(memory), new RingReader(memory)];
    for (let n = 0; n < 200; n++) {
      const x = Uint32Array.from({ length: (n * 7) % 90 }, (_, i) => n + i);
      const frame = new RecordFrame(endedJob(n, x, x), n % 2 === 0 ? 'inputs' : 'digest');
      writer.write(frame.units, (bytes, offset) => frame.fill(bytes, offset));
      let taken: ReturnType<typeof readFrame> | undefined;
      const take = (bytes: Buffer, offset: number): void => {
        const { header, columns } = readFrame(bytes, offset);
        const copies = columns.map((column) => ({ ...column, bytes: Buffer.from(column.bytes) }));
        taken = { header: Buffer.from(header), columns: copies };
      };
      expect(reader.next(take)).toBe(true);
      expect(reader.isEmpty).toBe(true);
      expect(JSON.parse(taken!.header.toString())).toMatchObject({ kind: 'job', itemCount: x.length });
      expect(taken!.columns.map(({ isStored, hasDigest }) => [isStored, hasDigest])).toEqual([
        [n % 2 === 0, true],
        [false, true],
      ]);
      for (const { bytes } of taken!.columns) expect(Buffer.compare(bytes, Buffer.from(x.buffer))).toBe(0);
    }
    expect(reader.next(() => undefined)).toBe(false);
  });
});

describe('the room for records', () => {
  const setUp = (lossWindowMs = 1_000) => {
    const control = new Int32Array(16);
    return { control, ledger: new RoomLedger(control, 64 * KIB, lossWindowMs) };
  };

  it('is set aside until a record is on disk', () => {
    const { control, ledger } = setUp();
    let admitted = 0;
    while (ledger.reserve(2 * KIB, 0)) admitted++;
    // 4 KiB each with the room for headers, of 56 KiB: the ring but for its largest record.
    expect(admitted).toBe(14);
    for (let i = 0; i < admitted; i++) expect(ledger.settle(2 * KIB, 40, 1)).toBe('ring');
    expect(ledger.pendingBytes).toBe(admitted * 40 * UNIT_BYTES);
    // A record takes less than the most that was set aside for it.
    while (ledger.reserve(2 * KIB, 1)) admitted++;
    expect(admitted).toBe(19);
    sync(control, { units: 14 * 40, records: 14 });
    expect(ledger.reserve(2 * KIB, 1)).toBe(true);
    expect([ledger.pendingRecords, ledger.pendingBytes]).toEqual([0, 0]);
  });

  it('is had by one record larger than the ring at a time, and by small ones beside it', () => {
    const { control, ledger } = setUp();
    expect(ledger.reserve(KIB * KIB, 0)).toBe(true);
    expect(ledger.reserve(KIB * KIB, 0)).toBe(false);
    expect(ledger.reserve(KIB, 0)).toBe(true);
    const units = (KIB * KIB) / UNIT_BYTES;
    expect(ledger.settle(KIB * KIB, units, 0)).toBe('elsewhere');
    expect(ledger.reserve(20 * KIB, 0)).toBe(false);
    sync(control, { units: 1, elsewhere: units, records: 1 });
    expect(ledger.reserve(20 * KIB, 0)).toBe(true);
    // Two that fit beside each other need not wait.
    expect(ledger.reserve(20 * KIB, 0)).toBe(true);
    expect(ledger.reserve(20 * KIB, 0)).toBe(false);
  });

  it('is refused while something is not on disk that is older than the loss window', () => {
    const { control, ledger } = setUp(100);
    for (const atMs of [0, 5, 60]) {
      expect(ledger.reserve(10, atMs)).toBe(true);
      ledger.settle(10, 3, atMs);
    }
    expect(ledger.reserve(10, 99)).toBe(true);
    expect(ledger.reserve(10, 100)).toBe(false);
    sync(control, { units: 3, records: 1 });
    // The second is hardly younger than the first.
    expect(ledger.reserve(10, 150)).toBe(true);
    sync(control, { units: 3, records: 1 });
    expect(ledger.reserve(10, 159)).toBe(true);
    expect(ledger.reserve(10, 160)).toBe(false);
    sync(control, { units: 3, records: 1 });
    expect(ledger.reserve(10, 1_000)).toBe(true);
  });

  it('goes elsewhere with a header that is larger than was set aside', () => {
    const { ledger } = setUp();
    expect(ledger.reserve(10, 0)).toBe(true);
    expect(ledger.settle(10, 100, 0)).toBe('elsewhere');
    expect(ledger.pendingBytes).toBe(101 * UNIT_BYTES);
  });
});
