import type { AuditInfo, AuditPolicy, EndedJob, JobRecorder } from '@gpu-bridge/abstractions';

/** Results of a job that was run again, laid out as the log keeps them. */
export interface CapturedJob {
  readonly result: EndedJob['result'];
  readonly outputs: readonly (Omit<EndedJob['outputs'][number], 'dataset'> & { readonly bytes: Uint8Array })[];
}

/** A recorder for replays: keeps what jobs gave until somebody takes it. Bound under `Tokens.JobRecorder`. */
export class CapturedJobs implements JobRecorder {
  private readonly jobs = new Map<string, CapturedJob>();

  policyOf(): AuditPolicy {
    return 'inputs-and-outputs';
  }

  reserve(): boolean {
    return true;
  }

  record({ result, outputs }: EndedJob): void {
    const copies = outputs.map((column) => ({ ...column, bytes: Uint8Array.from(column.bytes) }));
    this.jobs.set(result.jobId, { result, outputs: copies });
  }

  /** @returns undefined for a job that has not ended. */
  take(jobId: string): CapturedJob | undefined {
    const job = this.jobs.get(jobId);
    this.jobs.delete(jobId);
    return job;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  getInfo(): AuditInfo {
    return { folder: '', ...NOTHING_WRITTEN };
  }
}

const NOTHING_WRITTEN = {
  ...{ writtenRecords: 0, pendingRecords: 0, pendingBytes: 0, failed: undefined, lostRecords: 0 },
};
