import type { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ResidentPins } from '../arena/resident-pins.js';
import type { DeviceMetrics } from '../diagnostics/device-metrics.js';
import type { Job } from '../jobs/job.js';
import type { SelectedDevice } from '../placement/device-selector.js';
import type { BatchSettlement } from './batch-settlement.js';
import type { FairQueue } from './fair-queue.js';
import type { Recovery } from './recovery.js';
import type { Staging } from './staging.js';

/** A device of which no executor is left. */
export interface QuarantinedDevice {
  readonly queue: FairQueue;
  readonly staging: Staging;
  readonly recovery: Recovery;
  readonly settlement: BatchSettlement;
  readonly pins: ResidentPins;
  readonly metrics: DeviceMetrics;
  /** Where a job goes on; undefined where no other device can run it. */
  substituteFor(job: Job): SelectedDevice | undefined;
  /** The job has not ended, and is another device's from now on. */
  letGo(job: Job): void;
  failed(job: Job, error: GpuBridgeError): void;
}

/** How many jobs a device had that had not ended, and what became of them. */
export interface Evacuated {
  readonly redirected: number;
  readonly failed: number;
}

/**
 * Everything that was admitted on the device goes on elsewhere, and begins anew there; what can run nowhere else fails.
 *
 * @param lost - the error of the jobs that fail.
 */
export function evacuate(device: QuarantinedDevice, lost: () => GpuBridgeError): Evacuated {
  const jobs = takeJobs(device);
  let redirected = 0;
  for (const job of jobs) {
    const target = device.substituteFor(job);
    if (target === undefined) {
      device.failed(job, lost());
      if (job.batch === undefined) device.pins.unpin(job);
    } else {
      redirected++;
      handOver(device, job, target);
    }
  }
  for (const batch of device.staging.batches()) device.settlement.settle(batch);
  return { redirected, failed: jobs.length - redirected };
}

/**
 * Stops everything on the device.
 *
 * @returns its jobs that have not ended, those that were staged first; no queue holds them any more, their batches do.
 */
function takeJobs({ queue, staging, recovery, settlement }: QuarantinedDevice): readonly Job[] {
  for (const job of recovery.suspectedJobs()) job.runsAlone = true;
  recovery.dropAll();
  const jobs: Job[] = [];
  for (const batch of staging.batches()) {
    if (batch.restart === 'suspect') for (const job of batch.jobs) job.runsAlone = true;
    batch.restart = undefined;
    settlement.abandon(batch);
    // A job that went to another device earlier still stands in the batch that it had here.
    for (const job of batch.jobs) if (!job.hasEnded && job.batch === batch) jobs.push(job);
  }
  jobs.push(...queue.takeWaiting());
  return jobs;
}

function handOver(device: QuarantinedDevice, job: Job, { broker, fallback }: SelectedDevice): void {
  const { batch, holdsMemory } = job;
  device.letGo(job);
  if (batch !== undefined) batch.liveJobs--;
  device.metrics.redirected++;
  job.moveTo(broker, broker.host.kernel(job.kernelId)!, fallback, () => {
    if (batch === undefined || !holdsMemory) return;
    batch.holders--;
    device.settlement.settle(batch);
  });
  broker.adopt(job);
}
