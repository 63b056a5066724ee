import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DeviceDescription, TenantLimits } from '@gpu-bridge/abstractions';
import { Status } from '@gpu-bridge/protocol';
import type { Job } from '../jobs/job.js';

/** The errors a device's broker ends jobs with, worded in one place. */
export class DeviceErrors {
  constructor(private readonly device: DeviceDescription) {}

  /** How a slot that did not end well ended, for the job it ran alone. */
  slot(job: Job, status: number, violations: number): GpuBridgeError {
    const kernel = job.kernel.descriptor.name;
    const { jobId } = job;
    if (status === Status.OK) {
      return new GpuBridgeError(
        'BOUNDS_VIOLATION',
        { kernel, jobId, violations },
        `${kernel} left its arrays ${violations} times; nothing outside them was touched`,
      );
    }
    const reason = Object.entries(Status).find(([, value]) => value === status)?.[0] ?? `status ${status}`;
    return new GpuBridgeError(
      'KERNEL_FAULT',
      { kernel, deviceId: this.device.id, reason },
      `${kernel} ended with ${reason} on ${this.device.id}`,
    );
  }

  poisoned(job: Job, reason: string): GpuBridgeError {
    const kernel = job.kernel.descriptor.name;
    const deaths = job.aloneDeaths;
    return new GpuBridgeError(
      'JOB_POISONED',
      { jobId: job.jobId, kernel, deaths },
      `${kernel} killed its executor ${deaths} times while running alone: ${reason}`,
    );
  }

  cancelled(job: Job): GpuBridgeError {
    return new GpuBridgeError(
      'CANCELLED',
      { what: `job ${job.jobId}`, jobId: job.jobId },
      `job ${job.jobId} was cancelled`,
    );
  }

  deadlineExceeded(job: Job): GpuBridgeError {
    const deadlineNs = job.hints.deadlineNs ?? 0n;
    return new GpuBridgeError(
      'DEADLINE_EXCEEDED',
      { what: `job ${job.jobId}`, jobId: job.jobId, deadlineNs },
      `the deadline of job ${job.jobId} passed`,
    );
  }

  queueFull(job: Job, waiting: string, retryAfterNs: bigint): GpuBridgeError {
    const { id: deviceId } = this.device;
    return new GpuBridgeError(
      'QUEUE_FULL',
      { deviceId, tenant: job.tenant, retryAfterNs },
      `${waiting} on ${deviceId}; retry after ${retryAfterNs / 1000n} µs`,
    );
  }

  rateLimited(tenant: string, { jobsPerSecond, burstJobs }: TenantLimits, retryAfterNs: bigint): GpuBridgeError {
    return new GpuBridgeError(
      'RATE_LIMITED',
      { tenant, retryAfterNs },
      `tenant ${tenant} may submit ${jobsPerSecond} jobs/s to ${this.device.id}, ${burstJobs} at once; retry after ${retryAfterNs / 1000n} µs`,
    );
  }

  foreignAllocation({ tenant }: Job): GpuBridgeError {
    return new GpuBridgeError(
      'FOREIGN_HANDLE',
      { what: 'allocation', tenant },
      `a job of tenant ${tenant} names memory that was allocated for another tenant`,
    );
  }

  arenaExhausted(requestedBytes: number, capacityBytes: number): GpuBridgeError {
    const { id: deviceId } = this.device;
    return new GpuBridgeError(
      'ARENA_EXHAUSTED',
      { deviceId, requestedBytes, capacityBytes },
      `the job needs ${requestedBytes} bytes at once, the arena of ${deviceId} has ${capacityBytes}: submit smaller batches or raise its size`,
    );
  }

  draining(): GpuBridgeError {
    const { id } = this.device;
    return new GpuBridgeError('DRAINING', { what: id }, `${id} is stopping and takes no jobs`);
  }

  drainTimedOut(timeoutMs: number): GpuBridgeError {
    const { id } = this.device;
    return new GpuBridgeError(
      'DRAINING',
      { what: id },
      `${id} stopped before this job ended; drainTimeoutMs was ${timeoutMs}`,
    );
  }

  lost(reason: string, deviceGeneration: number): GpuBridgeError {
    const { id: deviceId } = this.device;
    return new GpuBridgeError('DEVICE_LOST', { deviceId, deviceGeneration }, `${deviceId} was given up: ${reason}`);
  }
}
