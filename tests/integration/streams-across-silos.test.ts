import { GpuBridgeError, Tokens } from '@gpu-bridge/abstractions';
import type { GrainFactory } from '@gpu-bridge/abstractions';
import { defineStream, followStream, getStreamGrain } from '@gpu-bridge/grains';
import type { StreamPosition } from '@gpu-bridge/grains';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { f64, i64, input, mapKernel, output, ragged, struct, u32, uniform } from '@gpu-bridge/kernels';
import { expect, test } from 'vitest';
import { NatsClusterPort } from '@gpu-bridge/cluster-nats';
import { InProcessTestCluster } from '../support/cluster/in-process-test-cluster.js';
import { describeWithNats, keptLog, startNatsServer } from '../support/nats/servers.js';
import { startSilo } from '../support/silo.js';

const scale = mapKernel(
  'scale',
  { params: { factor: uniform(f64), x: input(f64), n: input(i64), y: output(f64), twice: output(i64) } },
  (_k, { factor, x, n, y, twice }) => {
    y.value = factor * x;
    twice.value = n + n;
  },
);
const streams = {
  live: defineStream({ kernel: scale, name: 'live', uniforms: { factor: 2 }, microBatch: { maxItems: 64 } }),
  durable: defineStream({
    kernel: scale,
    name: 'durable',
    uniforms: { factor: 3 },
    delivery: 'at-least-once',
    durable: true,
    queueItems: 256,
  }),
};
const WITH_DEVICE: GpuBridgeHostOptions = {
  kernels: [scale],
  cpu: { workers: 1, arenaMiB: 16 },
  streams: Object.values(streams),
};
const FRONT: GpuBridgeHostOptions = { cpu: false, requireDevice: false };

const columns = (from: number, to: number) => ({
  x: Float64Array.from({ length: to - from }, (_, i) => from + i),
  n: Float64Array.from({ length: to - from }, (_, i) => -i),
});

test('a stream takes items of every kind, one by one and in columns', async () => {
  const line = struct({ account: u32, amount: i64 });
  const sum = mapKernel(
    'sum-lines',
    {
      params: { lines: input(ragged(line)), id: input(struct({ a: u32, b: f64 })), total: output(i64), b: output(f64) },
    },
    (k, { lines, id, total, b }) => {
      let sum = k.i64(0);
      for (let i = k.u32(0); i < lines.length; i++) sum = sum + lines.amount[i]!;
      total.value = sum + k.i64(id.a);
      b.value = id.b;
    },
  );
  const definition = defineStream({ kernel: sum });
  await using silo = await startSilo({ kernels: [sum], streams: [definition] });
  const stream = getStreamGrain(silo.container.get<GrainFactory>(Tokens.GrainFactory), definition, 'k');
  const subscription = await stream.subscribe();
  await stream.push({
    lines: [
      { account: 1, amount: 5n },
      { account: 2, amount: 2 ** 40 },
    ],
    id: { a: 7, b: 0.5 },
  });
  await stream.pushMany({
    lines: {
      offsets: Uint32Array.of(0, 0, 3),
      columns: { account: new Uint32Array(3), amount: BigInt64Array.of(1n, 2n, -(2n ** 60n)) },
    },
    id: { a: Uint32Array.of(1, 0), b: Float64Array.of(1, 2) },
  });
  const totals: bigint[] = [];
  for await (const value of subscription) {
    if (value.outcome !== 'completed') throw new Error(value.outcome);
    for (let i = 0; i < value.itemCount; i++) totals.push(value.columns.total.bigintAt(i));
    if (totals.length === 3) break;
  }
  expect(totals).toEqual([12n + 2n ** 40n, 1n, 3n - 2n ** 60n]);
});

test('a subscriber on another silo gets everything in order, and its pace is that of the pushes', async () => {
  await using cluster = new InProcessTestCluster();
  await cluster.start('device', WITH_DEVICE);
  const front = await cluster.start('front', FRONT);
  await cluster.sees(front, 2);
  const stream = getStreamGrain(front.get<GrainFactory>(Tokens.GrainFactory), streams.live, 'k');
  const subscription = await stream.subscribe({ credits: 128 });
  const total = 4_000;
  let accepted = 0;
  const pushing = (async () => {
    for (let from = 0; from < total; from += 100) {
      await stream.pushMany(columns(from, from + 100));
      accepted = from + 100;
    }
  })();
  let seen = 0;
  for await (const value of subscription) {
    if (value.outcome !== 'completed') throw new Error(value.outcome);
    expect(value.firstItem).toBe(seen);
    value.columns.y.forEach((y) => expect(y).toBe(2 * seen++));
    if (seen === total) break;
  }
  await pushing;
  expect(accepted).toBe(total);
  // It has left, which the grain hears a little later.
  await expect.poll(async () => stream.pressure()).toMatchObject({ subscribers: 0, siloId: 'device' });
  await expect(stream.pushMany({ ...columns(0, 2), x: new Float64Array(1) })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});

test('a silo that stops delivers what it has accepted, also to slow subscribers on other silos', async () => {
  await using cluster = new InProcessTestCluster();
  await cluster.start('device', WITH_DEVICE);
  const front = await cluster.start('front', FRONT);
  await cluster.sees(front, 2);
  const stream = getStreamGrain(front.get<GrainFactory>(Tokens.GrainFactory), streams.live, 'k');
  const subscription = await stream.subscribe({ credits: 64 });
  for (let from = 0; from < 1_000; from += 100) await stream.pushMany(columns(from, from + 100));
  let seen = 0;
  const read = async (): Promise<void> => {
    const { value } = await subscription.next();
    if (value?.outcome !== 'completed') throw new Error(value?.outcome);
    expect(value.firstItem).toBe(seen);
    seen += value.itemCount;
  };
  await read();
  const stopped = cluster.stop('device');
  while (seen < 1_000) await read();
  await expect(read()).rejects.toMatchObject({ code: 'DRAINING' });
  await stopped;
});

const DURABLE = 'a durable stream loses nothing when its silo dies, and takes repeated pushes once';

test(DURABLE, () => loseNothing(new InProcessTestCluster()));

describeWithNats('over NATS', () => {
  test(DURABLE, async () => {
    await using server = await startNatsServer();
    const options = { clusterId: 'streams', servers: [server.url], storage: 'memory' } as const;
    await loseNothing(new InProcessTestCluster(() => new NatsClusterPort({ logger: keptLog() }, options)));
  });
});

async function loseNothing(silos: InProcessTestCluster): Promise<void> {
  await using cluster = silos;
  const silo = { leaseMs: 1_500 };
  const hosts = new Map(
    await Promise.all(
      ['one', 'two'].map(
        async (siloId) => [siloId, await cluster.start(siloId, { ...WITH_DEVICE, silo: { siloId, ...silo } })] as const,
      ),
    ),
  );
  const front = await cluster.start('front', { ...FRONT, silo: { siloId: 'front', ...silo } });
  await cluster.sees(front, 3);
  const stream = getStreamGrain(front.get<GrainFactory>(Tokens.GrainFactory), streams.durable, 'k');
  const pushes = 60;
  const itemsPerPush = 10;
  const total = pushes * itemsPerPush;
  const push = async (sequence: number): Promise<StreamPosition> => {
    const from = sequence * itemsPerPush;
    for (;;) {
      try {
        const stamp = { producerId: 'producer', sequence };
        return (await stream.pushMany(columns(from, from + itemsPerPush), stamp)).position;
      } catch (error) {
        // It may have been accepted; made again, it is taken once.
        if (!GpuBridgeError.is(error) || error.code === 'INVALID_ARGUMENT') throw error;
      }
    }
  };
  let firstOwner: string | undefined;
  const pushing = (async () => {
    for (let sequence = 0; sequence < pushes; sequence++) {
      const position = await push(sequence);
      if (sequence % 10 === 3) expect(await push(sequence)).toEqual(position);
      if (sequence !== 20) continue;
      firstOwner = (await stream.pressure()).siloId;
      await cluster.kill(hosts.get(firstOwner)!);
    }
  })();
  const seen = new Set<number>();
  const order: number[] = [];
  const positions: StreamPosition[] = [];
  const reading = (async () => {
    for await (const value of followStream(stream)) {
      if (value.outcome !== 'completed') throw new Error(value.outcome);
      positions.push(value.position);
      for (const y of value.columns.y) {
        if (!seen.has(y / 3)) order.push(y / 3);
        seen.add(y / 3);
      }
      if (seen.size === total) break;
    }
  })();
  await Promise.all([pushing, reading]);
  expect(order).toEqual(Array.from({ length: total }, (_, i) => i));
  expect(positions).toEqual([...positions].sort((a, b) => a.entry - b.entry || a.item - b.item));
  expect((await stream.pressure()).siloId).not.toBe(firstOwner);
}
