import { PRIORITIES } from '@gpu-bridge/abstractions';
import type { Priority, TenantInfo, TenantLimits } from '@gpu-bridge/abstractions';
import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';
import { TokenBucket } from './token-bucket.js';

const HIGHEST_NS = 3_600e9;

/** What a tenant has on one device. */
export class TenantUse {
  /** Of the arena: batches, allocations and datasets. */
  arenaBytes = 0;
  /** Of these, batches: they come back by themselves. */
  batchBytes = 0;
  /** Undefined: no limit of jobs per second. */
  readonly bucket: TokenBucket | undefined;

  constructor({ jobsPerSecond, burstJobs }: TenantLimits) {
    this.bucket = jobsPerSecond === undefined ? undefined : new TokenBucket(jobsPerSecond, burstJobs ?? 1);
  }
}

/** One tenant on this silo: its limits, what it has, and what it has done. Plain fields, since they are counted per job. */
export class TenantAccount {
  /** Admitted and not ended, over all devices. */
  liveJobs = 0;
  submitted = 0;
  completed = 0;
  failed = 0;
  cancelled = 0;
  refusedByQueue = 0;
  refusedByRate = 0;
  refusedByQuota = 0;
  refusedKernels = 0;
  boundsViolations = 0;
  foreignHandles = 0;
  wipedBytes = 0;
  serviceNs = 0;
  /** Of each device's arena; Infinity without a limit. */
  readonly quotaBytes: number;
  private readonly uses: (TenantUse | undefined)[] = [];
  /** Made with the first job that completes: 16 KiB, two digits. */
  private latencyNs: Histogram | undefined;
  private readonly highest: number;

  constructor(
    readonly name: string,
    readonly limits: TenantLimits,
  ) {
    this.quotaBytes = limits.arenaMiB === undefined ? Infinity : Math.floor(limits.arenaMiB * 2 ** 20);
    this.highest = PRIORITIES.indexOf(limits.highestPriority);
  }

  /** What it has on the device of this number. */
  on(device: number): TenantUse {
    return (this.uses[device] ??= new TenantUse(this.limits));
  }

  /** The priority that its job gets. */
  clamp(priority: Priority): Priority {
    return PRIORITIES.indexOf(priority) < this.highest ? this.limits.highestPriority : priority;
  }

  /** Whether nothing here refers to it. */
  get isIdle(): boolean {
    return this.liveJobs === 0 && this.arenaBytes === 0;
  }

  get arenaBytes(): number {
    let bytes = 0;
    for (const use of this.uses) bytes += use?.arenaBytes ?? 0;
    return bytes;
  }

  recordEnd(state: 'completed' | 'failed' | 'cancelled', latencyNs: number): void {
    this.liveJobs--;
    this[state]++;
    if (state !== 'completed') return;
    this.latencyNs ??= histogram();
    this.latencyNs.recordValue(Math.max(1, Math.min(HIGHEST_NS, Math.round(latencyNs))));
  }

  /** Takes over what a tenant that is forgotten has done. */
  absorb(other: TenantAccount): void {
    for (const counter of COUNTERS) this[counter] += other[counter];
    if (other.latencyNs === undefined) return;
    this.latencyNs ??= histogram();
    this.latencyNs.add(other.latencyNs);
  }

  describe(queuedJobs: number): TenantInfo {
    const { submitted, completed, failed, cancelled, refusedByQueue, refusedByRate, refusedByQuota, serviceNs } = this;
    const { refusedKernels, boundsViolations, foreignHandles, wipedBytes, latencyNs } = this;
    const at = (percentile: number): number => (latencyNs?.getValueAtPercentile(percentile) ?? 0) / 1_000;
    return {
      tenant: this.name,
      ...{ queuedJobs, submitted, completed, failed, cancelled, refusedByQueue, refusedByRate, refusedByQuota },
      arenaBytes: this.arenaBytes,
      arenaQuotaBytes: this.quotaBytes === Infinity ? undefined : this.quotaBytes,
      security: { refusedKernels, boundsViolations, foreignHandles, wipedBytes },
      latencyUs: { count: latencyNs?.totalCount ?? 0, p50: at(50), p95: at(95), p99: at(99) },
      serviceNs,
    };
  }
}

const COUNTERS = [
  'submitted',
  'completed',
  'failed',
  'cancelled',
  'refusedByQueue',
  'refusedByRate',
  'refusedByQuota',
  'refusedKernels',
  'boundsViolations',
  'foreignHandles',
  'wipedBytes',
  'serviceNs',
] as const;

function histogram(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 100,
    highestTrackableValue: HIGHEST_NS,
    numberOfSignificantValueDigits: 2,
  });
}
