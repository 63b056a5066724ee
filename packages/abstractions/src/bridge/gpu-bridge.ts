import type { Observable } from 'rxjs';
import type { DeviceDescription, DeviceTelemetry } from '../backend/compute-backend.js';
import type { ColumnBatch } from '../columns/column-batch.js';
import type { ElementInput, KernelInputs, KernelOutputs, RaggedInput } from '../columns/column-input.js';
import type { TenantInfo } from '../diagnostics/silo-diagnostics.js';
import type { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import type { KernelDefinition } from '../kernels/definition.js';
import type { KernelDescriptor, KernelId } from '../kernels/descriptor.js';
import type { KernelParams } from '../kernels/params.js';
import type { ElementType, RaggedType } from '../kernels/schema.js';
import type { DeviceType, ExecutionMode, GpuExecutionHints } from './execution-hints.js';

/** The silo's access to its devices. Obtained from the container under `Tokens.GpuBridge`. */
export interface GpuBridge {
  getInfo(): GpuBridgeInfo;

  /** Tenants that have asked for something since the start, by name; those not heard of for long stand together under ''. */
  getTenants(): readonly TenantInfo[];

  /**
   * For whoever finds things for callers by name: counts that a tenant asked for what is another's, and makes the error to
   * refuse it with, `FOREIGN_HANDLE`.
   *
   * @param what - as in the error's details, for example `job ID`.
   */
  foreignHandle(what: string, tenant: string): GpuBridgeError;

  /**
   * The callable form of a registered kernel.
   *
   * @throws GpuBridgeError `KERNEL_NOT_FOUND` unless it was named in `addGpuBridge(…, { kernels })`.
   */
  getKernel<P extends KernelParams>(kernel: KernelDefinition<P>): GpuKernel<KernelInputs<P>, KernelOutputs<P>>;
  getKernel(nameOrId: string): GpuKernel<Record<string, unknown>, Record<string, unknown>>;

  /**
   * Memory in a device's arena as typed-array views: columns filled there are passed to `submitBatch` without a copy.
   * 64-bit columns are BigInt64Array/BigUint64Array views; fill them with `fillWide`.
   *
   * @param count - items; for a ragged type `{ items, elements }`.
   * @throws GpuBridgeError `ARENA_EXHAUSTED`, `QUOTA_EXCEEDED`, `DEVICE_NOT_FOUND`, `INVALID_ARGUMENT`.
   */
  allocate<T extends ElementType>(type: T, count: number, options?: AllocateOptions): Allocation<ElementInput<T>>;
  allocate<T extends ElementType>(
    type: RaggedType<T>,
    count: { readonly items: number; readonly elements: number },
    options?: AllocateOptions,
  ): Allocation<RaggedInput<T>>;
}

export interface AllocateOptions {
  /** Default: the device that jobs go to without hints. */
  readonly device?: string;
  /** Whose arena quota it counts against, and whose jobs may read it; 1 … 64 characters, default `default`. */
  readonly tenant?: string;
}

/** Arena memory owned by the caller until `dispose`; zero-filled. */
export interface Allocation<TData> extends Disposable {
  readonly deviceId: string;
  readonly data: TData;
  readonly sizeBytes: number;
  /** Frees the memory. Throws `INVALID_ARGUMENT` while a job still reads it. Idempotent. */
  dispose(): void;
}

/** A kernel ready to be called on this silo's devices. */
export interface GpuKernel<TIn, TOut> {
  readonly id: KernelId;
  readonly descriptor: KernelDescriptor;

  /**
   * Queues one batch of a map kernel; resolves when admitted, not when done.
   *
   * @param items - one column (or record of columns, or ragged list) per input, all with the same number of items;
   *   borrowed until the job completes. An empty batch completes at once.
   * @param signal - aborting cancels as `KernelHandle.cancel` does.
   * @throws GpuBridgeError `INVALID_ARGUMENT`, `QUEUE_FULL` and `RATE_LIMITED` (retry after `retryAfterNs`),
   *   `DEADLINE_EXCEEDED`, `CANCELLED`, `DRAINING`, `DEVICE_NOT_FOUND`, `DEVICE_LOST`, `ARENA_EXHAUSTED` (larger than the
   *   arena), `QUOTA_EXCEEDED` (larger than its tenant's part of it), `FOREIGN_HANDLE` (a column of another tenant's).
   */
  submitBatch(items: TIn, hints?: GpuExecutionHints, signal?: AbortSignal): Promise<KernelHandle<TOut>>;

  /** Queues one launch of a grid kernel; otherwise as `submitBatch`. */
  submitGrid(
    args: TIn,
    launch: GridLaunch,
    hints?: GpuExecutionHints,
    signal?: AbortSignal,
  ): Promise<KernelHandle<TOut>>;

  /**
   * The job's results as column batches in item order, each as soon as it and all before it are done. Can be read
   * once; what is read is freed on the device.
   *
   * @param options - `copy` (default): batches are the reader's to keep. `borrow`: they are views of device memory,
   *   valid until the iteration takes the next batch or ends.
   * @throws GpuBridgeError the job's error when it failed or was cancelled; `RESULT_EXPIRED`, `RESULT_CONSUMED`.
   */
  readResults(
    handle: KernelHandle<TOut>,
    options?: { readonly mode?: 'copy' | 'borrow' },
  ): AsyncIterable<ColumnBatch<TOut>>;
}

export interface GridLaunch {
  /** Work-items along x, y, z: one to three positive integers, product below 2^31. */
  readonly globalSize: readonly number[];
  /** Elements of each output and atomic array, by parameter name; default: the product of the global size. */
  readonly sizes?: Readonly<Record<string, number>>;
}

export type JobState = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** One submitted job. Its results wait on the device until they are read, disposed of, or expire. */
export interface KernelHandle<TOut = unknown> extends Disposable {
  /** UUIDv7, the same over all attempts. */
  readonly jobId: string;
  readonly kernelId: KernelId;
  readonly state: JobState;
  /** Resolves when the job has ended, however it ended; never rejects. */
  readonly result: Promise<GpuResult>;
  /**
   * Gives the job up: it ends as `cancelled` at once and its results are dropped. What a kernel already runs is not
   * interrupted, and its memory is freed when it returns. No effect after the end.
   */
  cancel(): void;
  /** Drops results that nobody will read; cancels a job that has not ended. Idempotent. */
  dispose(): void;
  /** Type carrier; never set. */
  readonly output?: TOut;
}

/** How a job ended. */
export interface GpuResult {
  readonly jobId: string;
  readonly kernelId: KernelId;
  readonly outcome: 'completed' | 'failed' | 'cancelled';
  readonly error?: GpuBridgeError;
  readonly itemCount: number;
  readonly tenant: string;
  readonly epoch: string | undefined;
  readonly deviceId: string;
  readonly deviceType: DeviceType;
  readonly backend: string;
  /** Mode in which its last slot ran. */
  readonly executionMode: ExecutionMode;
  /** The wanted device or type of device was not there, or was quarantined, so another did it. */
  readonly fallback: boolean;
  /** 1 + how often a death of an executor, or a move to another device, made it run again. */
  readonly attempts: number;
  /** Submission to first slot, ns. */
  readonly queuedNs: number;
  /** Submission to end, ns. */
  readonly totalNs: number;
  /** Sum over its ring slots of the time their executors spent, ns; shared by the jobs coalesced into a slot. */
  readonly serviceNs: number;
}

/** `quarantined`: given up after too many deaths nobody asked for, until one start is tried after `health.quarantineMs`. */
export type DeviceHealth = 'healthy' | 'suspect' | 'restarting' | 'quarantined' | 'closed';

/** Demand on a device. */
export interface DevicePressure {
  readonly deviceId: string;
  /** Jobs admitted and not yet in a ring. */
  readonly queuedJobs: number;
  /** Queued jobs over the queue's limit, 0 … 1; above 1 only with jobs that were redirected here. */
  readonly queueUse: number;
  /** Executors that have work, over all executors, 0 … 1. */
  readonly utilisation: number;
}

/** One executor of a device, as its broker sees it. */
export interface ExecutorInfo {
  readonly state: 'running' | 'dying' | 'starting' | 'quarantined';
  /** Grows at each start. */
  readonly generation: number;
  /** Entries in its ring. */
  readonly outstanding: number;
  /** How long the watchdog has seen no heartbeat of its kernel, ms; undefined where nothing is watched or nothing beats. */
  readonly heartbeatAgeMs: number | undefined;
}

/** Snapshot of one device. Counters start at 0 when the device opens and never fall. */
export interface DeviceInfo {
  readonly description: DeviceDescription;
  readonly health: DeviceHealth;
  /** Of a quarantined device: why, how long until the next start is tried, and how many failed since; else undefined. */
  readonly quarantine:
    { readonly reason: string; readonly endsInMs: number; readonly failedStarts: number } | undefined;
  readonly pressure: DevicePressure;
  /** Age of the oldest entry in a ring, ms; 0 when the rings are empty. */
  readonly oldestInFlightMs: number;
  readonly executors: readonly ExecutorInfo[];
  readonly arena: { readonly capacityBytes: number; readonly usedBytes: number };
  readonly counters: DeviceCounters;
  /** What the device says about its host process; undefined where it has none. */
  readonly host: DeviceTelemetry | undefined;
  /** Share of the time since the bridge started in which executors ran entries, over all executors, 0 … 1. */
  readonly busyRatio: number;
  /** Distribution over completed jobs of submission to end, µs; the 3 significant digits of an HDR histogram. */
  readonly latencyUs: {
    readonly count: number;
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  };
}

export interface DeviceCounters {
  readonly submitted: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Refused with `QUEUE_FULL`. */
  readonly refused: number;
  /** Jobs that shared a ring slot with others. */
  readonly coalesced: number;
  readonly slots: number;
  /** Executor incarnations that died or were killed. */
  readonly deaths: number;
  readonly violations: number;
  /** Jobs that wanted another device or type of device. */
  readonly fallbacks: number;
  /** Admitted jobs that were handed to another device because this one was quarantined. */
  readonly redirected: number;
  /** Results nobody read in time. */
  readonly expired: number;
  /** Completions that named nothing in flight, and were ignored: a fault of the device. */
  readonly strays: number;
}

/** A device that was asked to load a kernel and cannot run it; another one can. */
export interface KernelRefusal {
  readonly kernelId: KernelId;
  readonly deviceId: string;
  /** What the device or the kernel lacks, in words. */
  readonly missing: readonly string[];
}

export interface GpuBridgeInfo {
  readonly state: 'created' | 'started' | 'draining' | 'stopped';
  readonly devices: readonly DeviceInfo[];
  readonly kernels: readonly KernelDescriptor[];
  readonly refusals: readonly KernelRefusal[];
  /** Backends that were asked for and have no device, devices that could not be opened or were lost over their kernels, and why. */
  readonly unavailable: readonly { readonly backend: string; readonly reason: string }[];
  /** Emits per device when its pressure changes, at most once per event-loop turn. */
  readonly pressure$: Observable<DevicePressure>;
}
