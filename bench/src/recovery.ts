import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DeviceInfo, GpuBridge, GpuBridgeOptions } from '@gpu-bridge/abstractions';
import { Caller, WrongAnswer, total, totalGrain } from './callers.js';
import type { TotalGrain } from './callers.js';
import { NATIVE_DEVICES, onEachDevice, optionsFor } from './devices.js';
import { median } from './report.js';
import type { Benchmark, Figure } from './report.js';
import { withSilo } from './silo.js';

const KILLS = 50;
const CALLERS = 32;
const BATCH_ITEMS = 64;
/** Calls answered between a recovery and the next kill, at least. */
const CALLS_BETWEEN = 500;
/** Deaths that are asked for here are no reason to give a device up. */
const PATIENT = { maxDeathsPerMinute: 1e6 };
const MAX_DEATHS = 3;
const POLL_MS = 5;
const LONGEST_WAIT_MS = 60_000;

/** The device host is killed under load; every answer is checked and counted. */
export const recovery: Benchmark = {
  name: 'recovery',
  describe: 'the device host is killed 50 times under load, cold and with a standby; a quarantined device hands over',
  run: async (note, device) => {
    const measured = await onEachDevice(device, note, ({ id }) => measure(id, note), NATIVE_DEVICES);
    const [first] = measured.values();
    return [...(first ?? []), ...[...measured].flatMap(([on, of]) => of.map((f) => ({ ...f, id: `${f.id}.${on}` })))];
  },
};

/** What came of all calls. */
class Tally {
  answered = 0;
  lost = 0;
  duplicated = 0;

  figures(): Figure[] {
    const count = (id: string, value: number): Figure => ({
      ...{ id, value, unit: 'jobs', samples: this.answered, min: value, max: value },
    });
    return [count('recovery.lost', this.lost), count('recovery.duplicated', this.duplicated)];
  }
}

async function measure(id: string, note: (line: string) => void): Promise<Figure[]> {
  const tally = new Tally();
  const cold = await killRepeatedly(id, false, tally);
  note(`${id}: ${KILLS} kills without a standby, ${tally.answered} answers`);
  const warm = await killRepeatedly(id, true, tally);
  note(`${id}: ${KILLS} kills with one, ${tally.answered} answers in all`);
  const redirected = await quarantine(id, tally);
  const { length: samples } = cold;
  return [
    median('recovery.cold_p50_ms', 'ms', cold, samples),
    median('recovery.standby_p50_ms', 'ms', warm, samples),
    ...tally.figures(),
    { id: 'recovery.redirected', value: redirected, unit: 'jobs', samples: 1, min: redirected, max: redirected },
  ];
}

/** @returns ms from each kill to the first answer of the host after it. */
async function killRepeatedly(id: string, standby: boolean, tally: Tally): Promise<number[]> {
  const options = { ...optionsFor(id, { standby }), health: PATIENT };
  const times: number[] = [];
  await underLoad(options, id, tally, async (info) => {
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = tally.answered + CALLS_BETWEEN;
      await until('answers between kills', () => tally.answered >= enough);
      await until('a host', () => info().host?.hostPid !== undefined && (!standby || info().host!.hasStandby));
      const { starts, hostPid } = info().host!;
      const atMs = performance.now();
      process.kill(hostPid!, 'SIGKILL');
      // Answers that the old host had given are out before the next one serves.
      await until('the next host', () => info().host!.starts > starts && info().health === 'healthy', 1);
      const before = tally.answered;
      await until('an answer of the next host', () => tally.answered > before, 0);
      times.push(performance.now() - atMs);
    }
  });
  return times;
}

/** Kills the device's host until the device is given up, with the CPU device beside it; returns jobs handed over. */
async function quarantine(id: string, tally: Tally): Promise<number> {
  const options = {
    ...optionsFor(id),
    cpu: {},
    health: { maxDeathsPerMinute: MAX_DEATHS, quarantineMs: LONGEST_WAIT_MS },
  };
  let redirected = 0;
  await underLoad(options, id, tally, async (info) => {
    while (info().health !== 'quarantined') {
      const pid = info().host?.hostPid;
      if (pid !== undefined && info().health === 'healthy') process.kill(pid, 'SIGKILL');
      await pause(POLL_MS);
    }
    const enough = tally.answered + CALLS_BETWEEN;
    await until('answers of the other device', () => tally.answered >= enough);
    redirected = info().counters.redirected;
  });
  return redirected;
}

/** Callers keep the device busy while `work` runs, and end their last calls after it. */
async function underLoad(
  options: GpuBridgeOptions,
  id: string,
  tally: Tally,
  work: (info: () => DeviceInfo) => Promise<void>,
): Promise<void> {
  await withSilo({ ...options, kernels: [total] }, async (bridge, grains) => {
    const grain = totalGrain(grains);
    const info = (): DeviceInfo => deviceOf(bridge, id);
    let isOver = false;
    let submitted = 0;
    const load = Array.from({ length: CALLERS }, async (_, n) => {
      const caller = new Caller(n, BATCH_ITEMS, { preferredDevice: id });
      for (; !isOver; submitted++) await callOnce(caller, grain, tally);
    });
    try {
      await work(info);
    } finally {
      isOver = true;
      await Promise.all(load);
    }
    const ended = bridge.getInfo().devices.reduce((sum, { counters }) => sum + counters.completed, 0);
    tally.duplicated += Math.max(0, ended - submitted);
  });
}

async function callOnce(caller: Caller, grain: TotalGrain, tally: Tally): Promise<void> {
  try {
    await caller.call(grain, tally.answered % 1e6);
    tally.answered++;
  } catch (error) {
    if (error instanceof WrongAnswer) throw error;
    tally.lost++;
    if (!GpuBridgeError.is(error)) throw error;
  }
}

function deviceOf(bridge: GpuBridge, id: string): DeviceInfo {
  return bridge.getInfo().devices.find(({ description }) => description.id === id)!;
}

/** Looks every `pollMs`, 0 for every turn of the event loop. */
async function until(what: string, holds: () => boolean, pollMs = POLL_MS): Promise<void> {
  const giveUpMs = performance.now() + LONGEST_WAIT_MS;
  while (!holds()) {
    if (performance.now() > giveUpMs) throw new Error(`waited ${LONGEST_WAIT_MS} ms for ${what}`);
    await (pollMs === 0 ? new Promise((resolve) => setImmediate(resolve)) : pause(pollMs));
  }
}
