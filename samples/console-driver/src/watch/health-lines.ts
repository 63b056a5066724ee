import type { DeviceInfo, TenantInfo } from '@gpu-bridge/abstractions';
import type { ClusterHealth, SiloHealth } from '@gpu-bridge/grains';

/** What the demo is about, and how far it is. */
export interface WatchedWork {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}

const BAR_CELLS = 10;

/** The whole picture, a line each: the work, silos, devices, tenants, and what is wrong. */
export function healthLines(health: ClusterHealth, work: WatchedWork): string[] {
  const devices = health.silos.flatMap((silo) => devicesOf(silo).map((device) => deviceRow(silo.siloId, device)));
  const tenants = health.silos.flatMap((silo) => tenantsOf(silo).map((tenant) => tenantRow(silo.siloId, tenant)));
  return [
    `GpuBridge · ${workText(work)} · ${health.verdict}`,
    `silos: ${health.silos.map((silo) => `${silo.siloId} ${silo.state}`).join(' · ')}`,
    '',
    ...columns([
      ['device', 'silo', 'health', 'queue', 'busy', 'arena MiB', 'done', 'failed', 'deaths', 'p50 ms', 'p95', 'p99'],
      ...devices,
    ]),
    '',
    ...columns([
      ['tenant', 'silo', 'waiting', 'done', 'failed', 'refused', 'arena MiB', 'p50 ms', 'p95', 'p99'],
      ...tenants,
    ]),
    ...(health.reasons.length === 0 ? [] : ['', ...health.reasons.map((reason) => `! ${reason}`)]),
  ];
}

/** The same in one line, for where nothing can be drawn. */
export function healthLine(health: ClusterHealth, work: WatchedWork): string {
  const devices = health.silos.flatMap((silo) =>
    devicesOf(silo).map(
      ({ description, pressure, counters, latencyUs }) =>
        `${silo.siloId}/${description.id} queue ${pressure.queuedJobs} busy ${percent(pressure.utilisation)} ` +
        `done ${counters.completed} p95 ${ms(latencyUs.p95)} ms`,
    ),
  );
  const unreachable = health.silos.filter(({ state }) => state === 'unreachable');
  const lost = unreachable.map(({ siloId }) => `${siloId} unreachable`);
  return [`watch: ${workText(work)}`, health.verdict, ...devices, ...lost].join(' · ');
}

function deviceRow(siloId: string, device: DeviceInfo): string[] {
  const { description, health, pressure, arena, counters, latencyUs } = device;
  return [
    ...[description.id, siloId, health],
    `${bar(pressure.queueUse)} ${pressure.queuedJobs}`,
    `${bar(pressure.utilisation)} ${percent(pressure.utilisation)}`,
    `${mebibytes(arena.usedBytes)} of ${mebibytes(arena.capacityBytes)}`,
    ...[counters.completed, counters.failed, counters.deaths].map(String),
    ...[latencyUs.p50, latencyUs.p95, latencyUs.p99].map(ms),
  ];
}

function tenantRow(siloId: string, tenant: TenantInfo): string[] {
  const { queuedJobs, completed, failed, arenaBytes, latencyUs } = tenant;
  const refused = tenant.refusedByQueue + tenant.refusedByRate + tenant.refusedByQuota;
  return [
    ...[tenant.tenant === '' ? '(others)' : tenant.tenant, siloId],
    ...[queuedJobs, completed, failed, refused].map(String),
    mebibytes(arenaBytes),
    ...[latencyUs.p50, latencyUs.p95, latencyUs.p99].map(ms),
  ];
}

/** Rows as text, the cells of a column below each other. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const devicesOf = ({ diagnostics }: SiloHealth): readonly DeviceInfo[] => diagnostics?.devices ?? [];
const tenantsOf = ({ diagnostics }: SiloHealth): readonly TenantInfo[] => diagnostics?.tenants ?? [];

function workText({ label, done, total }: WatchedWork): string {
  return `${label} ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`;
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const ms = (us: number): string => (us / 1_000).toFixed(2);
