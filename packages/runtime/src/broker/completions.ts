import type { GpuBridgeError, Logger } from '@gpu-bridge/abstractions';
import { Status, createCqe } from '@gpu-bridge/protocol';
import type { Cqe } from '@gpu-bridge/protocol';
import type { DeviceMetrics } from '../diagnostics/device-metrics.js';
import type { Job } from '../jobs/job.js';
import type { ExecutorSlots } from '../kernel-host/executor-slots.js';
import type { EndedExecutor } from '../kernel-host/fault-domain.js';
import type { BatchSettlement } from './batch-settlement.js';
import type { DeviceErrors } from './device-errors.js';
import type { InFlightEntry, InFlightTable } from './in-flight-table.js';
import type { LeftEntry, Recovery } from './recovery.js';

/** Whose completions these are, and who ends the jobs. */
export interface CompletingDevice {
  readonly id: string;
  readonly executors: readonly ExecutorSlots[];
  readonly inFlight: InFlightTable;
  readonly recovery: Recovery;
  readonly settlement: BatchSettlement;
  readonly errors: DeviceErrors;
  readonly metrics: DeviceMetrics;
  readonly logger: Logger;
  nowMs(): number;
  completed(job: Job): void;
  failed(job: Job, error: GpuBridgeError): void;
}

/** What comes out of the rings: completions, credited to their jobs, and what dead executors left behind. */
export class Completions {
  private readonly completion: Cqe = createCqe();

  constructor(private readonly device: CompletingDevice) {}

  /** Takes every waiting completion of every ring; returns how many. */
  reap(): number {
    let reaped = 0;
    for (const slots of this.device.executors) {
      if (slots.outstanding.length > 0 && slots.state === 'running') reaped += this.reapRing(slots);
    }
    return reaped;
  }

  /** Takes what executors that ended had not completed out of the journal, in the order of their rings. */
  takeLeft(executors: readonly EndedExecutor[]): readonly LeftEntry[] {
    const left: LeftEntry[] = [];
    for (const { slots, cause } of executors) {
      // What it published before it died counts.
      this.reapRing(slots);
      const running = slots.runningEntry();
      for (const entry of slots.outstanding.splice(0)) {
        this.device.inFlight.release(entry);
        entry.batch.inFlight--;
        const ran = cause === 'collateral' ? 'bystander' : 'suspect';
        left.push({ entry, role: entry === running ? ran : 'waited' });
      }
    }
    return left;
  }

  private reapRing(slots: ExecutorSlots): number {
    let reaped = 0;
    const { completion, device } = this;
    while (slots.executor.ring.reap(completion)) {
      reaped++;
      const record = device.inFlight.find(completion.userDataLow, completion.userDataHigh);
      if (
        record === undefined ||
        record.group !== slots.executor.group ||
        completion.generation !== slots.executor.generation
      ) {
        device.metrics.strays++;
        device.logger.error('a completion names no entry in flight and was ignored', {
          device: device.id,
          ...completion,
        });
        continue;
      }
      this.complete(slots, record, completion);
    }
    return reaped;
  }

  private complete(slots: ExecutorSlots, record: InFlightEntry, completion: Cqe): void {
    const { inFlight, metrics, recovery, settlement, errors } = this.device;
    const { status, violations, mode } = completion;
    const { batch, firstItem, itemCount } = record;
    const alone = record.isAlone;
    const jobs = batch.isCoalesced ? record.jobs() : batch.jobs;
    const durationNs = this.serviceNs(slots, record, completion);
    slots.remove(record);
    slots.isExclusive = false;
    inFlight.release(record);
    batch.inFlight--;
    batch.kernel.observe(itemCount, durationNs);
    metrics.violations += violations;
    metrics.busyNs += durationNs;
    const { account: tenant } = batch.jobs[0]!; // all of a batch are one tenant's
    tenant.boundsViolations += violations;
    tenant.serviceNs += durationNs;
    for (const job of jobs) {
      job.serviceNs += durationNs;
      job.ranMode = mode;
    }
    if (status === Status.OK && violations === 0) {
      batch.credit(firstItem, itemCount);
      for (const job of jobs) {
        if (job.remainingItems === 0) this.device.completed(job);
        else job.wakeReader();
      }
    } else if (alone) {
      this.device.failed(jobs[0]!, errors.slot(jobs[0]!, status, violations));
    } else {
      recovery.suspectEach(batch, jobs);
    }
    settlement.settle(batch);
  }

  /** Time that an entry took its executor, ns; on a device without a clock what passed here since it could begin. */
  private serviceNs(slots: ExecutorSlots, { submittedMs }: InFlightEntry, { durationNs }: Cqe): number {
    if (durationNs > 0) return durationNs;
    const nowMs = this.device.nowMs();
    const sinceMs = Math.max(submittedMs, slots.lastReapedMs);
    slots.lastReapedMs = nowMs;
    return (nowMs - sinceMs) * 1e6;
  }
}
