/** Batches on the CPU devices of silo processes over NATS, one of which is killed. */
import { getBatchGrain } from '@gpu-bridge/grains';
import type { BatchExecution } from '@gpu-bridge/grains';
import { expect, it, vi } from 'vitest';
import { TestCluster } from '../support/cluster/test-cluster.js';
import { spin } from '../support/kernels.js';
import { describeWithNats } from '../support/nats/servers.js';

// Ends only what hangs.
vi.setConfig({ testTimeout: 300_000 });

const ITEMS = 32;
/** Together some tenths of a second of work: the first job is still running when the last one has been admitted. */
const ROUNDS = 10_000_000;
const inputs = (job: number) => ({
  rounds: new Uint32Array(ITEMS).fill(ROUNDS),
  x: Uint32Array.from({ length: ITEMS }, (_, i) => job * ITEMS + i),
});

describeWithNats('batches on two silo processes', () => {
  it('run anew on the other when the silo that runs them is killed, with the same results', async () => {
    const silo = { leaseMs: 3_600_000, fenceAfterMs: 1_800_000 };
    await using cluster = await TestCluster.start({ silos: 2, cpuWorkers: 1, silo, supervised: true });
    const grain = getBatchGrain(cluster.grains, spin);
    const admitted = await Promise.all([0, 1, 2, 3, 4, 5].map((job) => grain.execute(inputs(job))));
    const underWay = [6, 7, 8].map((job) => grain.execute(inputs(job)));
    const [victim, survivor] = [...cluster.silos].sort((a) => (a.siloId === admitted[0]!.siloId ? -1 : 1));
    const lost = admitted.filter(({ siloId }) => siloId === victim!.siloId).map((execution) => execution.jobId);
    expect(lost).not.toEqual([]);
    await victim!.kill();

    const executions = [...admitted, ...(await Promise.all(underWay))];
    for (const [job, execution] of executions.entries()) {
      expect(await readAll(execution)).toEqual(Array.from({ length: ITEMS }, (_, i) => job * ITEMS + i + 1));
      expect(await execution.result).toMatchObject({ outcome: 'completed', itemCount: ITEMS });
      expect(execution.siloId).toBe(survivor!.siloId);
      expect(lost).not.toContain(execution.jobId);
    }
    const after = await grain.execute(inputs(9));
    expect(after.siloId).toBe(survivor!.siloId);
    expect(await readAll(after)).toHaveLength(ITEMS);
  });
});

async function readAll(execution: BatchExecution<{ readonly y: Uint32Array }>): Promise<number[]> {
  const values: number[] = [];
  for await (const { columns } of execution.batches) values.push(...columns.y);
  return values;
}
