import type { AuditPolicy, AuditedColumn, DatasetColumnRef, DType, EndedJob } from '@gpu-bridge/abstractions';

/** What is kept of one column. */
export interface ColumnRecord {
  readonly param: string;
  readonly part: AuditedColumn['part'];
  readonly column: string;
  readonly dtype: DType;
  readonly bytes: number;
  /** Its bytes are in the log. */
  readonly stored: boolean;
  /** Instead of a digest. */
  readonly dataset?: DatasetColumnRef;
}

/** A number as JSON can hold it: bigints, and what JSON has no number for, as text. */
export type UniformText = number | boolean | string;

/** A job as the log keeps it; the digests of its columns stand beside it. */
export interface JobRecord {
  readonly jobId: string;
  readonly kind: 'job';
  readonly tenant: string;
  /** `name@hash` */
  readonly kernel: string;
  readonly artifactHash: string;
  readonly policy: AuditPolicy;
  readonly outcome: 'completed' | 'failed' | 'cancelled';
  readonly error?: { readonly code: string; readonly message: string };
  readonly itemCount: number;
  readonly grid?: readonly number[];
  readonly sizes?: Readonly<Record<string, number>>;
  readonly uniforms: Readonly<Record<string, UniformText>>;
  readonly epoch?: string;
  readonly device: string;
  readonly deviceType: string;
  readonly backend: string;
  readonly executionMode: string;
  readonly fallback: boolean;
  readonly attempts: number;
  /** ms since 1970 UTC. */
  readonly submittedAtMs: number;
  readonly queuedNs: number;
  readonly totalNs: number;
  readonly serviceNs: number;
  readonly inputs: readonly ColumnRecord[];
  readonly outputs: readonly ColumnRecord[];
}

/** The log was opened after its writer had ended without closing it. */
export interface RecoveryRecord {
  readonly jobId: '';
  readonly kind: 'recovery';
  readonly atMs: number;
  /** Records behind the last confirmed one that had arrived whole; they were kept. */
  readonly keptRecords: number;
  /** Bytes of a record that had not arrived whole; they were cut off. */
  readonly tornBytes: number;
  /** The loss window that the log had been opened with: what was recorded in it may be missing. */
  readonly lossWindowMs: number;
  readonly lossWindowBytes: number;
}

export type LogRecord = JobRecord | RecoveryRecord;

/** Longest error message that is kept, characters. */
const LONGEST_MESSAGE = 1_000;

/** @returns the record's header, JSON. */
export function encodeJob(job: EndedJob, policy: AuditPolicy): string {
  const { result, kernel, grid } = job;
  const { error, epoch } = result;
  const keepsInputs = policy === 'inputs' || policy === 'inputs-and-outputs';
  const record: JobRecord = {
    jobId: result.jobId,
    kind: 'job',
    tenant: result.tenant,
    kernel: kernel.id,
    artifactHash: job.artifactHash,
    policy,
    outcome: result.outcome,
    ...(error === undefined
      ? undefined
      : { error: { code: error.code, message: error.message.slice(0, LONGEST_MESSAGE) } }),
    itemCount: result.itemCount,
    ...(grid === undefined ? undefined : { grid, sizes: job.sizes }),
    uniforms: uniformTexts(job.uniforms),
    ...(epoch === undefined ? undefined : { epoch }),
    device: result.deviceId,
    deviceType: result.deviceType,
    backend: result.backend,
    executionMode: result.executionMode,
    fallback: result.fallback,
    attempts: result.attempts,
    submittedAtMs: job.submittedAtMs,
    queuedNs: result.queuedNs,
    totalNs: result.totalNs,
    serviceNs: result.serviceNs,
    inputs: job.inputs.map((column) => columnRecord(column, keepsInputs)),
    outputs: job.outputs.map((column) => columnRecord(column, policy === 'inputs-and-outputs')),
  };
  return JSON.stringify(record);
}

/** @throws SyntaxError for a header that was not made here. */
export function decodeRecord(header: string): LogRecord {
  return JSON.parse(header) as LogRecord;
}

/** The header of a record of this job begins so. */
export function headerStart(jobId: string): string {
  return `{"jobId":${JSON.stringify(jobId)},`;
}

/** The value of a uniform that stands as text. */
export function uniformValue(text: UniformText, dtype: DType): number | bigint | boolean {
  if (typeof text !== 'string') return text;
  return dtype === 'i64' || dtype === 'u64' ? BigInt(text) : Number(text);
}

function columnRecord({ param, part, column, dtype, bytes, dataset }: AuditedColumn, keeps: boolean): ColumnRecord {
  const length = bytes.byteLength;
  if (dataset !== undefined) return { param, part, column, dtype, bytes: 0, stored: false, dataset };
  return { param, part, column, dtype, bytes: length, stored: keeps };
}

function uniformTexts(uniforms: EndedJob['uniforms']): Record<string, UniformText> {
  const texts: Record<string, UniformText> = {};
  for (const name in uniforms) texts[name] = uniformText(uniforms[name]!);
  return texts;
}

function uniformText(value: number | bigint | boolean): UniformText {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
