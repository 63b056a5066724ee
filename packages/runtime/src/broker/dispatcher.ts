import { createSqe } from '@gpu-bridge/protocol';
import type { DeviceMetrics } from '../diagnostics/device-metrics.js';
import type { Job } from '../jobs/job.js';
import type { ExecutorSlots } from '../kernel-host/executor-slots.js';
import type { RingSet } from '../kernel-host/ring-set.js';
import type { Shortage } from '../tenancy/tenant-arena.js';
import { Batch } from './batch.js';
import type { BatchSettlement } from './batch-settlement.js';
import type { FairQueue, Lane, TenantQueue } from './fair-queue.js';
import type { InFlightTable } from './in-flight-table.js';
import type { Recovery, Rerun } from './recovery.js';
import { writeEntry } from './slot-entry.js';
import { slotItemsFor } from './slot-size.js';
import type { Staging } from './staging.js';

/** Where the dispatcher takes work from and puts it, and what it tells. */
export interface DispatchedDevice {
  readonly queue: FairQueue;
  readonly staging: Staging;
  readonly recovery: Recovery;
  readonly settlement: BatchSettlement;
  readonly rings: RingSet;
  readonly inFlight: InFlightTable;
  readonly metrics: DeviceMetrics;
  /** Entries that a ring holds at most. */
  readonly slotsInFlight: number;
  nowMs(): number;
  /** An entry went into a ring: somebody must look after it. */
  submitted(): void;
  /** There is no room for a job, and no memory to come back: it was taken out of its lane and can never run. */
  hopeless(job: Job, shortage: Shortage): void;
}

/**
 * Fills the rings: with suspects, which run alone, then with what must run again, then with the next slot of the lane
 * that is due.
 */
export class Dispatcher {
  private isScheduled = false;
  private readonly entry = createSqe();

  constructor(private readonly device: DispatchedDevice) {}

  /** Everything submitted within a microtask goes out together, in few and full slots. */
  schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.pump();
    });
  }

  /** Sends now what waits only so that others may join it. */
  flush(): void {
    if (this.isScheduled) this.pump();
  }

  /** Fills the rings as far as work, slots and memory go. */
  pump(): void {
    const { recovery, rings, slotsInFlight } = this.device;
    let isMemoryShort = false;
    for (;;) {
      if (recovery.hasSuspects) {
        const alone = rings.alone();
        // Rings are not filled up meanwhile: under load none would ever be idle.
        if (alone === undefined) return;
        this.submitRerun(alone, recovery.nextSuspect()!, true);
        continue;
      }
      const slots = rings.emptiest(slotsInFlight);
      if (slots === undefined) return;
      const rerun = recovery.nextRerun();
      if (rerun !== undefined) this.submitRerun(slots, rerun, false);
      else if (!this.submitNext(slots, isMemoryShort)) {
        if (isMemoryShort) return;
        isMemoryShort = true;
      }
    }
  }

  private submitRerun(slots: ExecutorSlots, { batch, firstItem, itemCount }: Rerun, alone: boolean): void {
    if (batch.hasEnded) {
      this.device.settlement.settle(batch);
      return;
    }
    slots.isExclusive = alone;
    this.submitSlot(slots, batch, firstItem, itemCount);
  }

  /**
   * Submits the next slot that is due; false when nothing waits or memory is short. Then what is staged already must
   * go on, whoever is due: it holds the memory that the others wait for.
   */
  private submitNext(slots: ExecutorSlots, onlyStaged: boolean): boolean {
    const { queue, recovery, settlement } = this.device;
    const due = onlyStaged ? queue.nextStaged() : queue.next();
    if (due === undefined) return false;
    const { tenant, lane } = due;
    const batch = lane.batch ?? this.formBatch(tenant, lane);
    if (batch === 'quota') return true; // the others go on
    if (batch === 'arena') return false;
    if (batch.jobs[0]!.runsAlone) {
      settlement.abandon(batch);
      queue.charge(tenant, batch.kernel.expectedNs(batch.itemCount));
      recovery.restart(batch, 'suspect');
      return true;
    }
    const count = batch.nextSlotItems;
    const first = batch.takeSlot();
    lane.batch = batch.hasMoreSlots ? batch : undefined;
    queue.charge(tenant, batch.kernel.expectedNs(count));
    this.submitSlot(slots, batch, first, count);
    return true;
  }

  /** The lane's next batch, staged, or why there is no room for it now. */
  private formBatch(tenant: TenantQueue, lane: Lane): Batch | Shortage {
    const { queue, staging, metrics, rings } = this.device;
    const batch = staging.stageNext(lane);
    if (!(batch instanceof Batch)) {
      // Memory comes back when batches end or are read, or a dataset has been written elsewhere.
      const { arena, hasLiveBatches } = staging;
      const willComeBack = batch === 'quota' ? arena.awaits(tenant.name) : hasLiveBatches || arena.isReclaiming;
      if (!willComeBack) this.giveUpNext(tenant, lane, batch);
      else if (batch === 'quota') queue.holdBack(lane);
      return batch;
    }
    queue.count(tenant, -batch.jobs.length);
    if (batch.isCoalesced) metrics.coalesced += batch.jobs.length;
    else batch.slotItems = slotItemsFor(batch.jobs[0]!, rings.executors.length);
    return batch;
  }

  private giveUpNext(tenant: TenantQueue, lane: Lane, shortage: Shortage): void {
    const job = lane.peek()!;
    lane.shift();
    this.device.queue.count(tenant, -1);
    this.device.hopeless(job, shortage);
    this.schedule();
  }

  /** Puts items of a batch into a ring and notes it in the journal. */
  private submitSlot(slots: ExecutorSlots, batch: Batch, firstItem: number, itemCount: number): void {
    const { device, entry } = this;
    const { executor } = slots;
    const record = device.inFlight.acquire();
    record.batch = batch;
    record.firstItem = firstItem;
    record.itemCount = itemCount;
    record.group = executor.group;
    record.isSuspect = slots.isExclusive;
    record.hasToWake = executor.ring.isExecutorParked();
    batch.inFlight++;
    writeEntry(entry, record, executor.generation);
    const nowMs = device.nowMs();
    record.submittedMs = nowMs;
    for (const job of batch.jobs) job.markRunning(nowMs);
    slots.outstanding.push(record);
    record.position = executor.ring.submit(entry);
    device.metrics.slots++;
    device.submitted();
  }
}
