import { Tokens } from '@gpu-bridge/abstractions';
import type { Clock, GrainFactory, Logger } from '@gpu-bridge/abstractions';
import { getBatchGrain } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { f64, i64, input, mapKernel, output, uniform } from '@gpu-bridge/kernels';
import { SystemClock } from '@gpu-bridge/runtime';
import { InProcessCluster, Silo } from '@gpu-bridge/silo';
import { Container } from 'inversify';
import { describe, expect, test } from 'vitest';

const scale = mapKernel(
  'scale',
  { params: { factor: uniform(f64), x: input(f64), n: input(i64), y: output(f64), twice: output(i64) } },
  (_k, { factor, x, n, y, twice }) => {
    y.value = factor * x;
    twice.value = n + n;
  },
);

const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Whole hosts in one process, that find each other over an in-process cluster; stops them also when the test fails. */
class Hosts implements AsyncDisposable {
  private readonly clock: Clock = new SystemClock();
  private readonly cluster = new InProcessCluster({ clock: this.clock, logger, storage: 'memory' });
  private readonly stops: (() => Promise<void>)[] = [];

  async start(siloId: string, options: GpuBridgeHostOptions): Promise<Container> {
    const container = new Container();
    const host = addGpuBridge(container, { kernels: [scale], silo: { siloId }, ...options });
    container.rebind<Logger>(Tokens.Logger).toConstantValue(logger);
    container.bind(Tokens.ClusterPort).toConstantValue(this.cluster.port());
    await host.start();
    this.stops.unshift(() => host.stop());
    return container;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.stops) await stop();
    await this.cluster.close();
  }
}

const WITH_DEVICE: GpuBridgeHostOptions = { cpu: { workers: 1, arenaMiB: 64 } };
const WITHOUT: GpuBridgeHostOptions = { cpu: false, requireDevice: false };
const ITEMS = 1_000;
const inputs = (factor: number) => ({
  factor,
  x: Float64Array.from({ length: ITEMS }, (_, i) => i),
  n: BigInt64Array.from({ length: ITEMS }, (_, i) => BigInt(i) - 2n ** 60n),
});

/** Until a silo sees so many others as active. */
async function sees(container: Container, members: number): Promise<void> {
  const silo = container.get(Silo);
  await expect
    .poll(() => silo.getInfo().cluster!.members.filter(({ state }) => state === 'active').length)
    .toBe(members);
}

describe('batches of a cluster', () => {
  test('run on the silo that has a device, and come back whole', async () => {
    await using hosts = new Hosts();
    const device = await hosts.start('device', WITH_DEVICE);
    const front = await hosts.start('front', WITHOUT);
    await sees(front, 2);
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

  test('stay where they are called while the device there is free', async () => {
    await using hosts = new Hosts();
    await hosts.start('other', WITH_DEVICE);
    const own = await hosts.start('own', WITH_DEVICE);
    await sees(own, 2);
    const grain = getBatchGrain(own.get<GrainFactory>(Tokens.GrainFactory), scale);
    for (let i = 0; i < 20; i++) {
      const execution = await grain.execute(inputs(i));
      expect(execution.siloId).toBe('own');
      for await (const batch of execution.batches) expect(batch.jobId).toBe(execution.jobId);
    }
  });

  test('run on a CPU when no silo has the GPU that is wanted, which shows in the result and is counted', async () => {
    await using hosts = new Hosts();
    await hosts.start('device', WITH_DEVICE);
    const front = await hosts.start('front', WITHOUT);
    await sees(front, 2);
    const grain = getBatchGrain(front.get<GrainFactory>(Tokens.GrainFactory), scale);
    const execution = await grain.execute(inputs(1), { deviceType: 'gpu' });
    expect(await execution.result).toMatchObject({ outcome: 'completed', deviceType: 'cpu', fallback: true });
    execution.dispose();
    expect(front.get(Silo).getInfo().placementFallbacks).toBe(1);
  });

  test('fail as local ones do: with the error of the kernel’s silo', async () => {
    await using hosts = new Hosts();
    await hosts.start('device', WITH_DEVICE);
    const front = await hosts.start('front', WITHOUT);
    await sees(front, 2);
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
