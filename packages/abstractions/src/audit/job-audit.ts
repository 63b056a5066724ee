import type { GpuResult } from '../bridge/gpu-bridge.js';
import type { DatasetColumnRef } from '../datasets/dataset.js';
import type { DType } from '../kernels/dtype.js';
import type { KernelDescriptor } from '../kernels/descriptor.js';

/** What is kept of jobs of a kernel. `digest`: digests of inputs and outputs; `inputs`: the inputs too; `off`: nothing. */
export type AuditPolicy = 'off' | 'digest' | 'inputs';

/** One column of a job, when the job ends. */
export interface AuditedColumn {
  readonly param: string;
  readonly part: 'column' | 'offsets' | 'counts';
  readonly column: string;
  readonly dtype: DType;
  /** Its bytes, little-endian; borrowed until `record` returns. */
  readonly bytes: Uint8Array;
  /** Where the column lies in a resident dataset: its epoch names the content. */
  readonly dataset?: DatasetColumnRef;
}

/** A job as its broker hands it to the recorder, once, when it has ended. */
export interface EndedJob {
  readonly kernel: KernelDescriptor;
  readonly artifactHash: string | undefined;
  readonly result: GpuResult;
  readonly submittedAtMs: number;
  /** Of a grid kernel. */
  readonly grid: readonly [number, number, number] | undefined;
  /** Elements of outputs and atomic arrays of a grid kernel, by parameter. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly uniforms: Readonly<Record<string, number | bigint | boolean>>;
  readonly inputs: readonly AuditedColumn[];
  /** Empty unless it completed. */
  readonly outputs: readonly AuditedColumn[];
}

/**
 * Keeps what is needed to prove results later. Under `Tokens.JobRecorder`; without one nothing is recorded. Called on the
 * broker's thread, so it copies what it needs and leaves the work to another thread.
 */
export interface JobRecorder {
  /** Policy of a kernel; asked once per kernel. */
  policyOf(kernel: KernelDescriptor): AuditPolicy;
  /** Whether it can take a job of so many bytes now. While it cannot, the broker admits no job of audited kernels (`QUEUE_FULL`). */
  hasRoom(bytes: number): boolean;
  record(job: EndedJob): void;
  /** Resolves when everything recorded so far is on disk. */
  flush(): Promise<void>;
}
