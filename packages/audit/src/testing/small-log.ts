import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { u32, input, output, argumentLayout } from '@gpu-bridge/abstractions';
import type { EndedJob } from '@gpu-bridge/abstractions';
import { encodeJob } from '../format/record.js';
import { SegmentFile, segmentsIn } from '../read/segment-file.js';
import { SEGMENT_HEADER_BYTES } from '../format/segment.js';
import { LogWriter } from '../writer/log-writer.js';
import type { LogSettings } from '../writer/log-writer.js';

const params = { x: input(u32), y: output(u32) };

/** A job of a map from x to y. */
export function endedJob(number: number, x: Uint32Array, y: Uint32Array): EndedJob {
  const column = { part: 'column', column: 'value', dtype: 'u32' } as const;
  const bytes = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  return {
    kernel: {
      ...{ id: 'double@0123456789abcdef', name: 'double', kind: 'map', params, layout: argumentLayout(params) },
      ...{ effects: 'pure', requires: [], readsItemIndex: false, fp: 'strict', bounds: 'checked' },
      ...{ workgroup: null, workspaceBytes: 0, irVersion: 0 },
    },
    artifactHash: 'ab'.repeat(32),
    result: {
      ...{ jobId: jobIdOf(number), kernelId: 'double@0123456789abcdef', outcome: 'completed', itemCount: x.length },
      ...{ tenant: number % 2 === 0 ? 'even' : 'odd', epoch: undefined, deviceId: 'cpu:0', deviceType: 'cpu' },
      ...{ backend: 'cpu', executionMode: 'leased', fallback: false, attempts: 1 },
      ...{ queuedNs: 1, totalNs: 3, serviceNs: 2 },
    },
    submittedAtMs: 1_700_000_000_000 + number,
    ...{ grid: undefined, sizes: {}, uniforms: {} },
    inputs: [{ param: 'x', ...column, bytes: bytes(x) }],
    outputs: [{ param: 'y', ...column, bytes: bytes(y) }],
  };
}

export function jobIdOf(number: number): string {
  return `018bcfe5-687b-7fff-8000-${String(number).padStart(12, '0')}`;
}

/** A folder that is gone with the test. */
export class LogFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'gpu-bridge-audit-'));

  /** Opens the log; a segment has about two records. */
  open(more: Partial<LogSettings> = {}): LogWriter {
    const settings = { segmentBytes: 1_000, lossWindowMs: 1_000, lossWindowBytes: 2 ** 20 };
    return LogWriter.open({ folder: this.path, ...settings, ...more });
  }

  /** A log of so many records, closed. */
  write(count: number, more: Partial<LogSettings> = {}): void {
    const log = this.open(more);
    for (let i = 0; i < count; i++) append(log, i);
    log.close();
  }

  /** Files of the log. */
  files(): string[] {
    return readdirSync(this.path).sort();
  }

  read(file: string): Buffer {
    return readFileSync(join(this.path, file));
  }

  /** Where each record lies. */
  layout(): { readonly record: number; readonly segment: string; readonly start: number; readonly end: number }[] {
    const records = [];
    for (const index of segmentsIn(this.path)) {
      using file = new SegmentFile(this.path, index);
      let start = SEGMENT_HEADER_BYTES;
      for (let frame = file.frameAt(start); frame !== undefined; frame = file.frameAt(start)) {
        const end = start + frame.totalBytes;
        records.push({ record: records.length, segment: file.name, start, end });
        start = end;
      }
    }
    return records;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A record of which everything is kept. */
export function append(log: LogWriter, number: number): void {
  const x = Uint32Array.of(number, number + 1);
  const job = endedJob(
    number,
    x,
    x.map((value) => value * 2),
  );
  const columns = [...job.inputs, ...job.outputs].map(({ bytes }) => ({ bytes, isStored: true, hasDigest: true }));
  log.append(Buffer.from(encodeJob(job, 'inputs-and-outputs')), columns);
}
