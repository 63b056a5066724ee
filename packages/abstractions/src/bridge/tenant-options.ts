import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { PRIORITIES } from './execution-hints.js';
import type { Priority } from './execution-hints.js';
import { checkInteger, checkFields, limitAboveZero, checkPlainObject } from './option-checks.js';

/** Limits by tenant. They hold on each device of a silo, not for the cluster. */
export interface TenantsOptions {
  /** For tenants without limits of their own. */
  readonly defaults?: TenantOptions;
  /** By tenant name, of 1 … 64 characters; what one leaves out is taken from `defaults`. */
  readonly named?: Readonly<Record<string, TenantOptions>>;
}

export interface TenantOptions {
  /** Share of a device under contention, above 0. Default 1. */
  readonly weight?: number;
  /** Jobs that may wait on one device, 1 … 10^6; beyond it: `QUEUE_FULL`. Default 1,024. */
  readonly queueLimit?: number;
  /**
   * Jobs per second that it may submit to one device in the long run, above 0; beyond it: `RATE_LIMITED`. `Infinity`: no
   * limit. Default: no limit.
   */
  readonly jobsPerSecond?: number;
  /** Jobs that it may submit at once after a pause, 1 … 10^6. Default: as many as in one second. */
  readonly burstJobs?: number;
  /**
   * Arena of one device that its jobs, results, allocations and datasets may take together, MiB, above 0; beyond it:
   * `QUOTA_EXCEEDED`. `Infinity`: no limit. Default: no limit.
   */
  readonly arenaMiB?: number;
  /** Highest priority that its jobs may have; a higher one that is asked for counts as this. Default `high`. */
  readonly highestPriority?: Priority;
}

/** What one tenant may do on one device. */
export interface TenantLimits {
  readonly weight: number;
  readonly queueLimit: number;
  /** Undefined: no limit. */
  readonly jobsPerSecond: number | undefined;
  /** Undefined only without a limit of jobs per second. */
  readonly burstJobs: number | undefined;
  /** Undefined: no limit. */
  readonly arenaMiB: number | undefined;
  readonly highestPriority: Priority;
}

export interface ResolvedTenantsOptions {
  readonly defaults: TenantLimits;
  /** Of the tenants that were named, complete. */
  readonly named: ReadonlyMap<string, TenantLimits>;
}

const FIELDS: readonly string[] = [
  'weight',
  'queueLimit',
  'jobsPerSecond',
  'burstJobs',
  'arenaMiB',
  'highestPriority',
] satisfies (keyof TenantOptions)[];

/** @throws GpuBridgeError `INVALID_ARGUMENT`. */
export function resolveTenants(tenants: TenantsOptions): ResolvedTenantsOptions {
  checkFields('options.tenants', tenants, ['defaults', 'named']);
  const { defaults = {}, named = {} } = tenants;
  checkPlainObject('options.tenants.named', named);
  const forOthers = resolveTenant('options.tenants.defaults', defaults, {});
  const resolved = new Map<string, TenantLimits>();
  for (const [name, own] of Object.entries(named)) {
    const field = `options.tenants.named.${name}`;
    if (name.length < 1 || name.length > 64)
      throw GpuBridgeError.invalidArgument(field, name, 'a name of 1..64 characters');
    resolved.set(name, resolveTenant(field, own, defaults));
  }
  return { defaults: forOthers, named: resolved };
}

/** The limits of the tenant of this name. */
export function tenantLimits({ defaults, named }: ResolvedTenantsOptions, tenant: string): TenantLimits {
  return named.get(tenant) ?? defaults;
}

function resolveTenant(field: string, own: TenantOptions, defaults: TenantOptions): TenantLimits {
  checkFields(field, own, FIELDS);
  const weight = own.weight ?? defaults.weight ?? 1;
  if (!(Number.isFinite(weight) && weight > 0))
    throw GpuBridgeError.invalidArgument(`${field}.weight`, weight, 'a number above 0');
  const highestPriority = own.highestPriority ?? defaults.highestPriority ?? 'high';
  if (!PRIORITIES.includes(highestPriority))
    throw GpuBridgeError.invalidArgument(
      `${field}.highestPriority`,
      highestPriority,
      `one of ${PRIORITIES.join(', ')}`,
    );
  const jobsPerSecond = limitAboveZero(
    `${field}.jobsPerSecond`,
    own.jobsPerSecond ?? defaults.jobsPerSecond ?? Infinity,
  );
  const burstJobs = own.burstJobs ?? defaults.burstJobs ?? (jobsPerSecond && Math.min(1e6, Math.ceil(jobsPerSecond)));
  const arenaMiB = limitAboveZero(`${field}.arenaMiB`, own.arenaMiB ?? defaults.arenaMiB ?? Infinity);
  return {
    weight,
    queueLimit: checkInteger(`${field}.queueLimit`, own.queueLimit ?? defaults.queueLimit ?? 1024, 1, 1e6),
    jobsPerSecond,
    burstJobs: burstJobs === undefined ? undefined : checkInteger(`${field}.burstJobs`, burstJobs, 1, 1e6),
    arenaMiB,
    highestPriority,
  };
}
