import type { AuditInfo, DeviceInfo, EpochInfo, SiloStatus, TenantInfo } from '@gpu-bridge/abstractions';
import type { Attributes, Meter, Observable } from '@opentelemetry/api';

/** A value of one subject, or one for each value of an attribute. */
type Reading = number | readonly (readonly [value: number, attributes: Attributes])[];

/** One instrument, and how it is read from what it tells about. */
export interface Instrument<T> {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** `counter`: grows only, from the start of the silo. */
  readonly kind: 'counter' | 'gauge';
  read(subject: T): Reading;
}

const OUTCOME = 'gpu_bridge.job.outcome';

/** Told per device. */
export const DEVICE_INSTRUMENTS: readonly Instrument<DeviceInfo>[] = [
  gauge('device.available', '1', '1 while it takes jobs, 0 while it is quarantined or closed', ({ health }) =>
    health === 'quarantined' || health === 'closed' ? 0 : 1,
  ),
  gauge('device.queue.jobs', '{job}', 'Jobs admitted and in no batch yet', ({ pressure }) => pressure.queuedJobs),
  gauge('device.queue.use', '1', 'The same over the limit of the queue', ({ pressure }) => pressure.queueUse),
  gauge(
    'device.utilisation',
    '1',
    'Executors that have work, over all executors',
    ({ pressure }) => pressure.utilisation,
  ),
  gauge('device.oldest_in_flight', 's', 'Age of the oldest entry in a ring', (device) => device.oldestInFlightMs / 1e3),
  gauge('device.arena.used', 'By', 'Arena in use', ({ arena }) => arena.usedBytes),
  gauge('device.arena.capacity', 'By', 'Arena there is', ({ arena }) => arena.capacityBytes),
  counter('device.jobs', '{job}', 'Jobs that ended', ({ counters }) => byOutcome(counters)),
  counter('device.refusals', '{job}', 'Submissions refused for want of room', ({ counters }) => counters.refused),
  counter('device.slots', '{slot}', 'Entries submitted to rings', ({ counters }) => counters.slots),
  counter('device.coalesced', '{job}', 'Jobs that shared a slot', ({ counters }) => counters.coalesced),
  counter('device.deaths', '{executor}', 'Executors that died or were killed', ({ counters }) => counters.deaths),
  counter('device.violations', '{access}', 'Accesses out of bounds', ({ counters }) => counters.violations),
  counter('device.fallbacks', '{job}', 'Jobs that wanted another device', ({ counters }) => counters.fallbacks),
  counter('device.redirected', '{job}', 'Jobs handed to another device', ({ counters }) => counters.redirected),
  counter('device.expired', '{job}', 'Jobs whose results nobody read in time', ({ counters }) => counters.expired),
  counter('device.strays', '{entry}', 'Completions that named nothing in flight', ({ counters }) => counters.strays),
];

/** Told per tenant, over all devices of the silo. */
export const TENANT_INSTRUMENTS: readonly Instrument<TenantInfo>[] = [
  gauge('tenant.queue.jobs', '{job}', 'Jobs admitted and in no batch yet', ({ queuedJobs }) => queuedJobs),
  gauge('tenant.arena.used', 'By', 'Arena that its jobs, results, allocations and datasets take', (t) => t.arenaBytes),
  counter('tenant.jobs', '{job}', 'Jobs that ended', byOutcome),
  counter('tenant.refusals', '{job}', 'Submissions refused', (tenant) => [
    [tenant.refusedByQueue, { 'gpu_bridge.refusal.reason': 'queue' }],
    [tenant.refusedByRate, { 'gpu_bridge.refusal.reason': 'rate' }],
    [tenant.refusedByQuota, { 'gpu_bridge.refusal.reason': 'quota' }],
  ]),
  counter('tenant.service_time', 's', 'Time that executors spent on its jobs', ({ serviceNs }) => serviceNs / 1e9),
  counter('tenant.security', '{event}', 'What checks of kernels and handles found', ({ security }) => [
    [security.refusedKernels, { 'gpu_bridge.security.check': 'refused_kernel' }],
    [security.boundsViolations, { 'gpu_bridge.security.check': 'bounds_violation' }],
    [security.foreignHandles, { 'gpu_bridge.security.check': 'foreign_handle' }],
  ]),
  counter(
    'tenant.wiped',
    'By',
    'Arena wiped before it got it from another tenant',
    ({ security }) => security.wipedBytes,
  ),
];

/** Told per silo. */
export const DATASET_INSTRUMENTS: readonly Instrument<readonly EpochInfo[]>[] = [
  gauge('dataset.bytes', 'By', 'Size of the epochs that the silo knows', (epochs) =>
    (['resident', 'spilled', 'evicted'] as const).map((residency) => [
      epochs.reduce((sum, epoch) => sum + (epoch.residency === residency ? epoch.sizeBytes : 0), 0),
      { 'gpu_bridge.dataset.residency': residency },
    ]),
  ),
];

export const AUDIT_INSTRUMENTS: readonly Instrument<AuditInfo>[] = [
  counter('audit.written', '{record}', 'Records that are safe on disk', ({ writtenRecords }) => writtenRecords),
  gauge('audit.pending', '{record}', 'Records that a crash now would lose', ({ pendingRecords }) => pendingRecords),
];

/** The cluster as this silo sees it. */
export const CLUSTER_INSTRUMENTS: readonly Instrument<readonly SiloStatus[]>[] = [
  gauge('cluster.silos', '{silo}', 'Silos that this one sees, by their state', (silos) =>
    (['joining', 'active', 'draining', 'suspect'] as const).map((state) => [
      silos.filter((silo) => silo.state === state).length,
      { 'gpu_bridge.silo.state': state },
    ]),
  ),
];

export function observableOf(
  meter: Meter,
  { name, unit, description, kind }: Pick<Instrument<never>, 'name' | 'unit' | 'description' | 'kind'>,
): Observable {
  const options = { unit, description };
  return kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
}

function byOutcome(ended: {
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
}): Reading {
  return [
    [ended.completed, { [OUTCOME]: 'completed' }],
    [ended.failed, { [OUTCOME]: 'failed' }],
    [ended.cancelled, { [OUTCOME]: 'cancelled' }],
  ];
}

function gauge<T>(name: string, unit: string, description: string, read: (subject: T) => Reading): Instrument<T> {
  return { name: `gpu_bridge.${name}`, unit, description, kind: 'gauge', read };
}

function counter<T>(name: string, unit: string, description: string, read: (subject: T) => Reading): Instrument<T> {
  return { name: `gpu_bridge.${name}`, unit, description, kind: 'counter', read };
}
