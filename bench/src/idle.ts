import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { GpuBridge } from '@gpu-bridge/abstractions';
import { Caller, total, totalGrain } from './callers.js';
import { onEachDevice } from './devices.js';
import type { MeasuredDevice } from './devices.js';
import { median } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const WARM_UP_CALLS = 2_000;
/** Time for compilers and warm-up to end before idleness is measured, ms. */
const SETTLE_MS = 3_000;
const WINDOWS = 3;
const WINDOW_MS = 10_000;
const WAKES = 100;
const WAKE_PAUSE_MS = 60;
/** Of the times in `/proc`; fixed by Linux for what user space sees. */
const TICKS_PER_S = 100;

/** What an open device costs without work, this process and the device host together, and what the first call waits for. */
export const idle: Benchmark = {
  name: 'idle',
  describe: 'CPU time of an open device without work, and the first call after it',
  run: async (note, device) => {
    const measured = await onEachDevice(device, note, measure);
    const figures = [...measured.values()];
    return [
      ...(figures[0] ?? []),
      ...[...measured].flatMap(([on, of]) => of.map((f) => ({ ...f, id: `${f.id}.${on}` }))),
    ];
  },
};

function measure({ options }: MeasuredDevice): Promise<Figure[]> {
  return withSilo({ ...options, kernels: [total] }, async (bridge, grains) => {
    const grain = totalGrain(grains);
    const caller = new Caller(1, 64);
    for (let i = 0; i < WARM_UP_CALLS; i++) await caller.call(grain, i);
    await pause(SETTLE_MS);
    const shares: number[] = [];
    for (let w = 0; w < WINDOWS; w++) {
      const startMs = performance.now();
      const before = cpuMs(bridge);
      await pause(WINDOW_MS);
      shares.push((100 * (cpuMs(bridge) - before)) / (performance.now() - startMs));
    }
    const wakes: number[] = [];
    for (let i = 0; i < WAKES; i++) {
      await pause(WAKE_PAUSE_MS);
      const startMs = performance.now();
      await caller.call(grain, i);
      wakes.push((performance.now() - startMs) * 1e3);
    }
    return [median('idle.cpu_pct', '% of a core', shares), median('idle.wake_p50_us', 'us', wakes)];
  });
}

/** CPU time of this process and of the device's host, ms. */
function cpuMs(bridge: GpuBridge): number {
  const { user, system } = process.cpuUsage();
  const pid = bridge.getInfo().devices[0]!.host?.hostPid;
  return (user + system) / 1e3 + (pid === undefined ? 0 : processCpuMs(pid));
}

function processCpuMs(pid: number): number {
  // Fields 14 and 15; the second one, in parentheses, may hold spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_S;
}
