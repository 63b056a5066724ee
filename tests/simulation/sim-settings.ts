import type { GpuBridgeOptions } from '@gpu-bridge/abstractions';
import type { SeededRandom } from '@gpu-bridge/testkit';
import type { SimSetting } from './sim-bridge.js';
import { simKernels } from './sim-jobs.js';

const SLOT_BUDGET_MS = 40;
/** A bridge with this time to drain fails jobs when it is stopped; any other ends them. */
export const HASTY_DRAIN_MS = 5;

/** A bridge of the simulation as a seed draws it: its limits, and what is behind it. */
export interface SimSettings {
  readonly queueLimit: number;
  readonly tenantQueueLimit: number;
  /** Arena of each device that the tenant bob may have, MiB. */
  readonly quotaMiB: number;
  readonly slotsInFlight: number;
  readonly drainTimeoutMs: number;
  /** Its devices are given up after a few deaths. */
  readonly losesDevices: boolean;
  readonly behind: SimSetting;
}

export function drawSettings(random: SeededRandom): SimSettings {
  const queueLimit = 8 + random.below(40);
  const tenantQueueLimit = 4 + random.below(30);
  const slotsInFlight = 1 + random.below(3);
  const devices = 1 + random.below(2);
  const losesDevices = random.below(devices === 1 ? 6 : 2) === 0;
  const faultDomain = random.below(2) === 0 ? 'device' : 'executor';
  const drainTimeoutMs = random.below(4) === 0 ? HASTY_DRAIN_MS : 600_000;
  const executors = 1 + random.below(3);
  const arenaBytes = 2 ** (15 + random.below(5));
  const behind = { devices, faultDomain, executors, arenaBytes } as const;
  const quotaMiB = random.below(2) === 0 ? Infinity : (arenaBytes * (1 + random.below(8))) / 16 / 2 ** 20;
  return { queueLimit, tenantQueueLimit, quotaMiB, slotsInFlight, drainTimeoutMs, losesDevices, behind };
}

export function optionsOf(settings: SimSettings): GpuBridgeOptions {
  const { queueLimit, tenantQueueLimit, quotaMiB, slotsInFlight, losesDevices, drainTimeoutMs } = settings;
  return {
    kernels: simKernels,
    cpu: false,
    broker: { queueLimit, slotsInFlight, resultRetentionMs: 300 },
    tenants: { defaults: { queueLimit: tenantQueueLimit }, named: { ada: { weight: 3 }, bob: { arenaMiB: quotaMiB } } },
    health: {
      slotBudgetMs: SLOT_BUDGET_MS,
      checkIntervalMs: 5,
      maxDeathsPerMinute: losesDevices ? 3 : 1_000_000,
      quarantineMs: 60,
      heartbeatTimeoutMs: 100,
      drainTimeoutMs,
    },
  };
}
