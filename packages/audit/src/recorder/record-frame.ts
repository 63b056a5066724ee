import type { AuditPolicy, AuditedColumn, EndedJob } from '@gpu-bridge/abstractions';
import { encodeJob } from '../format/record.js';
import type { WrittenColumn } from '../writer/log-writer.js';
import { ColumnFlag, FRAME_COLUMN_BYTES, FRAME_HEADER_BYTES, FrameKind, unitsOf } from './record-ring.js';

/** A job on its way to the log's thread; its columns are still borrowed. */
export class RecordFrame {
  readonly units: number;
  private readonly header: string;
  private readonly headerBytes: number;
  private readonly columns: readonly AuditedColumn[];
  private readonly inputs: number;

  constructor(
    job: EndedJob,
    private readonly policy: AuditPolicy,
  ) {
    this.header = encodeJob(job, policy);
    this.headerBytes = Buffer.byteLength(this.header);
    this.columns = job.outputs.length === 0 ? job.inputs : [...job.inputs, ...job.outputs];
    this.inputs = job.inputs.length;
    let bytes = FRAME_HEADER_BYTES + this.columns.length * FRAME_COLUMN_BYTES + this.headerBytes;
    for (const column of this.columns) bytes += column.bytes.byteLength;
    this.units = unitsOf(bytes);
  }

  /** Copies the record into memory of at least `units`. */
  fill(memory: Buffer, offset: number): void {
    const { columns, header, headerBytes } = this;
    memory.writeUInt32LE(this.units, offset);
    memory.writeUInt32LE(FrameKind.Record, offset + 4);
    memory.writeUInt32LE(headerBytes, offset + 8);
    memory.writeUInt32LE(columns.length, offset + 12);
    let at = offset + FRAME_HEADER_BYTES;
    for (let i = 0; i < columns.length; i++) {
      memory.writeUInt32LE(columns[i]!.bytes.byteLength, at);
      memory.writeUInt32LE(this.flagsOf(i), at + 4);
      at += FRAME_COLUMN_BYTES;
    }
    at += memory.write(header, at, headerBytes, 'utf8');
    for (const { bytes } of columns) {
      memory.set(bytes, at);
      at += bytes.byteLength;
    }
  }

  private flagsOf(index: number): number {
    if (this.columns[index]!.dataset !== undefined) return 0;
    const { policy } = this;
    const isStored = policy === 'inputs-and-outputs' || (policy === 'inputs' && index < this.inputs);
    return isStored ? ColumnFlag.Digest | ColumnFlag.Stored : ColumnFlag.Digest;
  }
}

/** Views of a record as it lies in a frame. */
export function readFrame(memory: Buffer, offset: number): { header: Buffer; columns: WrittenColumn[] } {
  const headerBytes = memory.readUInt32LE(offset + 8);
  const count = memory.readUInt32LE(offset + 12);
  const columnsAt = offset + FRAME_HEADER_BYTES;
  const headerAt = columnsAt + count * FRAME_COLUMN_BYTES;
  let at = headerAt + headerBytes;
  const header = memory.subarray(headerAt, at);
  const columns: WrittenColumn[] = [];
  for (let i = 0; i < count; i++) {
    const bytes = memory.readUInt32LE(columnsAt + i * FRAME_COLUMN_BYTES);
    const flags = memory.readUInt32LE(columnsAt + i * FRAME_COLUMN_BYTES + 4);
    const view = memory.subarray(at, at + bytes);
    at += bytes;
    const isStored = (flags & ColumnFlag.Stored) !== 0;
    columns.push({ bytes: view, isStored, hasDigest: (flags & ColumnFlag.Digest) !== 0 });
  }
  return { header, columns };
}
