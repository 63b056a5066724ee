/** Resident grains whose device host, or whose silo, is killed while they compute. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory, NativeOptions } from '@gpu-bridge/abstractions';
import { getResidentGrain } from '@gpu-bridge/grains';
import type { BatchExecution, ResidentDefinition } from '@gpu-bridge/grains';
import { u32 } from '@gpu-bridge/kernels';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { TestCluster } from '../support/cluster/test-cluster.js';
import { spin } from '../support/kernels.js';
import { absenceOf, startNativeSilo } from '../support/native.js';
import { describeWithNats } from '../support/nats/servers.js';
import { valuesOf } from '../support/resident.js';
import { until } from '../support/silo.js';

// Ends only what hangs.
vi.setConfig({ testTimeout: 300_000 });

const COLUMNS = { x: u32 };
const DEFINITION: ResidentDefinition<typeof COLUMNS> = { type: 'spun', columns: COLUMNS, kernels: [spin] };
const ITEMS = 64;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-resident-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function dataOf(epoch: number) {
  return { x: Uint32Array.from({ length: ITEMS }, (_, i) => 1_000 * epoch + i) };
}

function spinFor(rounds: number) {
  return { rounds: new Uint32Array(ITEMS).fill(rounds) };
}

/** The answer is whole, right, and of the epoch that the result names. */
async function expectAnswer(execution: BatchExecution<{ readonly y: Uint32Array }>, epoch: number): Promise<void> {
  expect(await valuesOf(execution)).toEqual([...dataOf(epoch).x].map((x) => x + 1));
  expect(await execution.result).toMatchObject({ outcome: 'completed', epoch: `${epoch}`, itemCount: ITEMS });
}

const native: NativeOptions = { cpu: { executors: 2, arenaMiB: 16 } };
const absence = await absenceOf(native);

describe.skipIf(absence !== undefined)(
  `a resident grain${absence === undefined ? '' : `, skipped: ${absence}`}`,
  () => {
    test('answers everything when its device host is killed, from the data that stayed on the device', async () => {
      const cacheFolder = join(folder, 'kernels');
      await using silo = await startNativeSilo({
        ...{ kernels: [spin], residents: [DEFINITION] },
        ...{ native: { ...native, cacheFolder }, cpu: false },
      });
      const device = 'cpu-native:0';
      const grain = getResidentGrain(silo.container.get<GrainFactory>(Tokens.GrainFactory), DEFINITION, 'a');
      await grain.publish(dataOf(1));
      const executions = await Promise.all(Array.from({ length: 12 }, () => grain.compute(spin, spinFor(200_000))));
      await until(() => silo.info(device).executors.some(({ outstanding }) => outstanding > 0), 'the load runs');
      process.kill(silo.pid(device)!, 'SIGKILL');
      await grain.publish(dataOf(2));
      executions.push(await grain.compute(spin, spinFor(1)));
      for (const [i, execution] of executions.entries()) await expectAnswer(execution, i < 12 ? 1 : 2);
      expect(silo.info(device).counters).toMatchObject({ completed: 13, failed: 0 });
      expect(silo.info(device).counters.deaths).toBeGreaterThan(0);
    });
  },
);

describeWithNats('a resident grain of two silo processes', () => {
  test('goes on elsewhere when its silo is killed, each job on the epoch that it began with', async () => {
    const silo = { leaseMs: 3_600_000, fenceAfterMs: 1_800_000 };
    const datasetFolder = join(folder, 'epochs');
    await using cluster = await TestCluster.start({ silos: 2, cpuWorkers: 1, silo, supervised: true, datasetFolder });
    const grain = getResidentGrain(cluster.grains, DEFINITION, 'a');
    await grain.publish(dataOf(1));
    const slow = spinFor(4_000_000);
    const jobs = await Promise.all([0, 1, 2].map(() => grain.compute(spin, slow)));
    expect(await grain.publish(dataOf(2))).toBe('2');
    jobs.push(await grain.compute(spin, slow));
    const { siloId, fencingToken } = await grain.describe();
    expect(new Set(jobs.map((job) => job.siloId))).toEqual(new Set([siloId]));
    await cluster.silos.find((process) => process.siloId === siloId)!.kill();

    for (const [i, job] of jobs.entries()) await expectAnswer(job, i < 3 ? 1 : 2);
    const after = await grain.describe();
    expect(after.siloId).not.toBe(siloId);
    expect(after.epoch).toBe('2');
    expect(after.fencingToken).toBeGreaterThan(fencingToken);
    expect(jobs.every((job) => job.siloId === after.siloId)).toBe(true);
    expect(await grain.publish(dataOf(3))).toBe('3');
    await expectAnswer(await grain.compute(spin, spinFor(1)), 3);
  });
});
