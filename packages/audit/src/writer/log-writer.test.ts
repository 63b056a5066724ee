import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HEAD_FILE } from '../format/head.js';
import { checkedBytes, readJob, readLog } from '../read/log-reader.js';
import { verifyLog } from '../read/verify-log.js';
import { append, endedJob, jobIdOf, LogFolder } from '../testing/small-log.js';
import { encodeJob } from '../format/record.js';

describe('LogWriter', () => {
  it('writes records larger than its memory between small ones, in one chain', () => {
    using log = new LogFolder();
    const writer = log.open({ segmentBytes: 2 ** 30 });
    append(writer, 0);
    const big = new Uint32Array(700_000).map((_, i) => i);
    const job = endedJob(1, big, big);
    const columns = [...job.inputs, ...job.outputs].map(({ bytes }) => ({ bytes, isStored: true, hasDigest: true }));
    writer.append(Buffer.from(encodeJob(job, 'inputs-and-outputs')), columns);
    append(writer, 2);
    writer.close();
    expect(verifyLog(log.path)).toMatchObject({ segments: 1, records: 3, problems: [] });
    const found = readJob(log.path, jobIdOf(1));
    expect(checkedBytes(found, 1)!.equals(Buffer.from(big.buffer))).toBe(true);
    expect(readJob(log.path, jobIdOf(2)).record).toBe(2);
    expect(() => readJob(log.path, jobIdOf(3))).toThrow(/AUDIT_RECORD_NOT_FOUND/);
  });

  it('goes on behind what arrived whole when the one before was not closed, and records that', () => {
    using log = new LogFolder();
    const killed = log.open({ lossWindowMs: 250 });
    for (const i of [0, 1]) append(killed, i);
    killed.sync();
    append(killed, 2);
    killed.write();
    const { segment } = log.layout().at(-1)!;
    appendFileSync(join(log.path, segment), Buffer.alloc(33, 7));
    const writer = log.open();
    append(writer, 3);
    writer.close();
    const recovery = { record: 3, keptRecords: 1, tornBytes: 33, lossWindowMs: 250 };
    expect(verifyLog(log.path)).toMatchObject({ records: 5, closed: true, recoveries: [recovery], problems: [] });
    const kinds = [...readLog(log.path)].map(({ header }) => header.kind);
    expect(kinds).toEqual(['job', 'job', 'job', 'recovery', 'job']);
  });

  it('replaces a segment that a killed writer had only begun', () => {
    using log = new LogFolder();
    const killed = log.open();
    for (const i of [0, 1]) append(killed, i);
    killed.sync();
    writeFileSync(join(log.path, '00000001.audit'), Buffer.alloc(40));
    log.open().close();
    expect(verifyLog(log.path)).toMatchObject({
      segments: 2,
      records: 3,
      recoveries: [{ tornBytes: 40 }],
      problems: [],
    });
  });

  it('leaves a log alone of which confirmed records are missing or changed', () => {
    const refused = (change: (log: LogFolder, segment: string) => void): string => {
      using log = new LogFolder();
      log.write(3);
      change(log, log.layout().at(-1)!.segment);
      try {
        log.open();
      } catch (error) {
        return (error as Error).message;
      }
      return 'opened';
    };
    const cut = (log: LogFolder, file: string, by: number): void =>
      truncateSync(join(log.path, file), log.read(file).length - by);
    expect(refused((log, segment) => cut(log, segment, 1))).toMatch(/before number 3 are missing or changed/);
    expect(refused((log, segment) => rmSync(join(log.path, segment)))).toMatch(/segment 1 is missing/);
    expect(refused((log, segment) => appendFileSync(join(log.path, segment), 'x'))).toMatch(/bytes behind its end/);
    expect(refused((log) => cut(log, HEAD_FILE, 3))).toMatch(/head\.json is not as it was written/);
    expect(refused((log) => rmSync(join(log.path, HEAD_FILE)))).toMatch(/no head\.json/);
    expect(refused((log) => writeFileSync(join(log.path, '00000002.audit'), ''))).toMatch(/behind the end/);
  });
});
