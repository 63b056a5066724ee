import type {
  Clock,
  DevicePressure,
  GpuBridgeError,
  Logger,
  ResolvedBrokerOptions,
  ResolvedHealthOptions,
} from '@gpu-bridge/abstractions';
import { Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import type { Cqe } from '@gpu-bridge/protocol';
import type { Observable } from 'rxjs';
import type { ResidentPins } from '../arena/resident-pins.js';
import { DeviceMetrics } from '../diagnostics/device-metrics.js';
import { Watchdog } from '../health/watchdog.js';
import type { Job, JobOwner } from '../jobs/job.js';
import { UnreadResults } from '../jobs/unread-results.js';
import type { ExecutorSlots } from '../kernel-host/executor-slots.js';
import type { EndedExecutor } from '../kernel-host/fault-domain.js';
import type { KernelHostEvents, PersistentKernelHost } from '../kernel-host/persistent-kernel-host.js';
import { RingSet } from '../kernel-host/ring-set.js';
import type { SelectedDevice } from '../placement/device-selector.js';
import { Admission } from './admission.js';
import type { Batch } from './batch.js';
import { DeviceErrors } from './device-errors.js';
import { evacuate } from './evacuation.js';
import { FairQueue } from './fair-queue.js';
import type { Lane, TenantQueue } from './fair-queue.js';
import { InFlightTable } from './in-flight-table.js';
import type { InFlightEntry } from './in-flight-table.js';
import { PressureSignal } from './pressure-signal.js';
import { Reaper } from './reaper.js';
import { Recovery } from './recovery.js';
import type { LeftEntry, Rerun } from './recovery.js';
import { writeEntry } from './slot-entry.js';
import { slotItemsFor } from './slot-size.js';
import { Staging } from './staging.js';

/**
 * Multiplexes jobs onto the persistent kernels of one device: admits or refuses, queues fairly by tenant, coalesces
 * behind work in flight, keeps the journal of what is in the rings, and after a death re-runs what was not completed.
 * A job ends exactly once. Everything happens on one thread, between event-loop turns.
 */
export class DeviceBroker implements JobOwner, KernelHostEvents {
  readonly staging: Staging;
  readonly metrics = new DeviceMetrics();

  private readonly admission: Admission;
  private readonly queue: FairQueue;
  private readonly inFlight = new InFlightTable();
  private readonly reaper: Reaper;
  private readonly watchdog: Watchdog;
  private readonly unread: UnreadResults;
  private readonly rings: RingSet;
  private readonly recovery: Recovery;
  private readonly errors: DeviceErrors;
  private readonly withDeadline = new Set<Job>();
  private readonly pressure = new PressureSignal(() => this.currentPressure());
  private pumpScheduled = false;
  /** Jobs admitted and not ended. */
  private liveJobs = 0;
  private drained: (() => void) | undefined;
  private readonly createdMs: number;
  private readonly entry = createSqe();
  private readonly completion: Cqe = createCqe();

  constructor(
    readonly host: PersistentKernelHost,
    private readonly options: ResolvedBrokerOptions,
    health: ResolvedHealthOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly pins: ResidentPins,
    /** Where a job goes on when this device is quarantined; undefined where no other can run it. */
    private readonly substituteFor: (job: Job) => SelectedDevice | undefined,
  ) {
    const { device } = host;
    host.events = this;
    this.createdMs = clock.nowMs();
    this.rings = new RingSet(host.executors, device.description.faultDomain === 'device');
    this.errors = new DeviceErrors(device.description);
    this.recovery = new Recovery(
      (job, error) => this.endJob(job, 'failed', error),
      (job, reason) => this.errors.poisoned(job, reason),
    );
    this.staging = new Staging(device, pins);
    this.queue = new FairQueue(options.tenantWeights);
    const { length: executors } = host.executors;
    this.admission = new Admission(this.queue, this.staging, options, this.errors, this.metrics, executors);
    this.unread = new UnreadResults(options.resultRetentionMs, clock, (job) => this.expire(job));
    this.reaper = new Reaper({
      nowMs: () => clock.nowMs(),
      drain: () => this.reap(),
      outstanding: () => this.rings.outstanding(),
      expectedNs: () => this.rings.expectedNs(),
      park: () => this.rings.park(),
    });
    this.watchdog = new Watchdog(clock, health, {
      executors: host.executors,
      reap: () => void this.reap(),
      kill: (slots, reason, blame) => void this.host.kill(slots, reason, blame),
      checkDeadlines: (nowMs) => this.checkDeadlines(nowMs),
      isIdle: () => this.liveJobs === 0 && this.rings.outstanding() === 0,
    });
  }

  private get executors(): readonly ExecutorSlots[] {
    return this.host.executors;
  }

  get description() {
    return this.host.device.description;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  get pressure$(): Observable<DevicePressure> {
    return this.pressure.changes$;
  }

  /** Whether a job was admitted and has not ended. */
  get hasJobs(): boolean {
    return this.liveJobs > 0;
  }

  /** Jobs admitted and in no batch yet. */
  get queuedJobs(): number {
    return this.queue.queued;
  }

  /** Share of the time since the broker was made in which executors ran entries, 0 … 1. */
  busyRatio(): number {
    const elapsedNs = (this.nowMs() - this.createdMs) * 1e6 * this.executors.length;
    return elapsedNs <= 0 ? 0 : Math.min(1, this.metrics.busyNs / elapsedNs);
  }

  /** Age of the oldest entry in a ring, ms. */
  oldestInFlightMs(): number {
    return this.rings.oldestMs(this.nowMs());
  }

  currentPressure(): DevicePressure {
    return {
      deviceId: this.description.id,
      queuedJobs: this.queue.queued,
      queueUse: this.queue.queued / this.options.queueLimit,
      utilisation: this.rings.utilisation(),
    };
  }

  // --- admission -----------------------------------------------------------------------------------------------------

  /**
   * Admits a job or refuses it; afterwards the job ends by itself.
   *
   * @throws GpuBridgeError `DRAINING`, `DEVICE_LOST`, `DEADLINE_EXCEEDED`, `QUEUE_FULL`, `ARENA_EXHAUSTED`.
   */
  submit(job: Job): void {
    // A job waits for the end of the microtask only so that others may join it: that must fill no queue.
    if (this.pumpScheduled && !this.admission.hasRoom(job)) this.pump();
    this.admission.check(job, job.submittedMs);
    this.metrics.submitted++;
    if (job.inputs.itemCount === 0) {
      this.metrics.completed++;
      job.end('completed', undefined);
      return;
    }
    this.admit(job);
  }

  /** Takes over a job that another device admitted and can run no longer: no limit of this one refuses it. */
  adopt(job: Job): void {
    this.metrics.submitted++;
    this.admit(job);
  }

  /** Whether a job of another device could ever be staged here. */
  fits(job: Job): boolean {
    return this.staging.sizeOf(job) <= this.staging.arena.capacityBytes;
  }

  private admit(job: Job): void {
    this.liveJobs++;
    this.pins.pin(job);
    this.queue.enqueue(job);
    if (job.deadlineMs !== Infinity) {
      this.withDeadline.add(job);
      job.whenEnded(() => this.withDeadline.delete(job));
      this.watchdog.wake();
    }
    this.schedulePump();
    this.pressure.notify();
  }

  // --- dispatch ------------------------------------------------------------------------------------------------------

  /** Everything submitted within a microtask goes out together, in few and full slots. */
  private schedulePump(): void {
    if (this.pumpScheduled) return;
    this.pumpScheduled = true;
    queueMicrotask(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  /** Fills the rings as far as work, slots and memory go. */
  private pump(): void {
    let isMemoryShort = false;
    for (;;) {
      if (this.recovery.hasSuspects) {
        const alone = this.rings.alone();
        // Rings are not filled up meanwhile: under load none would ever be idle.
        if (alone === undefined) return;
        this.submitRerun(alone, this.recovery.nextSuspect()!, true);
        continue;
      }
      const slots = this.rings.emptiest(this.options.slotsInFlight);
      if (slots === undefined) return;
      const rerun = this.recovery.nextRerun();
      if (rerun !== undefined) this.submitRerun(slots, rerun, false);
      else if (!this.submitNext(slots, isMemoryShort)) {
        if (isMemoryShort) return;
        isMemoryShort = true;
      }
    }
  }

  /**
   * Submits the next slot that is due; false when nothing waits or memory is short. Then what is staged already must
   * go on, whoever is due: it holds the memory that the others wait for.
   */
  private submitNext(slots: ExecutorSlots, onlyStaged: boolean): boolean {
    const due = onlyStaged ? this.queue.nextStaged() : this.queue.next((lane) => this.costNs(lane));
    if (due === undefined) return false;
    const { tenant, lane } = due;
    const batch = lane.batch ?? this.formBatch(tenant, lane);
    if (batch === undefined) return false;
    if (batch.jobs[0]!.runsAlone) {
      this.abandon(batch);
      this.queue.charge(tenant, batch.kernel.expectedNs(batch.itemCount));
      this.recovery.restart(batch, 'suspect');
      return true;
    }
    const count = batch.nextSlotItems;
    const first = batch.takeSlot();
    lane.batch = batch.hasMoreSlots ? batch : undefined;
    this.queue.charge(tenant, batch.kernel.expectedNs(count));
    this.submitSlot(slots, batch, first, count);
    return true;
  }

  private costNs(lane: Lane): number {
    if (lane.batch !== undefined) return lane.batch.kernel.expectedNs(lane.batch.nextSlotItems);
    const job = lane.peek()!;
    return job.kernel.expectedNs(slotItemsFor(job, this.executors.length));
  }

  /** The lane's next batch, staged; undefined when the arena has no room for it now. */
  private formBatch(tenant: TenantQueue, lane: Lane): Batch | undefined {
    const batch = this.staging.stageNext(lane);
    if (batch === undefined) {
      this.failIfHopeless(tenant, lane);
      return undefined;
    }
    this.queue.count(tenant, -batch.jobs.length);
    if (batch.isCoalesced) this.metrics.coalesced += batch.jobs.length;
    else batch.slotItems = slotItemsFor(batch.jobs[0]!, this.executors.length);
    return batch;
  }

  /** Memory comes back when batches end or are read; when there is none to come back, the lane's job can never run. */
  private failIfHopeless(tenant: TenantQueue, lane: Lane): void {
    if (this.staging.hasLiveBatches) return;
    const job = lane.peek()!;
    lane.shift();
    this.queue.count(tenant, -1);
    this.pins.unpin(job);
    const { capacityBytes } = this.staging.arena;
    this.endJob(job, 'failed', this.errors.arenaExhausted(this.staging.sizeOf(job), capacityBytes));
    this.schedulePump();
  }

  private submitRerun(slots: ExecutorSlots, { batch, firstItem, itemCount }: Rerun, alone: boolean): void {
    if (batch.hasEnded) {
      this.settleBatch(batch);
      return;
    }
    slots.isExclusive = alone;
    this.submitSlot(slots, batch, firstItem, itemCount);
  }

  private submitSlot(slots: ExecutorSlots, batch: Batch, firstItem: number, itemCount: number): void {
    const { executor } = slots;
    const record = this.inFlight.acquire();
    record.batch = batch;
    record.firstItem = firstItem;
    record.itemCount = itemCount;
    record.group = executor.group;
    record.isSuspect = slots.isExclusive;
    record.hasToWake = executor.ring.isExecutorParked();
    batch.inFlight++;
    const { entry } = this;
    writeEntry(entry, record, executor.generation);
    const nowMs = this.nowMs();
    record.submittedMs = nowMs;
    for (const job of batch.jobs) job.markRunning(nowMs);
    slots.outstanding.push(record);
    record.position = executor.ring.submit(entry);
    this.metrics.slots++;
    this.watchdog.wake();
    this.reaper.arm();
  }

  // --- completion ----------------------------------------------------------------------------------------------------

  /** Takes every waiting completion of every ring. */
  private reap(): number {
    let reaped = 0;
    for (const slots of this.executors) {
      if (slots.outstanding.length > 0 && slots.state === 'running') reaped += this.reapRing(slots);
    }
    if (reaped > 0) {
      this.pump();
      this.pressure.notify();
    }
    return reaped;
  }

  private reapRing(slots: ExecutorSlots): number {
    let reaped = 0;
    const { completion } = this;
    while (slots.executor.ring.reap(completion)) {
      reaped++;
      const record = this.inFlight.find(completion.userDataLow, completion.userDataHigh);
      if (
        record === undefined ||
        record.group !== slots.executor.group ||
        completion.generation !== slots.executor.generation
      ) {
        this.metrics.strays++;
        this.logger.error('a completion names no entry in flight and was ignored', {
          device: this.description.id,
          ...completion,
        });
        continue;
      }
      this.complete(slots, record, completion);
    }
    return reaped;
  }

  private complete(slots: ExecutorSlots, record: InFlightEntry, completion: Cqe): void {
    const { status, violations, mode } = completion;
    const { batch, firstItem, itemCount } = record;
    const alone = record.isAlone;
    const jobs = batch.isCoalesced ? record.jobs() : batch.jobs;
    const durationNs = this.serviceNs(slots, record, completion);
    slots.remove(record);
    slots.isExclusive = false;
    this.inFlight.release(record);
    batch.inFlight--;
    batch.kernel.observe(itemCount, durationNs);
    this.metrics.violations += violations;
    this.metrics.busyNs += durationNs;
    for (const job of jobs) {
      job.serviceNs += durationNs;
      job.ranMode = mode;
    }
    if (status === Status.OK && violations === 0) {
      batch.credit(firstItem, itemCount);
      for (const job of jobs) {
        if (job.remainingItems === 0) this.endJob(job, 'completed', undefined);
        else job.wakeReader();
      }
    } else if (alone) {
      this.endJob(jobs[0]!, 'failed', this.errors.slot(jobs[0]!, status, violations));
    } else {
      this.recovery.suspectEach(batch, jobs);
    }
    this.settleBatch(batch);
  }

  /** Time that an entry took its executor, ns; on a device without a clock what passed here since it could begin. */
  private serviceNs(slots: ExecutorSlots, { submittedMs }: InFlightEntry, { durationNs }: Cqe): number {
    if (durationNs > 0) return durationNs;
    const nowMs = this.nowMs();
    const sinceMs = Math.max(submittedMs, slots.lastReapedMs);
    slots.lastReapedMs = nowMs;
    return (nowMs - sinceMs) * 1e6;
  }

  /** Ends a job that was admitted; the only place where one ends. */
  private endJob(job: Job, state: 'completed' | 'failed' | 'cancelled', error: GpuBridgeError | undefined): void {
    if (job.hasEnded) return;
    job.end(state, error);
    this.liveJobs--;
    if (job.batch !== undefined) job.batch.liveJobs--;
    this.metrics.recordEnd(state, (job.endedMs - job.submittedMs) * 1e6);
    if (state !== 'completed') this.release(job);
    else if (!job.isBeingRead) this.unread.add(job);
    if (this.liveJobs === 0) this.drained?.();
  }

  // --- memory --------------------------------------------------------------------------------------------------------

  claim(job: Job): void {
    if (job.isBeingRead) return;
    job.isBeingRead = true;
    this.unread.remove(job);
  }

  release(job: Job): void {
    this.unread.remove(job);
    if (!job.holdsMemory || !job.hasEnded) return;
    job.holdsMemory = false;
    const batch = job.batch!;
    batch.holders--;
    this.settleBatch(batch);
  }

  /** Restarts, abandons or frees a batch when nothing of it is in a ring any more. */
  private settleBatch(batch: Batch): void {
    if (batch.hasMoreSlots && (batch.restart !== undefined || batch.hasEnded)) this.abandon(batch);
    if (batch.inFlight > 0 || batch.pendingReruns > 0) return;
    const { restart } = batch;
    if (restart !== undefined && !batch.jobs[0]!.hasEnded) {
      batch.restage(this.staging.memory);
      batch.abandon(); // the reruns cover everything
      this.recovery.restart(batch, restart);
      this.schedulePump();
      return;
    }
    if (batch.hasEnded) this.pins.unpinEnded(batch.jobs);
    if (batch.holders > 0 || batch.block === undefined) return;
    this.staging.free(batch);
    this.schedulePump();
  }

  private abandon(batch: Batch): void {
    batch.abandon();
    for (const lane of this.queue.find(batch.jobs[0]!.tenant)?.lanes ?? [])
      if (lane.batch === batch) lane.batch = undefined;
  }

  private expire(job: Job): void {
    this.metrics.expired++;
    job.isExpired = true;
    this.release(job);
  }

  // --- cancellation and deadlines --------------------------------------------------------------------------------------

  cancel(job: Job): void {
    this.stopJob(job, 'cancelled', this.errors.cancelled(job));
  }

  private stopJob(job: Job, state: 'failed' | 'cancelled', error: GpuBridgeError): void {
    if (job.hasEnded || job.owner !== this) return;
    const waited = job.batch === undefined;
    this.endJob(job, state, error);
    if (waited) {
      this.pins.unpin(job);
      const tenant = this.queue.tenant(job.tenant);
      this.queue.count(tenant, -1);
      tenant.laneOf(job).sweep(tenant.queued);
      this.pressure.notify();
    }
    this.schedulePump();
  }

  private checkDeadlines(nowMs: number): void {
    for (const job of this.withDeadline)
      if (nowMs >= job.deadlineMs) this.stopJob(job, 'failed', this.errors.deadlineExceeded(job));
  }

  // --- deaths ----------------------------------------------------------------------------------------------------------

  died(executors: readonly EndedExecutor[], reason: string): void {
    const left: LeftEntry[] = [];
    for (const { slots, cause } of executors) {
      // What it published before it died counts.
      this.reapRing(slots);
      const running = slots.runningEntry();
      for (const entry of slots.outstanding.splice(0)) {
        this.inFlight.release(entry);
        entry.batch.inFlight--;
        const ran = cause === 'collateral' ? 'bystander' : 'suspect';
        left.push({ entry, role: entry === running ? ran : 'waited' });
      }
    }
    this.recovery.died(left, reason);
    for (const { entry } of left) this.settleBatch(entry.batch);
    this.schedulePump();
  }

  revived(): void {
    this.admission.resume();
    this.pump();
  }

  /** Everything that was admitted goes on elsewhere; what can run nowhere else is lost. */
  quarantined(reason: string): void {
    const lost = (): GpuBridgeError => this.errors.lost(reason, this.host.deaths);
    this.admission.suspend(lost);
    const jobs = evacuate(this.queue, this.staging, this.recovery, (batch) => this.abandon(batch));
    let redirected = 0;
    for (const job of jobs) {
      const target = this.substituteFor(job);
      if (target === undefined) {
        this.endJob(job, 'failed', lost());
        if (job.batch === undefined) this.pins.unpin(job);
      } else {
        redirected++;
        this.handOver(job, target);
      }
    }
    for (const batch of this.staging.batches()) this.settleBatch(batch);
    if (jobs.length > 0)
      this.logger.warn('a quarantined device handed over its jobs', {
        device: this.description.id,
        redirected,
        failed: jobs.length - redirected,
      });
    this.pressure.notify();
  }

  private handOver(job: Job, { broker, fallback }: SelectedDevice): void {
    const { batch, holdsMemory } = job;
    this.withDeadline.delete(job);
    this.liveJobs--;
    if (batch !== undefined) batch.liveJobs--;
    this.metrics.redirected++;
    job.moveTo(broker, broker.host.kernel(job.kernelId)!, fallback, () => {
      if (batch === undefined || !holdsMemory) return;
      batch.holders--;
      this.settleBatch(batch);
    });
    broker.adopt(job);
    if (this.liveJobs === 0) this.drained?.();
  }

  // --- end of life -----------------------------------------------------------------------------------------------------

  /** Takes no more jobs; resolves when all accepted ones have ended, after `timeoutMs` at the latest by failing the rest. */
  async drain(timeoutMs: number): Promise<void> {
    this.admission.close(() => this.errors.draining());
    if (this.liveJobs === 0) return;
    const done = new Promise<void>((resolve) => (this.drained = resolve));
    const timer = this.clock.schedule(() => this.failEverything(() => this.errors.drainTimedOut(timeoutMs)), timeoutMs);
    for (const slots of this.executors) slots.executor.hold(true); // the process waits for the jobs it accepted
    await done;
    timer.cancel();
  }

  /** Stops timers; results that completed stay readable, since memory lives as long as its views. */
  close(): void {
    this.watchdog.stop();
    this.unread.stop();
    this.staging.residents.close();
    this.pressure.complete();
  }

  private failEverything(error: () => GpuBridgeError): void {
    for (const job of [...this.queue.waiting()]) this.stopJob(job, 'failed', error());
    for (const batch of this.staging.batches()) for (const job of batch.jobs) this.stopJob(job, 'failed', error());
    for (const { batch } of this.recovery.dropAll()) this.settleBatch(batch);
  }
}
