import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, GpuBridge, GpuResult, JobState, KernelHandle } from '@gpu-bridge/abstractions';
import type { UntypedColumns } from '../batch/gpu-batch-grain.js';

type Batches = ColumnBatch<UntypedColumns>;

/** A bridge with one kernel, `scale`, that admits what it is given and writes down what it is asked. */
export class StubBridge {
  readonly submissions: unknown[][] = [];
  readonly reads: unknown[] = [];
  /** Batches that a reader has taken, over all jobs. */
  batchesTaken = 0;
  readonly cancelled: string[] = [];
  readonly disposed: string[] = [];
  /** Thrown by the next submissions. */
  refusal: Error | undefined;
  results: Batches[] = [];
  /** The error of the next jobs. */
  failure: GpuBridgeError | undefined;
  /** Jobs end only by `finish`, or because they are given up. */
  holds = false;
  /** Kept, as a bridge keeps the jobs whose results nobody has read. */
  readonly jobs: StubJob[] = [];

  /** @param prefix - of job ids, so that the jobs of two bridges differ. */
  constructor(readonly prefix = 'job') {}

  /** The part of a bridge that batch grains use. */
  get bridge(): GpuBridge {
    const getKernel = (name: unknown) => {
      if (name === 'scale') return this.kernel;
      throw new GpuBridgeError('KERNEL_NOT_FOUND', { kernel: String(name), known: ['scale'] }, 'no such kernel');
    };
    const foreignHandle = (what: string, tenant: string): GpuBridgeError =>
      new GpuBridgeError('FOREIGN_HANDLE', { what, tenant }, 'not yours');
    return { getKernel, foreignHandle } as unknown as GpuBridge;
  }

  finish(): void {
    for (const job of this.jobs) job.end(this.failure === undefined ? 'completed' : 'failed', this.failure);
  }

  private readonly kernel = {
    submitBatch: (...args: unknown[]) => this.submit('batch', args),
    submitGrid: (...args: unknown[]) => this.submit('grid', args),
    readResults: (handle: StubJob, options: unknown) => this.read(handle, options),
  };

  private async *read(job: StubJob, options: unknown): AsyncGenerator<Batches> {
    if (job.isRead) throw new GpuBridgeError('RESULT_CONSUMED', { jobId: job.jobId }, 'read by somebody already');
    job.isRead = true;
    this.reads.push({ jobId: job.jobId, options });
    const { error } = await job.result;
    if (error !== undefined) throw error;
    let left = this.results.length;
    try {
      for (const batch of this.results) {
        this.batchesTaken++;
        left--;
        yield batch;
      }
    } finally {
      if (left > 0) job.dispose();
    }
  }

  private async submit(kind: string, args: unknown[]): Promise<KernelHandle<UntypedColumns>> {
    if (this.refusal !== undefined) throw this.refusal;
    this.submissions.push([kind, ...args]);
    const job = new StubJob(`${this.prefix}-${this.submissions.length}`, this);
    this.jobs.push(job);
    if (!this.holds) job.end(this.failure === undefined ? 'completed' : 'failed', this.failure);
    return job;
  }
}

class StubJob implements KernelHandle<UntypedColumns> {
  readonly kernelId = 'scale@0';
  state: JobState = 'running';
  isRead = false;
  readonly result: Promise<GpuResult>;
  private settle!: (result: GpuResult) => void;

  constructor(
    readonly jobId: string,
    private readonly bridge: StubBridge,
  ) {
    this.result = new Promise((resolve) => (this.settle = resolve));
  }

  end(outcome: GpuResult['outcome'], error?: GpuBridgeError): void {
    if (this.state !== 'running') return;
    this.state = outcome;
    const { jobId } = this;
    const rest = { itemCount: 2, epoch: undefined, tenant: 'default', deviceId: 'cpu:0', attempts: 1 };
    this.settle({ jobId, outcome, ...rest, ...(error === undefined ? {} : { error }) } as GpuResult);
  }

  cancel(): void {
    this.bridge.cancelled.push(this.jobId);
    this.giveUp();
  }

  dispose(): void {
    this.bridge.disposed.push(this.jobId);
    this.giveUp();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private giveUp(): void {
    const { jobId } = this;
    this.end('cancelled', new GpuBridgeError('CANCELLED', { what: `job ${jobId}`, jobId }, 'given up'));
  }
}
