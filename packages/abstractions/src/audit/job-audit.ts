import type { GpuResult } from '../bridge/gpu-bridge.js';
import type { DatasetColumnRef } from '../datasets/dataset.js';
import type { AuditInfo } from '../diagnostics/silo-diagnostics.js';
import type { DType } from '../kernels/dtype.js';
import type { KernelDescriptor } from '../kernels/descriptor.js';

/**
 * What is kept of jobs of a kernel. `digest`: digests of inputs and outputs. `inputs`: the inputs too, so that the job can be
 * run again. `inputs-and-outputs`: also the outputs, so that a replay shows the elements that differ. `off`: nothing.
 */
export type AuditPolicy = 'off' | 'digest' | 'inputs' | 'inputs-and-outputs';

/** One column of a job, when the job ends. Layout and order are the same whatever device ran it, and with whom it was coalesced. */
export interface AuditedColumn {
  readonly param: string;
  readonly part: 'column' | 'offsets' | 'counts';
  readonly column: string;
  readonly dtype: DType;
  /** Its elements, little-endian; of lists only those that they have, in item order. Borrowed until `record` returns. Empty with `dataset`. */
  readonly bytes: Uint8Array;
  /** Where the column lies in a resident dataset: its epoch names the content. */
  readonly dataset?: DatasetColumnRef;
}

/** A job as its broker hands it to the recorder, once, when it has ended. */
export interface EndedJob {
  readonly kernel: KernelDescriptor;
  /** SHA-256 of the artifact that the device had loaded, in hexadecimal digits. */
  readonly artifactHash: string;
  readonly result: GpuResult;
  /** ms since 1970 UTC. */
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
  /**
   * Sets room aside for the record of a job whose columns have at most so many bytes; every success is followed by one
   * `record`. False when there is no room now: then the broker refuses the job with `QUEUE_FULL`.
   *
   * @throws GpuBridgeError `AUDIT_UNAVAILABLE` when nothing can be recorded any more.
   */
  reserve(columnBytes: number): boolean;
  /** @param reservedBytes - what was passed to `reserve` when the job was admitted. */
  record(job: EndedJob, reservedBytes: number): void;
  /** Resolves when everything recorded so far is on disk. @throws GpuBridgeError `AUDIT_UNAVAILABLE`. */
  flush(): Promise<void>;
  getInfo(): AuditInfo;
}
