import { GpuBridgeError, checkHints } from '@gpu-bridge/abstractions';
import type {
  ColumnBatch,
  GpuExecutionHints,
  GpuKernel,
  GridLaunch,
  KernelDescriptor,
  KernelHandle,
  KernelId,
} from '@gpu-bridge/abstractions';
import { bindGridInputs, bindMapInputs } from '../columns/bound-inputs.js';
import type { BoundInputs } from '../columns/bound-inputs.js';
import type { KernelShape } from '../columns/kernel-shape.js';
import { Job } from '../jobs/job.js';
import type { DeviceSelector, SelectedDevice } from '../placement/device-selector.js';
import type { ResultStore } from '../results/result-store.js';
import type { JobTelemetry } from '../telemetry/job-telemetry.js';
import type { TenantAccount } from '../tenancy/tenant-account.js';
import type { TenantAccounts } from '../tenancy/tenant-accounts.js';
import type { AbortRegistry } from './abort-registry.js';

type Columns = Record<string, unknown>;
const NO_HINTS: GpuExecutionHints = {};

/** A kernel as this silo's callers use it: checks, chooses a device, submits, reads. */
export class LocalKernel implements GpuKernel<Columns, Columns> {
  readonly id: KernelId;

  constructor(
    readonly descriptor: KernelDescriptor,
    private readonly devices: DeviceSelector,
    private readonly results: ResultStore,
    private readonly aborts: AbortRegistry,
    private readonly tenants: TenantAccounts,
    private readonly telemetry: JobTelemetry | undefined,
  ) {
    this.id = descriptor.id;
  }

  submitBatch(
    items: Columns,
    hints: GpuExecutionHints = NO_HINTS,
    signal?: AbortSignal,
  ): Promise<KernelHandle<Columns>> {
    if (this.descriptor.kind !== 'map')
      return Promise.reject(this.wrongKind('submitBatch', 'a map kernel; use submitGrid'));
    return this.submit((shape) => bindMapInputs(shape, items), hints, signal);
  }

  submitGrid(
    args: Columns,
    launch: GridLaunch,
    hints: GpuExecutionHints = NO_HINTS,
    signal?: AbortSignal,
  ): Promise<KernelHandle<Columns>> {
    if (this.descriptor.kind !== 'grid')
      return Promise.reject(this.wrongKind('submitGrid', 'a grid kernel; use submitBatch'));
    return this.submit((shape) => bindGridInputs(shape, args, launch), hints, signal);
  }

  readResults(
    handle: KernelHandle<Columns>,
    options: { readonly mode?: 'copy' | 'borrow' } = {},
  ): AsyncIterable<ColumnBatch<Columns>> {
    return this.results.read(handle, options.mode ?? 'copy');
  }

  /** Not an async function: the promise it would add is a tenth of a small job's time. */
  private submit(
    bind: (shape: KernelShape) => BoundInputs,
    hints: GpuExecutionHints,
    signal: AbortSignal | undefined,
  ): Promise<KernelHandle<Columns>> {
    try {
      if (hints !== NO_HINTS) checkHints(hints);
      if (signal !== undefined && !isSignal(signal))
        throw GpuBridgeError.invalidArgument('signal', signal, 'an AbortSignal');
      const account = this.tenants.of(hints.tenant ?? 'default');
      const { broker, fallback } = this.select(hints, account);
      const kernel = broker.host.kernel(this.id)!;
      const job = new Job(kernel, bind(kernel.shape), hints, fallback, broker, account);
      if (signal?.aborted === true)
        throw new GpuBridgeError(
          'CANCELLED',
          { what: `job ${job.jobId}`, jobId: job.jobId },
          'the signal was aborted before the job was submitted',
        );
      if (this.telemetry === undefined) broker.submit(job);
      else this.telemetry.submit(job, broker);
      if (signal !== undefined && !job.hasEnded) this.aborts.watch(signal, job);
      return Promise.resolve(job);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it was thrown
      return Promise.reject(error);
    }
  }

  private select(hints: GpuExecutionHints, account: TenantAccount): SelectedDevice {
    try {
      return this.devices.select(hints, this.descriptor);
    } catch (error) {
      if (GpuBridgeError.is(error, 'KERNEL_REFUSED') || !this.devices.runs(this.descriptor)) account.refusedKernels++;
      throw error;
    }
  }

  private wrongKind(method: string, expected: string): GpuBridgeError {
    return GpuBridgeError.invalidArgument(method, this.descriptor.name, expected);
  }
}

/** By shape: a signal of another realm or of a polyfill is no instance of ours. */
function isSignal(value: unknown): value is AbortSignal {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value;
}
