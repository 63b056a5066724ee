import { PRIORITIES } from '@gpu-bridge/abstractions';
import type { Job } from '../jobs/job.js';
import type { Batch } from './batch.js';

/** Service time a tenant of weight 1 earns per round, ns; a slot aims at ten of these. */
const QUANTUM_NS = 100_000;
/** Idle tenants kept ready, so that a steady caller's queue is not made anew for each job. */
export const REMEMBERED_TENANTS = 256;
/** Slack before ended jobs are swept out of a lane. */
const SWEEP_SLACK = 64;

/** Jobs of one tenant and priority, oldest first, and the batch that is partly handed out. */
export class Lane {
  batch: Batch | undefined;
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
    return jobs;
  }

  *waiting(): Iterable<Job> {
    for (let i = this.head; i < this.jobs.length; i++) if (!this.jobs[i]!.hasEnded) yield this.jobs[i]!;
  }
}

/** One tenant's lanes and its share of the device. */
export class TenantQueue {
  /** Service time it may still take in this round, ns. */
  deficitNs = 0;
  /** Jobs that wait: not ended and in no batch. */
  queued = 0;
  isActive = false;
  readonly lanes: readonly Lane[] = PRIORITIES.map(() => new Lane());

  constructor(
    readonly name: string,
    readonly weight: number,
  ) {}

  laneOf(job: Job): Lane {
    return this.lanes[PRIORITIES.indexOf(job.priority)]!;
  }

  /** The highest lane with work. */
  topLane(): Lane | undefined {
    return this.lanes.find((lane) => !lane.isEmpty);
  }
}

/**
 * Tenants' queues under deficit round robin (M. Shreedhar, G. Varghese, "Efficient fair queuing using deficit round
 * robin", SIGCOMM 1995), in units of expected service time: a tenant with work gets its weight's share of the device
 * whatever the others queue.
 */
export class FairQueue {
  private readonly tenants = new Map<string, TenantQueue>();
  private readonly active: TenantQueue[] = [];
  private turn = 0;
  private total = 0;

  constructor(private readonly weights: Readonly<Record<string, number>>) {}

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
      tenant = new TenantQueue(name, this.weights[name] ?? 1);
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
    if (tenant.isActive) return;
    tenant.isActive = true;
    this.active.push(tenant);
  }

  /**
   * The lane whose next slot is due; undefined when nothing waits. Taking the slot must be reported by `charge`.
   *
   * @param costNs - expected service time of a lane's next slot.
   */
  next(costNs: (lane: Lane) => number): { readonly tenant: TenantQueue; readonly lane: Lane } | undefined {
    for (let visits = 0; this.active.length > 0; visits++) {
      if (visits > this.active.length) {
        this.skipRounds(costNs);
        visits = 0;
      }
      if (this.turn >= this.active.length) this.turn = 0;
      const tenant = this.active[this.turn]!;
      const lane = tenant.topLane();
      if (lane === undefined) {
        this.active.splice(this.turn, 1);
        tenant.isActive = false;
        tenant.deficitNs = 0;
        this.retireIfIdle(tenant);
        continue;
      }
      if (this.active.length === 1 || tenant.deficitNs >= costNs(lane)) return { tenant, lane };
      tenant.deficitNs += QUANTUM_NS * tenant.weight;
      this.turn++;
    }
    return undefined;
  }

  /** Credits the rounds in which nobody would be due yet, so that tiny weights and long slots cost no rounds. */
  private skipRounds(costNs: (lane: Lane) => number): void {
    let rounds = Infinity;
    for (const tenant of this.active) {
      const lane = tenant.topLane();
      if (lane === undefined) return;
      rounds = Math.min(rounds, Math.ceil((costNs(lane) - tenant.deficitNs) / (QUANTUM_NS * tenant.weight)) - 1);
    }
    if (rounds <= 0) return;
    for (const tenant of this.active) tenant.deficitNs += rounds * QUANTUM_NS * tenant.weight;
  }

  /** Any lane whose batch is staged and partly handed out. */
  nextStaged(): { readonly tenant: TenantQueue; readonly lane: Lane } | undefined {
    for (const tenant of this.active) {
      const lane = tenant.lanes.find((l) => l.batch !== undefined);
      if (lane !== undefined) return { tenant, lane };
    }
    return undefined;
  }

  charge(tenant: TenantQueue, costNs: number): void {
    tenant.deficitNs = Math.max(0, tenant.deficitNs - costNs);
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
