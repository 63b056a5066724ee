import {
  appendFileSync,
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HEAD_FILE } from '../format/head.js';
import { SEGMENT_HEADER_BYTES } from '../format/segment.js';
import { append, LogFolder } from '../testing/small-log.js';
import { readLog } from './log-reader.js';
import { verifyLog } from './verify-log.js';

/** Does something to the log, looks what verify names, and undoes it. */
function tampered(log: LogFolder, change: () => void): readonly { record: number; segment: string }[] {
  const before = new Map(log.files().map((file) => [file, log.read(file)]));
  change();
  const { problems } = verifyLog(log.path);
  for (const file of log.files()) if (!before.has(file)) rmSync(join(log.path, file));
  for (const [file, bytes] of before) writeFileSync(join(log.path, file), bytes);
  return problems.map(({ record, segment }) => ({ record, segment }));
}

function flip(log: LogFolder, file: string, at: number, mask: number): void {
  const path = join(log.path, file);
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0]! ^= mask;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

describe('verifyLog', () => {
  it('finds a closed log as it was written', () => {
    using log = new LogFolder();
    log.write(5);
    expect(verifyLog(log.path)).toMatchObject({
      ...{ segments: 3, records: 5, firstRecord: 0, closed: true },
      ...{ unconfirmedRecords: 0, tornBytes: 0, recoveries: [], problems: [] },
    });
    expect([...readLog(log.path)].map(({ record }) => record)).toEqual([0, 1, 2, 3, 4]);
  });

  it('names the record of any byte that was changed', () => {
    using log = new LogFolder();
    log.write(2, { segmentBytes: 200 });
    const layout = log.layout();
    expect(log.files()).toHaveLength(3);
    let mask = 1;
    for (const file of log.files()) {
      const own = layout.filter(({ segment }) => segment === file);
      const length = log.read(file).length;
      for (let at = 0; at < length; at++) {
        mask = (mask % 255) + 1;
        flip(log, file, at, mask);
        const { problems } = verifyLog(log.path);
        flip(log, file, at, mask);
        const wanted = file === HEAD_FILE ? layout.at(-1)! : own.find(({ end }) => at < end)!;
        expect({ file, at, ...problems[0] }).toMatchObject({ file, at, record: wanted.record, segment: file });
        // Only that record is named, unless its length hides where the next one begins.
        if (at >= wanted.start + 8) expect(problems).toHaveLength(1);
      }
    }
    expect(verifyLog(log.path).problems).toEqual([]);
  });

  it('names every changed record of several', () => {
    using log = new LogFolder();
    log.write(6);
    const [, second, , , fifth] = log.layout();
    const problems = tampered(log, () => {
      for (const { segment, end } of [second!, fifth!]) flip(log, segment, end - 40, 1);
    });
    expect(problems.map(({ record }) => record)).toEqual([1, 4]);
  });

  it('notices records that were removed, swapped, repeated or cut off', () => {
    using log = new LogFolder();
    log.write(4);
    const [a, b] = log.layout() as [ReturnType<LogFolder['layout']>[0], ReturnType<LogFolder['layout']>[0]];
    const segment = log.read(a.segment);
    const header = segment.subarray(0, SEGMENT_HEADER_BYTES);
    const [first, second] = [a, b].map(({ start, end }) => segment.subarray(start, end)) as [Buffer, Buffer];
    const put = (...parts: Buffer[]) =>
      tampered(log, () => writeFileSync(join(log.path, a.segment), Buffer.concat(parts)))[0];
    expect(put(header, second)).toEqual({ record: 0, segment: a.segment });
    expect(put(header, second, first)).toEqual({ record: 0, segment: a.segment });
    expect(put(header, first, first, second)).toEqual({ record: 1, segment: a.segment });
    // What is missing at the end of a segment shows in the next one.
    expect(put(header, first)).toMatchObject({ record: 1 });
    const last = log.layout().at(-1)!;
    const cut = (bytes: number) => tampered(log, () => truncateSync(join(log.path, last.segment), bytes))[0];
    expect(cut(last.start)).toEqual({ record: 3, segment: last.segment });
    expect(cut(last.end - 1)).toEqual({ record: 3, segment: last.segment });
    const more = tampered(log, () => appendFileSync(join(log.path, last.segment), log.read(last.segment)));
    expect(more[0]).toEqual({ record: 4, segment: last.segment });
  });

  it('notices a segment that was removed, unless it is the oldest, and one that was put in', () => {
    using log = new LogFolder();
    log.write(6);
    const [first, second, third] = log.files();
    const without = (file: string) => tampered(log, () => rmSync(join(log.path, file)))[0];
    expect(without(second!)).toEqual({ record: 2, segment: second });
    expect(without(third!)).toEqual({ record: 4, segment: third });
    expect(tampered(log, () => copyFileSync(join(log.path, first!), join(log.path, '00000003.audit')))[0]).toEqual({
      ...{ record: 6, segment: '00000003.audit' },
    });
    rmSync(join(log.path, first!));
    expect(verifyLog(log.path)).toMatchObject({ firstRecord: 2, records: 4, problems: [] });
  });

  it('tells a log that was rewritten whole by a hash that was kept elsewhere', () => {
    using log = new LogFolder();
    log.write(3);
    const { head } = verifyLog(log.path);
    const again = log.open();
    append(again, 3);
    again.close();
    expect(verifyLog(log.path, head)).toMatchObject({ expectedRecord: 2, problems: [] });
    for (const file of log.files()) rmSync(join(log.path, file));
    log.write(4);
    expect(verifyLog(log.path).problems).toEqual([]);
    expect(verifyLog(log.path, head)).toMatchObject({ expectedRecord: undefined, problems: [{ record: 4 }] });
  });

  it('counts a torn record behind the confirmed ones as the loss window of a crash, and one before as tampering', () => {
    using log = new LogFolder();
    const writer = log.open({ segmentBytes: 100_000 });
    append(writer, 0);
    writer.sync();
    for (const i of [1, 2]) append(writer, i);
    writer.write();
    const [first, , last] = log.layout();
    truncateSync(join(log.path, first!.segment), last!.end - 5);
    expect(verifyLog(log.path)).toMatchObject({
      ...{ closed: false, records: 2, unconfirmedRecords: 1, tornBytes: last!.end - 5 - last!.start, problems: [] },
    });
    truncateSync(join(log.path, first!.segment), first!.end - 5);
    expect(verifyLog(log.path).problems).toMatchObject([{ record: 0 }]);
    expect(readFileSync(join(log.path, HEAD_FILE), 'utf8')).toContain('"closed":false');
    writer.close();
  });
});
