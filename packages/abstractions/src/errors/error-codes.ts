import type { DType } from '../kernels/dtype.js';

/**
 * What a caller may do about an error: `never` repeat it unchanged, repeat it on the `same-device` after the condition
 * has passed, or on `another-device`.
 */
export type RetryAdvice = 'never' | 'same-device' | 'another-device';

/** One finding of the kernel compiler. Lines and columns count from 1. */
export interface KernelDiagnostic {
  /** Stable rule name, for example `type-mismatch`; docs/KERNELS.md lists them. */
  readonly rule: string;
  readonly message: string;
  /** Source file of the body where known, else `kernel <name>`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Details by code; each code names a condition, not a function. */
export interface ErrorDetails {
  INVALID_ARGUMENT: { readonly field: string; readonly value: unknown; readonly expected: string };
  KERNEL_NOT_FOUND: { readonly kernel: string; readonly known: readonly string[] };
  KERNEL_BUILD_FAILED: { readonly kernel: string; readonly diagnostics: readonly KernelDiagnostic[] };
  KERNEL_ARTIFACT_INVALID: { readonly path: string; readonly reason: string };
  KERNEL_REFUSED: { readonly kernel: string; readonly deviceId: string; readonly missing: readonly string[] };
  KERNEL_FAULT: { readonly kernel: string; readonly deviceId: string; readonly reason: string };
  BOUNDS_VIOLATION: { readonly kernel: string; readonly jobId: string; readonly violations: number };
  INDEX_OUT_OF_RANGE: {
    readonly param: string;
    readonly element: number;
    readonly index: number | bigint;
    readonly limit: number;
  };
  NOT_SAFE_INTEGER: { readonly element: number; readonly value: number | bigint; readonly dtype: DType };
  QUEUE_FULL: { readonly deviceId: string; readonly tenant: string; readonly retryAfterNs: bigint };
  ARENA_EXHAUSTED: { readonly deviceId: string; readonly requestedBytes: number; readonly capacityBytes: number };
  /** `what`: `job ID` or `call TYPE/KEY.METHOD`; `jobId` only of jobs. */
  DEADLINE_EXCEEDED: { readonly what: string; readonly jobId?: string; readonly deadlineNs: bigint };
  /** `what`: `job ID` or `call TYPE/KEY.METHOD`; `jobId` only of jobs. */
  CANCELLED: { readonly what: string; readonly jobId?: string };
  JOB_POISONED: { readonly jobId: string; readonly kernel: string; readonly deaths: number };
  RESULT_EXPIRED: { readonly jobId: string; readonly retentionMs: number };
  RESULT_CONSUMED: { readonly jobId: string };
  DEVICE_NOT_FOUND: { readonly wanted: string; readonly known: readonly string[] };
  DEVICE_LOST: { readonly deviceId: string; readonly deviceGeneration: number };
  BACKEND_UNAVAILABLE: { readonly backend: string; readonly reason: string };
  DRAINING: { readonly what: string };
  GRAIN_NOT_FOUND: { readonly grain: string; readonly known: readonly string[] };
  GRAIN_BUSY: { readonly grain: string; readonly waitingCalls: number; readonly retryAfterNs: bigint };
  GRAIN_MOVED: { readonly grain: string; readonly siloId: string };
  SILO_BUSY: { readonly siloId: string; readonly retryAfterNs: bigint };
  SILO_UNREACHABLE: { readonly siloId: string; readonly reason: string };
  OUTCOME_UNKNOWN: { readonly grain: string; readonly method: string; readonly siloId: string };
  LEASE_FENCED: { readonly what: string; readonly fencingToken: number };
  MESSAGE_INVALID: { readonly reason: string };
  CLUSTER_UNAVAILABLE: { readonly engine: string; readonly reason: string };
  STORAGE_UNAVAILABLE: { readonly what: string; readonly reason: string };
  STREAM_FULL: { readonly stream: string; readonly maxEntries: number };
  RATE_LIMITED: { readonly tenant: string; readonly retryAfterNs: bigint };
  QUOTA_EXCEEDED: {
    readonly tenant: string;
    readonly deviceId: string;
    readonly requestedBytes: number;
    readonly usedBytes: number;
    readonly quotaBytes: number;
  };
  /** `what`: `allocation`, `dataset ID`, `job ID`; the owner is not told. */
  FOREIGN_HANDLE: { readonly what: string; readonly tenant: string };
  DATASET_NOT_FOUND: {
    readonly dataset: string;
    readonly epoch: string | undefined;
    readonly known: readonly string[];
  };
  /** What was loaded is not what the epoch was. */
  DATASET_INVALID: { readonly dataset: string; readonly epoch: string; readonly reason: string };
  SUBSCRIBER_DETACHED: { readonly stream: string; readonly reason: string; readonly droppedItems: number };
  AUDIT_UNAVAILABLE: { readonly folder: string; readonly reason: string };
  AUDIT_RECORD_NOT_FOUND: { readonly jobId: string };
  AUDIT_RECORD_INVALID: { readonly record: number; readonly segment: string; readonly reason: string };
}

export type ErrorCode = keyof ErrorDetails;

/** The advice for each code. */
export const RETRY_ADVICE: Readonly<Record<ErrorCode, RetryAdvice>> = {
  INVALID_ARGUMENT: 'never',
  KERNEL_NOT_FOUND: 'never',
  KERNEL_BUILD_FAILED: 'never',
  KERNEL_ARTIFACT_INVALID: 'never',
  KERNEL_REFUSED: 'another-device',
  KERNEL_FAULT: 'another-device',
  BOUNDS_VIOLATION: 'never',
  INDEX_OUT_OF_RANGE: 'never',
  NOT_SAFE_INTEGER: 'never',
  QUEUE_FULL: 'same-device',
  ARENA_EXHAUSTED: 'another-device',
  DEADLINE_EXCEEDED: 'never',
  CANCELLED: 'never',
  JOB_POISONED: 'never',
  RESULT_EXPIRED: 'never',
  RESULT_CONSUMED: 'never',
  DEVICE_NOT_FOUND: 'never',
  DEVICE_LOST: 'another-device',
  BACKEND_UNAVAILABLE: 'another-device',
  DRAINING: 'another-device',
  GRAIN_NOT_FOUND: 'never',
  GRAIN_BUSY: 'same-device',
  GRAIN_MOVED: 'another-device',
  SILO_BUSY: 'another-device',
  SILO_UNREACHABLE: 'another-device',
  OUTCOME_UNKNOWN: 'never',
  LEASE_FENCED: 'never',
  MESSAGE_INVALID: 'never',
  CLUSTER_UNAVAILABLE: 'same-device',
  STORAGE_UNAVAILABLE: 'never',
  STREAM_FULL: 'same-device',
  RATE_LIMITED: 'same-device',
  QUOTA_EXCEEDED: 'same-device',
  FOREIGN_HANDLE: 'never',
  DATASET_NOT_FOUND: 'never',
  DATASET_INVALID: 'never',
  SUBSCRIBER_DETACHED: 'never',
  AUDIT_UNAVAILABLE: 'never',
  AUDIT_RECORD_NOT_FOUND: 'never',
  AUDIT_RECORD_INVALID: 'never',
};
