import { Tokens } from '@gpu-bridge/abstractions';
import type { GpuBridge, GrainFactory, Token } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { f64, i64, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { Silo } from '@gpu-bridge/silo';
import { describe, expect, test } from 'vitest';
import { InProcessTestCluster } from '../support/cluster/in-process-test-cluster.js';

const scale = mapKernel(
  'scale',
  { params: { factor: uniform(f64), x: input(f64), n: input(i64), y: output(f64), twice: output(i64) } },
  (_k, { factor, x, n, y, twice }) => {
    y.value = factor * x;
    twice.value = n + n;
  },
);

const WITH_DEVICE: GpuBridgeHostOptions = { kernels: [scale], cpu: { workers: 1, arenaMiB: 64 } };
const WITHOUT: GpuBridgeHostOptions = { kernels: [scale], cpu: false, requireDevice: false };
const ITEMS = 1_000;
const inputs = (factor: number) => ({
  factor,
  x: Float64Array.from({ length: ITEMS }, (_, i) => i),
  n: BigInt64Array.from({ length: ITEMS }, (_, i) => BigInt(i) - 2n ** 60n),
});

/** Of a silo, for requests of a tenant. */
function factoryFor(silo: { get(token: Token<GrainFactory>): GrainFactory }, tenant: string): GrainFactory {
  const factory = silo.get(Tokens.GrainFactory);
  return { getGrain: (type, key) => factory.getGrain(type, key, { tenant }) };
}

describe('batches of a cluster', () => {
  test('run on the silo that has a device, and come back whole', async () => {
    await using cluster = new InProcessTestCluster();
    const device = await cluster.start('device', WITH_DEVICE);
    const front = await cluster.start('front', WITHOUT);
    await cluster.sees(front, 2);
    const grain = getBatchGrain(front.get<GrainFactory>(Tokens.GrainFactory), scale);
    const executions = await Promise.all(
      Array.from({ length: 8 }, (_, i) => grain.execute(inputs(i), { tenant: 'acme' })),
    );
    for (const [factor, execution] of executions.entries()) {
      expect(execution.siloId).toBe('device');
      let seen = 0;
      for await (const { firstItem, columns } of execution.batches) {
        expect(firstItem).toBe(seen);
        for (let i = 0; i < columns.y.length; i++, seen++) {
          expect(columns.y[i]).toBe(factor * seen);
          expect(columns.twice.bigintAt(i)).toBe(2n * (BigInt(seen) - 2n ** 60n));
        }
      }
      expect(seen).toBe(ITEMS);
      expect(await execution.result).toMatchObject({ outcome: 'completed', deviceId: 'cpu:0', tenant: 'acme' });
    }
    await expect.poll(() => device.get(Silo).getInfo().placedCalls.running).toBe(0);
  });

  test('belong to the tenant of their request, in whose name their results are asked for too', async () => {
    await using cluster = new InProcessTestCluster();
    const device = await cluster.start('device', WITH_DEVICE);
    const front = await cluster.start('front', WITHOUT);
    await cluster.sees(front, 2);
    const execution = await getBatchGrain(factoryFor(front, 'acme'), scale).execute(inputs(2));
    expect((await execution.result).tenant).toBe('acme');
    let seen = 0;
    for await (const { itemCount } of execution.batches) seen += itemCount;
    expect(seen).toBe(ITEMS);
    const tenants = device.get<GpuBridge>(Tokens.GpuBridge).getTenants();
    expect(tenants).toMatchObject([{ tenant: 'acme', completed: 1, security: { foreignHandles: 0 } }]);
  });

  test('stay where they are called while the device there is free', async () => {
    await using cluster = new InProcessTestCluster();
    await cluster.start('other', WITH_DEVICE);
    const own = await cluster.start('own', WITH_DEVICE);
    await cluster.sees(own, 2);
    const grain = getBatchGrain(own.get<GrainFactory>(Tokens.GrainFactory), scale);
    for (let i = 0; i < 20; i++) {
      const execution = await grain.execute(inputs(i));
      expect(execution.siloId).toBe('own');
      for await (const batch of execution.batches) expect(batch.jobId).toBe(execution.jobId);
    }
  });

  test('run on a CPU when no silo has the GPU that is wanted, which shows in the result and is counted', async () => {
    await using cluster = new InProcessTestCluster();
    await cluster.start('device', WITH_DEVICE);
    const front = await cluster.start('front', WITHOUT);
    await cluster.sees(front, 2);
    const grain = getBatchGrain(front.get<GrainFactory>(Tokens.GrainFactory), scale);
    const execution = await grain.execute(inputs(1), { deviceType: 'gpu' });
    expect(await execution.result).toMatchObject({ outcome: 'completed', deviceType: 'cpu', fallback: true });
    execution.dispose();
    expect(front.get(Silo).getInfo().placementFallbacks).toBe(1);
  });

  test('fail as local ones do: with the error of the kernel’s silo', async () => {
    await using cluster = new InProcessTestCluster();
    await cluster.start('device', WITH_DEVICE);
    const front = await cluster.start('front', WITHOUT);
    await cluster.sees(front, 2);
    const grain = getBatchGrain(front.get<GrainFactory>(Tokens.GrainFactory), scale);
    const short = { ...inputs(1), n: new BigInt64Array(3) };
    await expect(grain.execute(short)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const late = await grain.execute(inputs(1), { deadlineNs: 1n }).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(grain.execute(inputs(1), { preferredDevice: 'cuda:7' })).rejects.toMatchObject({
      code: 'DEVICE_NOT_FOUND',
    });
  });
});
