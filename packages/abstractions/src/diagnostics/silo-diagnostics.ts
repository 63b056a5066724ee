import type { DeviceInfo } from '../bridge/gpu-bridge.js';
import type { EpochInfo } from '../datasets/dataset.js';
import type { DeviceCapacity } from '../placement/placement.js';

/** What a tenant has done on this silo. Counters start at 0 with the silo and never fall. */
export interface TenantInfo {
  /** Empty: the sum over the tenants that were forgotten, since names come from callers and only so many are remembered. */
  readonly tenant: string;
  /** Jobs admitted and in no batch yet, over all devices. */
  readonly queuedJobs: number;
  readonly submitted: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Refused because a queue was full. */
  readonly refusedByQueue: number;
  /** Refused because its rate was used up. */
  readonly refusedByRate: number;
  /** Refused because its arena quota was used up. */
  readonly refusedByQuota: number;
  /** Over all devices: batches with their unread results, allocations, datasets. */
  readonly arenaBytes: number;
  /** On each device. Undefined: no quota. */
  readonly arenaQuotaBytes: number | undefined;
  readonly security: SecurityCounters;
  /** Submission to end of completed jobs, µs. */
  readonly latencyUs: { readonly count: number; readonly p50: number; readonly p95: number; readonly p99: number };
  /** Service time that executors spent on its jobs, ns. */
  readonly serviceNs: number;
}

export interface SecurityCounters {
  /** Submissions of kernels that no device takes. */
  readonly refusedKernels: number;
  /** Accesses out of bounds that kernels of its jobs tried. */
  readonly boundsViolations: number;
  /** Handles, allocations, results and datasets of other tenants that it asked for. */
  readonly foreignHandles: number;
  /** Bytes wiped before this tenant got them, because another one had used them. */
  readonly wipedBytes: number;
}

/** Everything one silo says about itself. Plain data. */
export interface SiloDiagnostics {
  readonly siloId: string;
  /** ms since 1970 UTC when it was taken, by that silo's clock. */
  readonly takenAtMs: number;
  readonly state: 'created' | 'started' | 'draining' | 'stopped';
  readonly devices: readonly DeviceInfo[];
  readonly tenants: readonly TenantInfo[];
  readonly datasets: readonly EpochInfo[];
  readonly unavailable: readonly { readonly backend: string; readonly reason: string }[];
  readonly audit: AuditInfo | undefined;
}

export interface AuditInfo {
  readonly folder: string;
  /** Records that are safe on disk. */
  readonly writtenRecords: number;
  /** Recorded and not yet on disk: what a crash now would lose. */
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  /** Why nothing can be recorded any more: jobs of audited kernels are refused from then on. */
  readonly failed: string | undefined;
  /** Jobs that were under way then and ended without a record. */
  readonly lostRecords: number;
}

/** What this silo says about itself; under `Tokens.GpuDiagnostics`. */
export interface GpuDiagnostics {
  /** As everything is now; some hundred objects per device, so nothing for every call. */
  snapshot(): SiloDiagnostics;
}

/** One silo of the cluster as others see it. */
export interface SiloStatus {
  readonly siloId: string;
  readonly address: string;
  readonly state: 'joining' | 'active' | 'draining' | 'suspect';
  /** Time since it gave a sign of life, ms; 0 of the own silo. */
  readonly seenAgoMs: number;
  /** What it said then. */
  readonly devices: readonly DeviceCapacity[];
}

/** A silo that is dead for good and had not left by itself. */
export interface LostSilo {
  readonly siloId: string;
  readonly address: string;
  /** Time since its last sign of life, ms. */
  readonly seenAgoMs: number;
  /** Time since its death was proven, ms. */
  readonly deadForMs: number;
  /** What it had said last. */
  readonly devices: readonly DeviceCapacity[];
}

/** Who is in the cluster, as this silo knows; a silo without a cluster knows itself. Under `Tokens.ClusterView`. */
export interface ClusterView {
  readonly siloId: string;
  /** Live members and suspects, own included, by id. A dead silo is in the list until its death is proven. */
  silos(): readonly SiloStatus[];
  /** Silos whose death was proven within the last ten minutes, by id; not those that have left, or are back. */
  lost(): readonly LostSilo[];
}
