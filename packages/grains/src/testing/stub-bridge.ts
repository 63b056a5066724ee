import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ColumnBatch, GpuBridge, GpuResult, KernelHandle } from '@gpu-bridge/abstractions';
import type { UntypedColumns } from '../batch/gpu-batch-grain.js';

/** A bridge with one kernel, `scale`, that admits what it is given and writes down what it is asked. */
export class StubBridge {
  readonly submissions: unknown[][] = [];
  readonly reads: unknown[] = [];
  readonly cancelled: string[] = [];
  readonly disposed: string[] = [];
  /** Thrown by the next submissions. */
  refusal: Error | undefined;
  results: ColumnBatch<UntypedColumns>[] = [];

  /** The part of a bridge that batch grains use. */
  get bridge(): GpuBridge {
    const getKernel = (name: unknown) => {
      if (name === 'scale') return this.kernel;
      throw new GpuBridgeError('KERNEL_NOT_FOUND', { kernel: String(name), known: ['scale'] }, 'no such kernel');
    };
    return { getKernel } as unknown as GpuBridge;
  }

  private readonly kernel = {
    submitBatch: (...args: unknown[]) => this.submit('batch', args),
    submitGrid: (...args: unknown[]) => this.submit('grid', args),
    readResults: (handle: KernelHandle<UntypedColumns>, options: unknown) => this.read(handle, options),
  };

  private async *read(
    { jobId }: KernelHandle<UntypedColumns>,
    options: unknown,
  ): AsyncGenerator<ColumnBatch<UntypedColumns>> {
    this.reads.push({ jobId, options });
    yield* this.results;
  }

  private async submit(kind: string, args: unknown[]): Promise<KernelHandle<UntypedColumns>> {
    if (this.refusal !== undefined) throw this.refusal;
    this.submissions.push([kind, ...args]);
    const jobId = `job-${this.submissions.length}`;
    const dispose = () => void this.disposed.push(jobId);
    return {
      jobId,
      kernelId: 'scale@0',
      state: 'queued',
      result: Promise.resolve({ jobId, outcome: 'completed' } as GpuResult),
      cancel: () => void this.cancelled.push(jobId),
      dispose,
      [Symbol.dispose]: dispose,
    };
  }
}
