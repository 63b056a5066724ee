import type { GpuBridgeError, ResolvedBrokerOptions } from '@gpu-bridge/abstractions';
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
    private readonly options: ResolvedBrokerOptions,
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

  /** @throws GpuBridgeError `DRAINING`, `DEVICE_LOST`, `DEADLINE_EXCEEDED`, `QUEUE_FULL`, `ARENA_EXHAUSTED`. */
  check(job: Job, nowMs: number): void {
    const refused = this.closedBecause ?? this.suspendedBecause;
    if (refused !== undefined) throw refused();
    if (job.deadlineMs <= nowMs) throw this.errors.deadlineExceeded(job);
    this.checkLimits(job);
    const bytes = this.staging.sizeOf(job);
    const { capacityBytes } = this.staging.arena;
    if (bytes > capacityBytes) throw this.errors.arenaExhausted(bytes, capacityBytes);
  }

  /** Whether the queues are short enough for one more job of this tenant. */
  hasRoom({ tenant }: Job): boolean {
    const { queueLimit, tenantQueueLimit } = this.options;
    return this.queue.queued < queueLimit && this.waitingOf(tenant) < tenantQueueLimit;
  }

  private checkLimits(job: Job): void {
    if (this.hasRoom(job)) return;
    this.metrics.refused++;
    const tenantWaits = this.waitingOf(job.tenant);
    const isTenantFull = tenantWaits >= this.options.tenantQueueLimit;
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
