/** `npm run soak -- --minutes N [--device ID]`: pressure, random kills and a look at memory, for as long as asked. */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DeviceInfo, GpuBridge } from '@gpu-bridge/abstractions';
import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { Caller, total, totalGrain } from './callers.js';
import type { TotalGrain } from './callers.js';
import { onEachDevice } from './devices.js';
import type { MeasuredDevice } from './devices.js';
import { growthPerMinute } from './growth.js';
import { withSilo } from './silo.js';

const TENANTS = 4;
const CALLERS_PER_TENANT = 48;
/** Fewer jobs may wait than there are callers: somebody is always refused and comes back. */
const BROKER = { queueLimit: 80 };
const TENANT_LIMITS = { defaults: { queueLimit: 24 } };
const HEALTH = { maxDeathsPerMinute: 1e6 };
const LEAST_KILL_PAUSE_MS = 1_000;
const MORE_KILL_PAUSE_MS = 3_000;
const HANG_MS = 30;
const SAMPLE_MS = 1_000;
const PROGRESS_MS = 30_000;
/** The share of the time, at its end, over which memory is looked at. */
const MEASURED_SHARE = 0.8;
const MOST_GROWTH_MIB = 1;
const FOREVER = 0xffffffff;

const hang = mapKernel('soak-hang', { params: { rounds: input(u32), y: output(u32) } }, (k, { rounds, y }) => {
  let h = rounds;
  for (let i = k.u32(0); i < rounds || rounds === 0xffffffff; i++) h = h * 1664525 + 1013904223;
  y.value = k.select(h === 0, k.u32(1), rounds);
});

interface Tally {
  done: number;
  lost: number;
  refused: number;
  kills: number;
  hangs: number;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, device: { type: 'string' } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) {
    process.stderr.write('usage: npm run soak -- [--minutes N] [--device opencl:0|cpu-native:0|cpu:0]\n');
    return 2;
  }
  let violations: readonly string[] | undefined;
  // Without --device: the first that is there.
  await onEachDevice(values.device, say, async (device) => {
    violations ??= await soak(device, minutes * 60_000);
  });
  for (const violation of violations ?? ['no device']) say(`VIOLATION: ${violation}`);
  return violations?.length === 0 ? 0 : 1;
}

/** @returns what was not as it must be. */
async function soak({ id, options }: MeasuredDevice, durationMs: number): Promise<string[]> {
  say(`soak of ${id} for ${durationMs / 60_000} minutes: ${TENANTS * CALLERS_PER_TENANT} callers`);
  const tally: Tally = { done: 0, lost: 0, refused: 0, kills: 0, hangs: 0 };
  const violations: string[] = [];
  const samples: { atMs: number; bytes: number }[] = [];
  let stopMs = 0;
  let hostPid: number | undefined;
  await withSilo(
    { ...options, kernels: [total, hang], broker: BROKER, tenants: TENANT_LIMITS, health: HEALTH },
    async (bridge, grains) => {
      const startMs = performance.now();
      const isOver = (): boolean => performance.now() - startMs >= durationMs;
      const info = (): DeviceInfo => bridge.getInfo().devices[0]!;
      const work = [
        ...callers(totalGrain(grains), tally, violations, isOver),
        kills(bridge, info, tally, violations, isOver),
      ];
      let progressMs = PROGRESS_MS;
      while (!isOver()) {
        await pause(Math.min(SAMPLE_MS, durationMs));
        const atMs = performance.now() - startMs;
        const bytes = process.memoryUsage.rss();
        samples.push({ atMs, bytes });
        if (atMs < progressMs) continue;
        progressMs += PROGRESS_MS;
        say(progress(atMs, tally, bytes, info()));
      }
      await Promise.all(work);
      say(progress(performance.now() - startMs, tally, process.memoryUsage.rss(), info()));
      hostPid = info().host?.hostPid;
      stopMs = performance.now();
    },
  );
  say(`stopped in ${(performance.now() - stopMs).toFixed(0)} ms`);
  if (hostPid !== undefined && isAlive(hostPid)) violations.push(`the host ${hostPid} outlived the silo`);
  if (tally.lost > 0) violations.push(`${tally.lost} jobs lost`);
  if (tally.done === 0) violations.push('nothing was done');
  const growth = growthPerMinute(samples.filter(({ atMs }) => atMs >= durationMs * (1 - MEASURED_SHARE))) / 2 ** 20;
  say(`RSS growth over the last ${MEASURED_SHARE * 100} %: ${growth.toFixed(3)} MiB per minute`);
  if (!(growth < MOST_GROWTH_MIB)) violations.push(`RSS grew by ${growth.toFixed(3)} MiB per minute`);
  return violations;
}

/** Callers of batches of different sizes, each with a call in flight; whoever is refused waits as told. */
function callers(grain: TotalGrain, tally: Tally, violations: string[], isOver: () => boolean): Promise<void>[] {
  return Array.from({ length: TENANTS * CALLERS_PER_TENANT }, async (_, n) => {
    const caller = new Caller(n, 1 + ((n * 37) % 300), { tenant: `tenant-${n % TENANTS}` });
    for (let round = n; !isOver(); round++) {
      try {
        await caller.call(grain, round % 1e6);
        tally.done++;
      } catch (error) {
        if (GpuBridgeError.is(error, 'QUEUE_FULL')) {
          tally.refused++;
          await pause(Math.ceil(Number(error.details.retryAfterNs) / 1e6));
        } else {
          tally.lost++;
          violations.push(`caller ${n}: ${String(error)}`);
        }
      }
    }
  });
}

/** Ends executors at random: by a kernel that hangs, and, where there is one, by SIGKILL of the host. */
async function kills(
  bridge: GpuBridge,
  info: () => DeviceInfo,
  tally: Tally,
  violations: string[],
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await pause(LEAST_KILL_PAUSE_MS + Math.random() * MORE_KILL_PAUSE_MS);
    const pid = info().health === 'healthy' ? info().host?.hostPid : undefined;
    if (pid !== undefined && Math.random() < 0.75) {
      process.kill(pid, 'SIGKILL');
      tally.kills++;
      continue;
    }
    const deadlineNs = BigInt(Math.round((performance.now() + HANG_MS) * 1e6));
    const handle = await bridge
      .getKernel(hang)
      .submitBatch({ rounds: Uint32Array.of(FOREVER) }, { deadlineNs, tenant: 'hang', priority: 'high' })
      .catch((error: unknown) => {
        if (!GpuBridgeError.is(error, 'QUEUE_FULL')) throw error;
        return undefined;
      });
    if (handle === undefined) continue;
    const { error } = await handle.result;
    tally.hangs++;
    if (error?.code !== 'DEADLINE_EXCEEDED') violations.push(`a hung job ended with ${error?.code ?? 'no error'}`);
  }
}

function progress(atMs: number, tally: Tally, bytes: number, { counters, host, health }: DeviceInfo): string {
  const mib = (n: number | undefined): string => (n === undefined ? '-' : (n / 2 ** 20).toFixed(1));
  const { done, lost, refused, kills: killed, hangs } = tally;
  return (
    `${(atMs / 1_000).toFixed(0)} s: ${done} done, ${lost} lost, ${refused} refused, ${killed} kills, ${hangs} hangs, ` +
    `${counters.deaths} deaths, ${health}, RSS ${mib(bytes)} MiB, host ${mib(host?.residentBytes)} MiB`
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
