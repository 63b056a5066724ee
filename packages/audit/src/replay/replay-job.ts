import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DatasetSource, GpuExecutionHints, GpuKernel, GpuResult } from '@gpu-bridge/abstractions';
import { sha256 } from '../format/sha256.js';
import type { ColumnRecord } from '../format/record.js';
import { checkedBytes } from '../read/log-reader.js';
import type { StoredJob } from '../read/log-reader.js';
import type { CapturedJobs } from './captured-jobs.js';
import { firstDifferences } from './differences.js';
import type { ElementDifference } from './differences.js';
import { nameOf, replayInputs } from './replay-inputs.js';

type Columns = Record<string, unknown>;

/** An output that came out otherwise. */
interface ColumnDifference {
  /** `out`, `out.field`, `out.counts`. */
  readonly column: string;
  readonly recorded: { readonly bytes: number; readonly digest: string };
  readonly replayed: { readonly bytes: number; readonly digest: string };
  /** The first of them; empty where only the digest was kept. */
  readonly elements: readonly ElementDifference[];
}

export interface ReplayReport {
  readonly identical: boolean;
  /** How the replay ended. */
  readonly result: GpuResult;
  /** Empty when the replay did not complete. */
  readonly differences: readonly ColumnDifference[];
}

interface Replay {
  readonly job: StoredJob;
  /** Of a bridge whose recorder is `captured`. */
  readonly kernel: GpuKernel<Columns, Columns>;
  readonly captured: CapturedJobs;
  readonly hints?: GpuExecutionHints;
  /** For inputs that lie in datasets. */
  readonly datasets?: DatasetSource | undefined;
  /** Runs the kernel although it is not the recorded version. */
  readonly allowsOtherVersion?: boolean;
}

/**
 * Runs a recorded job again and compares what comes out, byte for byte.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for a job that did not complete or whose inputs cannot be had, `KERNEL_NOT_FOUND` when the
 *   kernel is another version, `AUDIT_RECORD_INVALID`, what the submission throws.
 */
export async function replayJob(replay: Replay): Promise<ReplayReport> {
  const { job, kernel, captured, hints, datasets } = replay;
  const { header } = job;
  if (header.outcome !== 'completed')
    throw GpuBridgeError.invalidArgument(`job ${header.jobId}`, header.outcome, 'a job that completed');
  if (kernel.id !== header.kernel && replay.allowsOtherVersion !== true) {
    const known = [kernel.id];
    const message = `the job was run with ${header.kernel}, and the kernel is ${kernel.id}: results of another version prove nothing`;
    throw new GpuBridgeError('KERNEL_NOT_FOUND', { kernel: header.kernel, known }, message);
  }
  const args = await replayInputs(job, kernel.descriptor, datasets);
  const { grid, sizes = {} } = header;
  using handle =
    grid === undefined
      ? await kernel.submitBatch(args, hints)
      : await kernel.submitGrid(args, { globalSize: grid, sizes }, hints);
  const result = await handle.result;
  const outputs = captured.take(handle.jobId)?.outputs ?? [];
  if (result.outcome !== 'completed') return { identical: false, result, differences: [] };
  const inputs = header.inputs.length;
  const differences = header.outputs.flatMap((column, i) => {
    const replayed = outputs.find(
      (o) => o.param === column.param && o.part === column.part && o.column === column.column,
    );
    return compare(job, inputs + i, column, replayed?.bytes ?? new Uint8Array(0));
  });
  return { identical: differences.length === 0, result, differences };
}

function compare(job: StoredJob, index: number, column: ColumnRecord, replayed: Uint8Array): ColumnDifference[] {
  const digest = sha256(replayed).toString('hex');
  const recordedDigest = job.digests[index] ?? '';
  if (digest === recordedDigest) return [];
  const bytes = checkedBytes(job, index);
  return [
    {
      column: nameOf(column),
      recorded: { bytes: column.bytes, digest: recordedDigest },
      replayed: { bytes: replayed.byteLength, digest },
      elements: bytes === undefined ? [] : firstDifferences(column.dtype, bytes, replayed),
    },
  ];
}
