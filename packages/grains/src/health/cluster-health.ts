import type { DeviceCapacity, DeviceInfo, SiloDiagnostics } from '@gpu-bridge/abstractions';

/** What is known of one silo. */
export interface SiloHealth {
  readonly siloId: string;
  readonly address: string;
  /** `unreachable`: it did not answer in time, is under suspicion, or dead. Silos that join or drain are not asked. */
  readonly state: 'joining' | 'active' | 'draining' | 'unreachable';
  /** What it answered; undefined where it did not, or was not asked. */
  readonly diagnostics: SiloDiagnostics | undefined;
  /** Why there is no answer; undefined where there is one. */
  readonly reason: string | undefined;
  /** Age of what is known, ms: 0 of an answer, else the time since its last sign of life. */
  readonly ageMs: number;
  /** What it said about its devices with its last sign of life. */
  readonly devices: readonly DeviceCapacity[];
}

/** `degraded`: jobs run, and somebody should look. `unavailable`: no silo that answers has a device that takes jobs. */
export type HealthVerdict = 'healthy' | 'degraded' | 'unavailable';

export interface ClusterHealth {
  readonly verdict: HealthVerdict;
  /** What keeps it from being healthy, in words; empty when it is. */
  readonly reasons: readonly string[];
  /** By id. */
  readonly silos: readonly SiloHealth[];
  /** ms since 1970 UTC, by the clock of the silo that asked the others. */
  readonly takenAtMs: number;
}

/** A queue that is fuller than this is worth a look. */
const FULL_QUEUE = 0.9;

export function assess(silos: readonly SiloHealth[]): Pick<ClusterHealth, 'verdict' | 'reasons'> {
  const reasons = silos.flatMap(reasonsOf);
  const runsJobs = silos.some(
    ({ diagnostics }) => diagnostics?.state === 'started' && diagnostics.devices.some(takesJobs),
  );
  if (!runsJobs) return { verdict: 'unavailable', reasons: ['no silo has a device that takes jobs', ...reasons] };
  return { verdict: reasons.length === 0 ? 'healthy' : 'degraded', reasons };
}

function reasonsOf({ siloId, state, diagnostics, reason, ageMs }: SiloHealth): readonly string[] {
  if (state === 'unreachable')
    return [`silo ${siloId} is unreachable, last heard of ${Math.round(ageMs)} ms ago: ${reason ?? 'it is silent'}`];
  if (diagnostics === undefined) return [];
  const { devices, unavailable, audit } = diagnostics;
  return [
    ...devices.flatMap((device) => deviceReasons(siloId, device)),
    ...unavailable.map((missing) => `silo ${siloId} has no ${missing.backend} device: ${missing.reason}`),
    ...(audit?.failed === undefined ? [] : [`silo ${siloId} records no jobs any more: ${audit.failed}`]),
  ];
}

function deviceReasons(siloId: string, device: DeviceInfo): readonly string[] {
  const { description, health, quarantine, pressure } = device;
  const which = `device ${description.id} of silo ${siloId}`;
  const found: string[] = [];
  if (quarantine !== undefined) found.push(`${which} is quarantined: ${quarantine.reason}`);
  else if (health === 'closed') found.push(`${which} is closed`);
  // One executor that is started again is no news; jobs run on the others.
  else if (!device.executors.some(({ state }) => state === 'running')) found.push(`${which} has no executor that runs`);
  if (pressure.queueUse >= FULL_QUEUE)
    found.push(`the queue of ${which} is ${Math.round(100 * pressure.queueUse)} % full`);
  return found;
}

function takesJobs({ health }: DeviceInfo): boolean {
  return health !== 'quarantined' && health !== 'closed';
}
