import type {
  Clock,
  DevicePressure,
  GpuBridgeError,
  Logger,
  ResolvedBrokerOptions,
  ResolvedHealthOptions,
} from '@gpu-bridge/abstractions';
import type { Observable } from 'rxjs';
import type { ResidentPins } from '../arena/resident-pins.js';
import type { JobAudit } from '../audit/job-audit.js';
import { DeviceMetrics } from '../diagnostics/device-metrics.js';
import { Watchdog } from '../health/watchdog.js';
import type { Job, JobOwner } from '../jobs/job.js';
import type { EndedExecutor } from '../kernel-host/fault-domain.js';
import type { KernelHostEvents, PersistentKernelHost } from '../kernel-host/persistent-kernel-host.js';
import { RingSet } from '../kernel-host/ring-set.js';
import type { SelectedDevice } from '../placement/device-selector.js';
import { Admission } from './admission.js';
import { BatchSettlement } from './batch-settlement.js';
import { Completions } from './completions.js';
import { DeviceErrors } from './device-errors.js';
import { Dispatcher } from './dispatcher.js';
import { evacuate } from './evacuation.js';
import { FairQueue } from './fair-queue.js';
import { HeldResults } from './held-results.js';
import { InFlightTable } from './in-flight-table.js';
import { LiveJobs } from './live-jobs.js';
import { PressureSignal } from './pressure-signal.js';
import { Reaper } from './reaper.js';
import { Recovery } from './recovery.js';
import { Staging } from './staging.js';

/** Records are written in batches that are a few ms apart. */
const AUDIT_RETRY_NS = 5_000_000n;

/**
 * Multiplexes jobs onto the persistent kernels of one device, and answers for them: here they are admitted or refused,
 * and each ends exactly once. Between the two they wait in `queue`, fairly by tenant; `dispatcher` coalesces or cuts them
 * and fills the rings; `completions` empties these and credits the jobs; `recovery` re-runs what a death left undone;
 * `settlement` begins batches anew or frees them. Everything happens on one thread, between event-loop turns.
 */
export class DeviceBroker implements JobOwner, KernelHostEvents {
  readonly staging: Staging;
  readonly metrics = new DeviceMetrics();

  private readonly admission: Admission;
  private readonly queue: FairQueue;
  private readonly inFlight = new InFlightTable();
  private readonly rings: RingSet;
  private readonly recovery: Recovery;
  private readonly settlement: BatchSettlement;
  private readonly dispatcher: Dispatcher;
  private readonly completions: Completions;
  private readonly reaper: Reaper;
  private readonly watchdog: Watchdog;
  private readonly results: HeldResults;
  private readonly errors: DeviceErrors;
  private readonly live = new LiveJobs();
  private readonly pressure: PressureSignal;
  private readonly createdMs: number;

  constructor(
    readonly host: PersistentKernelHost,
    options: ResolvedBrokerOptions,
    health: ResolvedHealthOptions,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly pins: ResidentPins,
    /** Where a job goes on when this device is quarantined; undefined where no other can run it. */
    private readonly substituteFor: (job: Job) => SelectedDevice | undefined,
    /** Undefined where no job is audited. */
    private readonly audit: JobAudit | undefined,
  ) {
    const { device, executors } = host;
    const { id, faultDomain } = device.description;
    const { metrics, inFlight } = this;
    const nowMs = (): number => clock.nowMs();
    const failed = (job: Job, error: GpuBridgeError): void => this.endJob(job, 'failed', error);
    host.events = this;
    this.createdMs = nowMs();
    const rings = (this.rings = new RingSet(executors, faultDomain === 'device'));
    const errors = (this.errors = new DeviceErrors(device.description));
    const recovery = (this.recovery = new Recovery(failed, (job, reason) => errors.poisoned(job, reason)));
    const staging = (this.staging = new Staging(device, pins));
    const queue = (this.queue = new FairQueue(options.tenantWeights));
    this.pressure = new PressureSignal(id, queue, options.queueLimit, rings);
    this.admission = new Admission(queue, staging, options, errors, metrics, executors.length);
    const settlement = new BatchSettlement(queue, staging, recovery, pins, () => this.dispatcher.schedule());
    this.settlement = settlement;
    this.results = new HeldResults(settlement, metrics, options.resultRetentionMs, clock);
    this.dispatcher = new Dispatcher({
      ...{ queue, staging, recovery, settlement, rings, inFlight, metrics, nowMs },
      slotsInFlight: options.slotsInFlight,
      submitted: () => {
        this.watchdog.wake();
        this.reaper.arm();
      },
      hopeless: (job) => {
        pins.unpin(job);
        failed(job, errors.arenaExhausted(staging.sizeOf(job), staging.arena.capacityBytes));
      },
    });
    this.completions = new Completions({
      ...{ id, executors, inFlight, recovery, settlement, errors, metrics, logger, nowMs },
      completed: (job) => this.endJob(job, 'completed', undefined),
      failed,
    });
    this.reaper = new Reaper({
      nowMs,
      drain: () => this.reap(),
      outstanding: () => rings.outstanding(),
      expectedNs: () => rings.expectedNs(),
      park: () => rings.park(),
    });
    this.watchdog = new Watchdog(clock, health, {
      executors,
      reap: () => void this.reap(),
      kill: (slots, reason, blame) => void host.kill(slots, reason, blame),
      checkDeadlines: (now) => this.checkDeadlines(now),
      isIdle: () => this.live.count === 0 && rings.outstanding() === 0,
    });
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
    return this.live.count > 0;
  }

  /** Jobs admitted and in no batch yet. */
  get queuedJobs(): number {
    return this.queue.queued;
  }

  /** Share of the time since the broker was made in which executors ran entries, 0 … 1. */
  busyRatio(): number {
    const elapsedNs = (this.nowMs() - this.createdMs) * 1e6 * this.host.executors.length;
    return elapsedNs <= 0 ? 0 : Math.min(1, this.metrics.busyNs / elapsedNs);
  }

  /** Age of the oldest entry in a ring, ms. */
  oldestInFlightMs(): number {
    return this.rings.oldestMs(this.nowMs());
  }

  currentPressure(): DevicePressure {
    return this.pressure.current();
  }

  // --- admission -----------------------------------------------------------------------------------------------------

  /**
   * Admits a job or refuses it; afterwards the job ends by itself.
   *
   * @throws GpuBridgeError `DRAINING`, `DEVICE_LOST`, `DEADLINE_EXCEEDED`, `QUEUE_FULL`, `ARENA_EXHAUSTED`, `AUDIT_UNAVAILABLE`.
   */
  submit(job: Job): void {
    // A job waits for the end of the microtask only so that others may join it: that must fill no queue.
    if (!this.admission.hasRoom(job)) this.dispatcher.flush();
    this.admission.check(job, job.submittedMs);
    this.reserveRecord(job);
    this.metrics.submitted++;
    if (job.inputs.itemCount === 0) {
      this.metrics.completed++;
      job.end('completed', undefined);
      this.audit?.ended(job);
      return;
    }
    this.admit(job);
  }

  private reserveRecord(job: Job): void {
    if (this.audit === undefined || this.audit.admit(job)) return;
    this.metrics.refused++;
    throw this.errors.queueFull(job, 'records of ended jobs wait to be written', AUDIT_RETRY_NS);
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
    this.live.add(job);
    this.pins.pin(job);
    this.queue.enqueue(job);
    if (job.deadlineMs !== Infinity) this.watchdog.wake();
    this.dispatcher.schedule();
    this.pressure.notify();
  }

  // --- rings -----------------------------------------------------------------------------------------------------------

  private reap(): number {
    const reaped = this.completions.reap();
    if (reaped > 0) {
      this.dispatcher.pump();
      this.pressure.notify();
    }
    return reaped;
  }

  // --- ends of jobs ----------------------------------------------------------------------------------------------------

  /** Ends a job that was admitted; the only place where one ends. */
  private endJob(job: Job, state: 'completed' | 'failed' | 'cancelled', error: GpuBridgeError | undefined): void {
    if (job.hasEnded) return;
    job.end(state, error);
    this.audit?.ended(job);
    this.live.remove(job);
    if (job.batch !== undefined) job.batch.liveJobs--;
    this.metrics.recordEnd(state, (job.endedMs - job.submittedMs) * 1e6);
    if (state === 'completed') this.results.keep(job);
    else this.results.release(job);
  }

  claim(job: Job): void {
    this.results.claim(job);
  }

  release(job: Job): void {
    this.results.release(job);
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
    this.dispatcher.schedule();
  }

  private checkDeadlines(nowMs: number): void {
    for (const job of this.live.late(nowMs)) this.stopJob(job, 'failed', this.errors.deadlineExceeded(job));
  }

  // --- deaths ----------------------------------------------------------------------------------------------------------

  died(executors: readonly EndedExecutor[], reason: string): void {
    const left = this.completions.takeLeft(executors);
    this.recovery.died(left, reason);
    for (const { entry } of left) this.settlement.settle(entry.batch);
    this.dispatcher.schedule();
  }

  revived(): void {
    this.admission.resume();
    this.dispatcher.pump();
  }

  /** Everything that was admitted goes on elsewhere; what can run nowhere else is lost. */
  quarantined(reason: string): void {
    const { id: device } = this.description;
    const lost = (): GpuBridgeError => this.errors.lost(reason, this.host.deaths);
    this.admission.suspend(lost);
    const { queue, staging, recovery, settlement, pins, metrics, substituteFor } = this;
    const { redirected, failed } = evacuate(
      {
        ...{ queue, staging, recovery, settlement, pins, metrics, substituteFor },
        letGo: (job) => this.live.remove(job),
        failed: (job, error) => this.endJob(job, 'failed', error),
      },
      lost,
    );
    if (redirected + failed > 0)
      this.logger.warn('a quarantined device handed over its jobs', { device, redirected, failed });
    this.pressure.notify();
  }

  // --- end of life -----------------------------------------------------------------------------------------------------

  /** Takes no more jobs; resolves when all accepted ones have ended, after `timeoutMs` at the latest by failing the rest. */
  async drain(timeoutMs: number): Promise<void> {
    this.admission.close(() => this.errors.draining());
    if (!this.hasJobs) return;
    const timer = this.clock.schedule(() => this.failEverything(() => this.errors.drainTimedOut(timeoutMs)), timeoutMs);
    for (const slots of this.host.executors) slots.executor.hold(true); // the process waits for the jobs it accepted
    await this.live.none();
    timer.cancel();
  }

  /** Stops timers; results that completed stay readable, since memory lives as long as its views. */
  close(): void {
    this.watchdog.stop();
    this.results.stop();
    this.staging.residents.close();
    this.pressure.complete();
  }

  private failEverything(error: () => GpuBridgeError): void {
    for (const job of [...this.queue.waiting()]) this.stopJob(job, 'failed', error());
    for (const batch of this.staging.batches()) for (const job of batch.jobs) this.stopJob(job, 'failed', error());
    for (const { batch } of this.recovery.dropAll()) this.settlement.settle(batch);
  }
}
