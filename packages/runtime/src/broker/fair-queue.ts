import { PRIORITIES } from '@gpu-bridge/abstractions';
import type { Job } from '../jobs/job.js';
import { ActiveTenants } from './active-tenants.js';
import type { Batch } from './batch.js';

/** Idle tenants kept ready, so that a steady caller's queue is not made anew for each job. */
export const REMEMBERED_TENANTS = 256;
/** Slack before ended jobs are swept out of a lane. */
const SWEEP_SLACK = 64;

/** Jobs of one tenant and priority, oldest first, and the batch that is partly handed out. */
export class Lane {
  batch: Batch | undefined;
  /** Its next job waits until memory of its tenant comes back. */
  isShort = false;
  private jobs: Job[] = [];
  private head = 0;

  get isEmpty(): boolean {
    return this.batch === undefined && this.peek() === undefined;
  }

  push(job: Job): void {
    this.jobs.push(job);
  }

  /** The oldest job that has not ended. */
  peek(): Job | undefined {
    while (this.head < this.jobs.length && this.jobs[this.head]!.hasEnded) this.head++;
    if (this.head > SWEEP_SLACK && this.head * 2 > this.jobs.length) {
      this.jobs = this.jobs.slice(this.head);
      this.head = 0;
    }
    return this.jobs[this.head];
  }

  shift(): void {
    this.head++;
  }

  /** Puts jobs that were shifted back, in order. */
  unshift(jobs: readonly Job[]): void {
    this.jobs = [...jobs, ...this.jobs.slice(this.head)];
    this.head = 0;
  }

  /** Forgets ended jobs in the middle once they outnumber the `live` ones. */
  sweep(live: number): void {
    if (this.jobs.length - this.head <= 2 * live + SWEEP_SLACK) return;
    this.jobs = this.jobs.slice(this.head).filter((job) => !job.hasEnded);
    this.head = 0;
  }

  /** Takes every job that waits. */
  takeAll(): Job[] {
    const jobs = [...this.waiting()];
    this.jobs = [];
    this.head = 0;
    this.isShort = false;
    return jobs;
  }

  *waiting(): Iterable<Job> {
    for (let i = this.head; i < this.jobs.length; i++) if (!this.jobs[i]!.hasEnded) yield this.jobs[i]!;
  }
}

/** One tenant's lanes and its share of the device. */
export class TenantQueue {
  /** Virtual time at which its next slot begins, or would have: it grows by what a slot costs over the weight. */
  startNs = 0;
  /** In which of the queue's busy periods that is. */
  period = 0;
  /** @internal Place among the active, -1 while it is not; and its number in the order in which they came. */
  place = -1;
  arrival = 0;
  /** Jobs that wait: not ended and in no batch. */
  queued = 0;
  readonly lanes: readonly Lane[] = PRIORITIES.map(() => new Lane());

  constructor(
    readonly name: string,
    readonly weight: number,
  ) {}

  laneOf(job: Job): Lane {
    return this.lanes[PRIORITIES.indexOf(job.priority)]!;
  }

  /** The highest lane that can go on. Behind one that waits for memory lower ones take none, but finish what they have. */
  dueLane(): Lane | undefined {
    let isBehindShort = false;
    for (const lane of this.lanes) {
      if (lane.batch !== undefined) return lane;
      if (isBehindShort || lane.peek() === undefined) continue;
      if (!lane.isShort) return lane;
      isBehindShort = true;
    }
    return undefined;
  }
}

/**
 * Tenants' queues under start-time fair queueing (P. Goyal, H. Vin, H. Cheng, "Start-time fair queuing", SIGCOMM 1996), in
 * units of expected service time: a tenant with work gets its weight's share of the device whatever the others queue. One
 * that comes back begins at the present virtual time, and so before all that have had their share: however small its weight
 * and long the slots of others, it waits for none of them that is not in a ring yet, unless it has used more than its share.
 */
export class FairQueue {
  private readonly tenants = new Map<string, TenantQueue>();
  private readonly active = new ActiveTenants();
  /** Start of the slot that was taken last. */
  private virtualNs = 0;
  /** Grows whenever nothing waits: nobody has a share to keep to then. */
  private period = 0;
  private total = 0;
  /** Whether a lane may wait for memory. */
  private hasShort = false;

  /** @param weightOf - of a tenant, above 0. */
  constructor(private readonly weightOf: (tenant: string) => number) {}

  /** Jobs that wait, over all tenants. */
  get queued(): number {
    return this.total;
  }

  /** The queue of a tenant that has work. */
  find(name: string): TenantQueue | undefined {
    return this.tenants.get(name);
  }

  /** The tenant's queue, made when first asked for: only for a job that will be queued. */
  tenant(name: string): TenantQueue {
    let tenant = this.tenants.get(name);
    if (tenant === undefined) {
      tenant = new TenantQueue(name, this.weightOf(name));
      this.tenants.set(name, tenant);
    }
    return tenant;
  }

  enqueue(job: Job): void {
    const tenant = this.tenant(job.tenant);
    tenant.laneOf(job).push(job);
    this.count(tenant, 1);
    this.activate(tenant);
  }

  /** Counts jobs that begin or stop waiting. */
  count(tenant: TenantQueue, delta: number): void {
    tenant.queued += delta;
    this.total += delta;
  }

  activate(tenant: TenantQueue): void {
    if (tenant.place >= 0) return;
    const lastNs = tenant.period === this.period ? tenant.startNs : 0;
    tenant.period = this.period;
    tenant.startNs = Math.max(this.virtualNs, lastNs);
    this.active.add(tenant);
  }

  /** The lane whose next slot is due; undefined when nothing can go on. Taking the slot must be reported by `charge`. */
  next(): { readonly tenant: TenantQueue; readonly lane: Lane } | undefined {
    for (let tenant = this.active.first; tenant !== undefined; tenant = this.active.first) {
      const lane = tenant.dueLane();
      if (lane !== undefined) {
        this.virtualNs = Math.max(this.virtualNs, tenant.startNs);
        return { tenant, lane };
      }
      this.active.removeFirst();
      this.retireIfIdle(tenant);
    }
    if (this.total === 0) {
      this.hasShort = false;
      this.period++;
      this.virtualNs = 0;
    }
    return undefined;
  }

  /** Any lane whose batch is staged and partly handed out. */
  nextStaged(): { readonly tenant: TenantQueue; readonly lane: Lane } | undefined {
    for (const tenant of this.active) {
      const lane = tenant.lanes.find((l) => l.batch !== undefined);
      if (lane !== undefined) return { tenant, lane };
    }
    return undefined;
  }

  /** @param costNs - expected service time of the slot that was taken. */
  charge(tenant: TenantQueue, costNs: number): void {
    tenant.startNs += costNs / tenant.weight;
    if (tenant.place >= 0) this.active.sink(tenant);
  }

  /** The lane's next job waits until memory of its tenant comes back; other tenants go on. */
  holdBack(lane: Lane): void {
    lane.isShort = true;
    this.hasShort = true;
  }

  /** Lets a tenant's lanes try again. @returns whether any waited for that. */
  letGoOn(name: string): boolean {
    if (!this.hasShort) return false;
    const tenant = this.tenants.get(name);
    if (tenant?.lanes.some(({ isShort }) => isShort) !== true) return false;
    for (const lane of tenant.lanes) lane.isShort = false;
    this.activate(tenant);
    return true;
  }

  /** Takes every job that waits, tenant by tenant. */
  takeWaiting(): Job[] {
    const jobs: Job[] = [];
    for (const tenant of this.tenants.values()) {
      for (const lane of tenant.lanes) jobs.push(...lane.takeAll());
      this.count(tenant, -tenant.queued);
    }
    return jobs;
  }

  /** Every job that waits, for a shutdown. */
  *waiting(): Iterable<Job> {
    for (const tenant of this.tenants.values()) for (const lane of tenant.lanes) yield* lane.waiting();
  }

  /** Tenant names come from callers: only so many idle ones are remembered. */
  private retireIfIdle(tenant: TenantQueue): void {
    if (tenant.queued === 0 && this.tenants.size > REMEMBERED_TENANTS) this.tenants.delete(tenant.name);
  }
}
