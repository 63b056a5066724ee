import type { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ResidentPins } from '../arena/resident-pins.js';
import type { DeviceMetrics } from '../diagnostics/device-metrics.js';
import type { Job } from '../jobs/job.js';
import type { DeviceErrors } from './device-errors.js';
import type { FairQueue } from './fair-queue.js';
import type { Staging } from './staging.js';

/** Shortest advice for a caller that was refused, ns. */
const LEAST_RETRY_NS = 100_000;

/** Decides whether a device takes a job: it refuses rather than buffers without limit. */
export class Admission {
  private closedBecause: (() => GpuBridgeError) | undefined;
  private suspendedBecause: (() => GpuBridgeError) | undefined;

  constructor(
    private readonly queue: FairQueue,
    private readonly staging: Staging,
    private readonly pins: ResidentPins,
    private readonly queueLimit: number,
    /** The device, as tenants' accounts know it. */
    private readonly number: number,
    private readonly errors: DeviceErrors,
    private readonly metrics: DeviceMetrics,
    private readonly executors: number,
  ) {}

  /** Every job from now on is refused with this error; the first reason stays. */
  close(because: () => GpuBridgeError): void {
    this.closedBecause ??= because;
  }

  /** Every job is refused with this error until `resume`. */
  suspend(because: () => GpuBridgeError): void {
    this.suspendedBecause = because;
  }

  resume(): void {
    this.suspendedBecause = undefined;
  }

  /**
   * Refuses a job, and counts that, or takes one of its tenant's tokens.
   *
   * @throws GpuBridgeError `DRAINING`, `DEVICE_LOST`, `DEADLINE_EXCEEDED`, `FOREIGN_HANDLE`, `QUEUE_FULL`, `ARENA_EXHAUSTED`,
   *   `QUOTA_EXCEEDED`, `RATE_LIMITED`.
   */
  check(job: Job, nowMs: number): void {
    const refused = this.closedBecause ?? this.suspendedBecause;
    if (refused !== undefined) throw refused();
    if (job.deadlineMs <= nowMs) throw this.errors.deadlineExceeded(job);
    this.checkHandles(job);
    this.checkLimits(job);
    this.checkSize(job);
    this.takeToken(job, nowMs);
  }

  private checkHandles(job: Job): void {
    if (!this.pins.readsForeign(job)) return;
    job.account.foreignHandles++;
    throw this.errors.foreignAllocation(job);
  }

  /** A job that could never be staged; one that only has to wait is taken. */
  private checkSize(job: Job): void {
    const { arena } = this.staging;
    const bytes = this.staging.sizeOf(job);
    if (bytes > arena.capacityBytes) throw this.errors.arenaExhausted(bytes, arena.capacityBytes);
    if (bytes <= job.account.quotaBytes) return;
    throw arena.refuse(job.tenant, bytes);
  }

  /** Last, so that a job that the device refuses for another reason costs none. */
  private takeToken({ account, tenant }: Job, nowMs: number): void {
    const { bucket } = account.on(this.number);
    if (bucket === undefined) return;
    if (!bucket.hasToken(nowMs)) {
      account.refusedByRate++;
      throw this.errors.rateLimited(tenant, account.limits, bucket.waitNs(nowMs));
    }
    bucket.take();
  }

  /** Whether the queues are short enough for one more job of this tenant. */
  hasRoom({ tenant, account }: Job): boolean {
    return this.queue.queued < this.queueLimit && this.waitingOf(tenant) < account.limits.queueLimit;
  }

  private checkLimits(job: Job): void {
    if (this.hasRoom(job)) return;
    this.metrics.refused++;
    job.account.refusedByQueue++;
    const tenantWaits = this.waitingOf(job.tenant);
    const isTenantFull = tenantWaits >= job.account.limits.queueLimit;
    const waiting = isTenantFull
      ? `${tenantWaits} jobs of tenant ${job.tenant} wait`
      : `${this.queue.queued} jobs wait`;
    throw this.errors.queueFull(job, waiting, this.retryAfterNs(job));
  }

  private waitingOf(tenant: string): number {
    return this.queue.find(tenant)?.queued ?? 0;
  }

  /** Rough time until a tenth of the queue has gone, if it holds jobs like this one. */
  private retryAfterNs(job: Job): bigint {
    const tenthNs = (this.queue.queued / 10 / this.executors) * job.kernel.expectedNs(job.inputs.itemCount);
    return BigInt(Math.ceil(Math.max(LEAST_RETRY_NS, tenthNs)));
  }
}
