import { inspect } from 'node:util';
import { Mode } from '@gpu-bridge/protocol';
import type {
  DeviceDescription,
  GpuBridgeError,
  GpuExecutionHints,
  GpuResult,
  JobState,
  KernelHandle,
  KernelId,
  Priority,
} from '@gpu-bridge/abstractions';
import type { Batch } from '../broker/batch.js';
import type { LoadedKernel } from '../catalog/loaded-kernel.js';
import type { BoundInputs } from '../columns/bound-inputs.js';
import type { TenantAccount } from '../tenancy/tenant-account.js';
import { newJobId } from './job-id.js';
import { modeAsked, modeNamed } from './mode.js';

/** What a job needs from its broker. */
export interface JobOwner {
  readonly description: DeviceDescription;
  nowMs(): number;
  cancel(job: Job): void;
  /** Somebody reads the job's results now: they do not expire meanwhile. */
  claim(job: Job): void;
  /** The job's results will not be read (any more): its memory may be reused. */
  release(job: Job): void;
}

/** Is told of a job's attempts. */
export interface JobWatcher {
  /** Items of the job went into a ring: an attempt begins, unless one is on its way. */
  submittedSlot(): void;
  /** An attempt was lost, and another one follows or the job ends. */
  attemptEnded(reason: string): void;
}

/** Who waits for a job's progress. */
export interface WaitingReader {
  progressed(): void;
}

/**
 * One submitted job over all its attempts; what callers hold as their handle. It ends exactly once. The broker moves
 * it along; nothing here touches device memory.
 */
export class Job implements KernelHandle {
  readonly tenant: string;
  readonly priority: Priority;
  /** On the clock's milliseconds; Infinity without a deadline. */
  readonly deadlineMs: number;
  readonly submittedMs: number;

  state: JobState = 'queued';
  error: GpuBridgeError | undefined;
  attempts = 1;
  /** How often an executor died while it ran this job, as a suspect, alone. */
  aloneDeaths = 0;
  /** Suspected on a device that it left: it runs alone from the start. */
  runsAlone = false;
  startedMs = 0;
  endedMs = 0;
  serviceNs = 0;
  /** What its entries ask of the device. */
  mode: Mode;
  /** Mode in which its latest slot ran; `ANY` while none has. */
  ranMode: number = Mode.ANY;

  /** Where the job's items are, once it is in a batch. */
  batch: Batch | undefined;
  firstItem = 0;
  /** Per ragged input: the batch's elements before this job's. */
  elementBases: readonly number[] = [];
  remainingItems: number;
  /** Items from the first on that are done without a gap; what a reader may take. */
  readyItems = 0;
  /** Set while its results occupy device memory. */
  holdsMemory = false;
  readerTaken = false;
  /** A reader has begun: its results no longer expire. */
  isBeingRead = false;
  /** A reader holds views of device memory. */
  private hasLent = false;
  /** Frees the memory that a reader still has views of, on a device that the job has left. */
  private endLoan: (() => void) | undefined;
  /** Its results stayed unread for too long and are gone. */
  isExpired = false;
  /** Who waits for the job's next items or its end; told once. */
  waitingReader: WaitingReader | undefined;
  /** Undefined where nobody watches jobs. */
  watcher: JobWatcher | undefined;
  /** Room set aside for its record; undefined where it is not audited. */
  auditedBytes: number | undefined;
  /** Links in the broker's list of jobs whose results nobody has read yet, oldest first. */
  olderUnread: Job | undefined;
  newerUnread: Job | undefined;

  private id: string | undefined;
  private settled: Promise<GpuResult> | undefined;
  private settle: ((result: GpuResult) => void) | undefined;
  /** Called once at the end, for whoever must forget the job then. */
  private endListener: (() => void) | undefined;

  constructor(
    public kernel: LoadedKernel,
    readonly inputs: BoundInputs,
    readonly hints: GpuExecutionHints,
    public fallback: boolean,
    public owner: JobOwner,
    /** Its tenant's. */
    readonly account: TenantAccount,
  ) {
    this.tenant = account.name;
    this.priority = account.clamp(hints.priority ?? 'normal');
    this.deadlineMs = hints.deadlineNs === undefined ? Infinity : Number(hints.deadlineNs) / 1e6;
    this.submittedMs = owner.nowMs();
    this.remainingItems = inputs.itemCount;
    this.mode = modeAsked(hints, owner.description);
  }

  /** Made when first asked for: most small jobs are never asked. */
  get jobId(): string {
    this.id ??= newJobId();
    return this.id;
  }

  get kernelId(): KernelId {
    return this.kernel.descriptor.id;
  }

  get hasEnded(): boolean {
    return this.state !== 'queued' && this.state !== 'running';
  }

  get result(): Promise<GpuResult> {
    this.settled ??= this.hasEnded
      ? Promise.resolve(this.describeResult())
      : new Promise((resolve) => {
          this.settle = resolve;
        });
    return this.settled;
  }

  cancel(): void {
    this.owner.cancel(this);
  }

  dispose(): void {
    if (!this.hasEnded) this.owner.cancel(this);
    this.owner.release(this);
    this.returnLoan();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What logs and debuggers show: the handle, not the device behind it. */
  toJSON(): object {
    const { jobId, kernelId, state, tenant, attempts, inputs } = this;
    return { jobId, kernelId, state, tenant, attempts, itemCount: inputs.submittedCount };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }

  /** A slot was submitted; the first one begins the job. */
  markRunning(nowMs: number): void {
    if (this.watcher !== undefined && !this.hasEnded) this.watcher.submittedSlot();
    if (this.state !== 'queued') return;
    this.state = 'running';
    this.startedMs = nowMs;
  }

  /** What it ran on died; it may run again. */
  countDeath(reason: string): void {
    this.attempts++;
    this.watcher?.attemptEnded(reason);
  }

  /**
   * It goes to another device and begins anew there, but for what a reader has taken.
   *
   * @param leave - frees what it holds on the old one; called when no reader has views of it any more.
   */
  moveTo(owner: JobOwner, kernel: LoadedKernel, fallback: boolean, leave: () => void): void {
    const from = this.owner.description.id;
    this.owner = owner;
    this.kernel = kernel;
    this.fallback = fallback;
    this.mode = modeAsked(this.hints, owner.description);
    if (this.state === 'running') this.countDeath(`device ${from} was quarantined`);
    this.batch = undefined;
    this.firstItem = 0;
    this.elementBases = [];
    this.remainingItems = this.inputs.itemCount;
    this.readyItems = 0;
    this.holdsMemory = false;
    // What an earlier device lent is not this one's.
    if (this.hasLent && this.endLoan === undefined) this.endLoan = leave;
    else leave();
  }

  /** A reader has got views of device memory. */
  lend(): void {
    this.hasLent = true;
  }

  /** The reader uses the views that it got no longer. */
  returnLoan(): void {
    const end = this.endLoan;
    this.hasLent = false;
    this.endLoan = undefined;
    end?.();
  }

  end(state: 'completed' | 'failed' | 'cancelled', error: GpuBridgeError | undefined): void {
    if (this.hasEnded) return;
    this.state = state;
    this.error = error;
    if (state === 'completed') this.readyItems = this.inputs.itemCount;
    this.endedMs = this.owner.nowMs();
    this.endListener?.();
    this.settle?.(this.describeResult());
    this.wakeReader();
  }

  whenEnded(listener: () => void): void {
    const before = this.endListener;
    this.endListener = before === undefined ? listener : () => (before(), listener());
  }

  /** In a microtask of its own: what the broker is about comes first. */
  wakeReader(): void {
    const reader = this.waitingReader;
    if (reader === undefined) return;
    this.waitingReader = undefined;
    queueMicrotask(() => reader.progressed());
  }

  /** Of a job that has ended. */
  describeResult(): GpuResult {
    const { description } = this.owner;
    const { id: deviceId, type: deviceType, backend } = description;
    const startedMs = this.startedMs === 0 ? this.endedMs : this.startedMs;
    return {
      jobId: this.jobId,
      kernelId: this.kernelId,
      outcome: this.state as 'completed' | 'failed' | 'cancelled',
      ...(this.error === undefined ? {} : { error: this.error }),
      itemCount: this.inputs.submittedCount,
      tenant: this.tenant,
      epoch: this.hints.epoch,
      deviceId,
      deviceType,
      backend,
      executionMode: modeNamed(this.ranMode, description),
      fallback: this.fallback,
      attempts: this.attempts,
      queuedNs: Math.round((startedMs - this.submittedMs) * 1e6),
      totalNs: Math.round((this.endedMs - this.submittedMs) * 1e6),
      serviceNs: this.serviceNs,
    };
  }
}
