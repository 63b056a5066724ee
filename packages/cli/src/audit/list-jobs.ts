import { readLog } from '@gpu-bridge/audit';
import type { JobRecord } from '@gpu-bridge/audit';
import { tableOf } from '../table.js';
import { UsageError } from '../usage-error.js';

export interface JobFilter {
  readonly tenant: string | undefined;
  /** Name or id. */
  readonly kernel: string | undefined;
  readonly outcome: string | undefined;
  readonly sinceMs: number;
}

const OUTCOMES = ['completed', 'failed', 'cancelled'];

/** @throws UsageError. */
export function filterOf(values: {
  readonly tenant?: string | undefined;
  readonly kernel?: string | undefined;
  readonly outcome?: string | undefined;
  readonly since?: string | undefined;
}): JobFilter {
  const { tenant, kernel, outcome, since } = values;
  const sinceMs = since === undefined ? -Infinity : Date.parse(since);
  if (Number.isNaN(sinceMs)) throw new UsageError(`--since '${since}' is no time`);
  if (outcome !== undefined && !OUTCOMES.includes(outcome))
    throw new UsageError(`unknown outcome '${outcome}'; there are ${OUTCOMES.join(', ')}`);
  return { tenant, kernel, outcome, sinceMs };
}

/** The jobs of a log that a filter lets through, oldest first. */
export function listJobs(folder: string, filter: JobFilter, json: boolean): string {
  const jobs: (JobRecord & { readonly record: number })[] = [];
  for (const { record, header } of readLog(folder))
    if (header.kind === 'job' && passes(header, filter)) jobs.push({ record, ...header });
  if (json) return JSON.stringify({ jobs }, null, 2);
  if (jobs.length === 0) return 'no job';
  return tableOf([HEADINGS, ...jobs.map((job) => rowOf(job, job.record))]).join('\n');
}

const HEADINGS = ['record', 'job', 'submitted', 'tenant', 'kernel', 'outcome', 'items', 'device', 'ms'];

function rowOf(job: JobRecord, record: number): string[] {
  const { jobId, submittedAtMs, tenant, kernel, outcome, error, itemCount, device, totalNs } = job;
  const ended = error === undefined ? outcome : `${outcome} ${error.code}`;
  const submitted = new Date(submittedAtMs).toISOString();
  return [
    String(record),
    jobId,
    submitted,
    tenant,
    kernel,
    ended,
    String(itemCount),
    device,
    (totalNs / 1e6).toFixed(2),
  ];
}

function passes(job: JobRecord, { tenant, kernel, outcome, sinceMs }: JobFilter): boolean {
  if (tenant !== undefined && job.tenant !== tenant) return false;
  if (kernel !== undefined && job.kernel !== kernel && job.kernel.split('@')[0] !== kernel) return false;
  return (outcome === undefined || job.outcome === outcome) && job.submittedAtMs >= sinceMs;
}
