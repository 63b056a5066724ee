import { FakeClock } from '@gpu-bridge/testkit';
import { expect, test } from 'vitest';
import { InProcessCluster } from '../cluster/in-process-cluster.js';
import type { CallRefused } from '../routing/call-refused.js';
import { callOf, failure } from '../testing/remote-calls-fixture.js';
import { RemoteCalls } from './remote-calls.js';

async function* countTo(count: number): AsyncGenerator<number> {
  for (let i = 1; i <= count; i++) yield i;
}

test('calls go over the in-process engine: small, large and streaming ones, and those to nobody', async () => {
  const clock = new FakeClock();
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const cluster = new InProcessCluster({ clock, logger });
  const silo = async (address: string): Promise<RemoteCalls> => {
    const port = cluster.port();
    await port.open();
    const suspected: string[] = [];
    const calls = new RemoteCalls({
      ...{ clock, logger },
      receiver: {
        receive: async ({ method, args }) => (method === 'count' ? countTo(args[0] as number) : args[0]),
      },
      references: { toId: () => undefined, fromId: () => ({}) },
      suspect: (suspect) => void suspected.push(suspect),
    });
    await calls.listen(port, address);
    return calls;
  };
  const a = await silo('a.1');
  const b = await silo('b.1');

  expect(await a.call('b.1', callOf([{ x: 1n }]))).toStrictEqual({ x: 1n });
  const large = Float64Array.from({ length: 400_000 }, (_, i) => i);
  expect(await b.call('a.1', callOf([large]))).toStrictEqual(large);
  const counted: unknown[] = [];
  const stream = (await a.call('b.1', callOf([9], {}, 'count'))) as AsyncIterable<unknown>;
  for await (const item of stream) counted.push(item);
  expect(counted).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const error = await failure(a.call('c.1', callOf([])));
  expect((error as CallRefused).reason.code).toBe('SILO_UNREACHABLE');

  await Promise.all([a.close(), b.close()]);
  await cluster.close();
  expect(clock.pending).toBe(0);
});
