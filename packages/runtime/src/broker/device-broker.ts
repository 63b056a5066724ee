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
import type { TenantAccounts } from '../tenancy/tenant-accounts.js';
import { Admission } from './admission.js';
import { BatchSettlement } from './batch-settlement.js';
import { Completions } from './completions.js';
import { DeviceErrors } from './device-errors.js';
import { Dispatcher } from './dispatcher.js';
import { evacuate } from './evacuation.js';
import { FairQueue } from './fair-queue.js';
import { HeldResults } from './held-results.js';
import { InFlightTable } from './in-flight-table.js';
import { JobLog } from './job-log.js';
import { LiveJobs } from './live-jobs.js';
import { PressureSignal } from './pressure-signal.js';
import { Reaper } from './reaper.js';
import { Recovery } from './recovery.js';
import { Staging } from './staging.js';

/** Records are written in batches that are a few ms apart. */
const AUDIT_RETRY_NS = 5_000_000n;

/** What the brokers of a bridge share. */
export interface BrokerParts {
  readonly broker: ResolvedBrokerOptions;
  readonly health: ResolvedHealthOptions;
  readonly tenants: TenantAccounts;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pins: ResidentPins;
  /** Undefined where no job is audited. */
  readonly audit: JobAudit | undefined;
  /** Where a job goes on when its device is quarantined; undefined where no other can run it. */
  readonly substituteFor: (job: Job) => SelectedDevice | undefined;
}

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
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly jobLog: JobLog;
  private readonly pins: ResidentPins;
  private readonly substituteFor: (job: Job) => SelectedDevice | undefined;
  private readonly audit: JobAudit | undefined;

  /** @param number - by which tenants' accounts know the device. */
  constructor(
    readonly host: PersistentKernelHost,
    number: number,
    { broker: options, health, tenants, clock, logger, pins, substituteFor, audit }: BrokerParts,
  ) {
    this.clock = clock;
    this.logger = logger;
    this.jobLog = new JobLog(host.device.description.id, logger);
    this.pins = pins;
    this.substituteFor = substituteFor;
    this.audit = audit;
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
    const staging = (this.staging = new Staging(device, pins, tenants, number));
    const queue = (this.queue = new FairQueue((tenant) => tenants.of(tenant).limits.weight));
    staging.arena.refunded = (tenant) => {
      if (queue.letGoOn(tenant)) this.dispatcher.schedule();
    };
    staging.residents.roomMade = (tenant) => {
      if (queue.letGoOn(tenant) || queue.queued > 0) this.dispatcher.schedule();
    };
    this.pressure = new PressureSignal(id, queue, options.queueLimit, rings);
    this.admission = new Admission(queue, staging, pins, options.queueLimit, number, errors, metrics, executors.length);
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
      hopeless: (job, shortage) => {
        pins.unpin(job);
        const bytes = staging.sizeOf(job);
        const { arena } = staging;
        const error =
          shortage === 'quota'
            ? arena.quotaExceeded(job.tenant, bytes)
            : errors.arenaExhausted(bytes, arena.capacityBytes);
        failed(job, error);
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

  /** Of these, a tenant's. */
  queuedJobsOf(tenant: string): number {
    return this.queue.find(tenant)?.queued ?? 0;
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
   * @throws GpuBridgeError `DRAINING`, `DEVICE_LOST`, `DEADLINE_EXCEEDED`, `FOREIGN_HANDLE`, `QUEUE_FULL`, `ARENA_EXHAUSTED`,
   *   `QUOTA_EXCEEDED`, `RATE_LIMITED`, `AUDIT_UNAVAILABLE`.
   */
  submit(job: Job): void {
    // A job waits for the end of the microtask only so that others may join it: that must fill no queue.
    if (!this.admission.hasRoom(job)) this.dispatcher.flush();
    this.admission.check(job, job.submittedMs);
    this.reserveRecord(job);
    const { metrics } = this;
    const { account } = job;
    metrics.submitted++;
    account.submitted++;
    if (job.inputs.itemCount === 0) {
      metrics.completed++;
      account.completed++;
      job.end('completed', undefined);
      this.audit?.ended(job);
      return;
    }
    account.liveJobs++;
    this.admit(job);
  }

  private reserveRecord(job: Job): void {
    if (this.audit === undefined || this.audit.admit(job)) return;
    this.metrics.refused++;
    job.account.refusedByQueue++;
    throw this.errors.queueFull(job, 'records of ended jobs wait to be written', AUDIT_RETRY_NS);
  }

  /** Takes over a job that another device admitted and can run no longer: no limit of this one refuses it. */
  adopt(job: Job): void {
    this.metrics.submitted++;
    this.admit(job);
  }

  /** Whether a job of another device could ever be staged here. */
  fits(job: Job): boolean {
    return this.staging.sizeOf(job) <= Math.min(this.staging.arena.capacityBytes, job.account.quotaBytes);
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
    if (state === 'failed' && error !== undefined) this.jobLog.failed(job, error);
    this.audit?.ended(job);
    this.live.remove(job);
    if (job.batch !== undefined) job.batch.liveJobs--;
    const latencyNs = (job.endedMs - job.submittedMs) * 1e6;
    this.metrics.recordEnd(state, latencyNs);
    job.account.recordEnd(state, latencyNs);
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
      this.queue.letGoOn(job.tenant); // what was too large may be the one that has gone
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
    this.jobLog.died(left, reason);
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
