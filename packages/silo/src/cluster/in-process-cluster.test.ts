import { setImmediate as turn } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterPort } from '@gpu-bridge/abstractions';
import { FakeClock, SeededRandom } from '@gpu-bridge/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { InProcessCluster } from './in-process-cluster.js';
import type { Hop, Network, Passage } from './network.js';

const ignore = (): void => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const clusters: InProcessCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

/** Holds the hops that a test chooses, until it lets them go or loses them. */
class HoldingNetwork implements Network {
  readonly held: { hop: Hop; passage: Passage }[] = [];
  hold: (hop: Hop) => boolean = () => false;

  transmit(hop: Hop, passage: Passage): void {
    if (this.hold(hop)) this.held.push({ hop, passage });
    else passage.arrive();
  }
}

async function openCluster(network?: Network): Promise<{ clock: FakeClock; cluster: InProcessCluster }> {
  const clock = new FakeClock();
  const cluster = new InProcessCluster({ clock, logger, ...(network && { network }) });
  clusters.push(cluster);
  return { clock, cluster };
}

async function openPort(cluster: InProcessCluster, id: string): Promise<ReturnType<InProcessCluster['port']>> {
  const port = cluster.port(id);
  await port.open();
  return port;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

const value = new Uint8Array([1]);
const codeOf = (error: unknown): unknown => (GpuBridgeError.is(error) ? error.code : error);

/** What became of a promise so far. */
function watched<T>(promise: Promise<T>): { state: unknown } {
  const watch: { state: unknown } = { state: 'waits' };
  promise.then(
    (result) => (watch.state = result),
    (error: unknown) => (watch.state = codeOf(error)),
  );
  return watch;
}

async function keep(
  port: ClusterPort,
  address: string,
): Promise<{ texts: string[]; send(to: string, text: string): void }> {
  const texts: string[] = [];
  const onMessage = (payload: Uint8Array): void => void texts.push(Buffer.from(payload).toString());
  const endpoint = await port.listen(address, { onMessage, onUndeliverable: (n) => texts.push(`undeliverable ${n}`) });
  return { texts, send: (to, text) => endpoint.send(to, Buffer.from(text), texts.length) };
}

describe('InProcessCluster', () => {
  it('refuses a second endpoint at an address, also from another port, until the first is closed', async () => {
    const { cluster } = await openCluster();
    const [a, b] = [await openPort(cluster, 'a'), await openPort(cluster, 'b')];
    const listener = { onMessage: ignore, onUndeliverable: ignore };
    const first = await a.listen('address', listener);
    await expect(b.listen('address', listener)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await first.close();
    await b.listen('address', listener);
  });

  it('serves nothing before a port is open, nor after the cluster was closed', async () => {
    const { cluster } = await openCluster();
    const port = cluster.port();
    await expect(port.openTable('rows')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await port.open();
    const table = await port.openTable('rows');
    await cluster.close();
    await expect(table.get('key')).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await expect(port.open()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await expect(cluster.port().open()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });

  it('loses what is on its way when the cluster is closed', async () => {
    const { cluster } = await openCluster();
    const [a, b] = [await openPort(cluster, 'a'), await openPort(cluster, 'b')];
    const [sender, receiver] = [await keep(a, 'sender'), await keep(b, 'receiver')];
    sender.send('receiver', 'lost');
    await cluster.close();
    await settle();
    expect([sender.texts, receiver.texts]).toEqual([[], []]);
  });

  it('refuses a folder without file storage, and file storage without a folder', () => {
    const clock = new FakeClock();
    for (const options of [
      { storage: 'file' },
      { storage: 'memory', folder: '/tmp/x' },
      { folder: '/tmp/x' },
    ] as const) {
      expect(() => new InProcessCluster({ clock, logger, ...options })).toThrow(/INVALID_ARGUMENT: folder/);
    }
  });

  it('refuses two consumers of one subject, as long as both are in use or hold entries', async () => {
    const { cluster } = await openCluster();
    const stream = await (await openPort(cluster, 'a')).openStream('log', { maxEntries: 10 });
    await stream.publish('subject', value);
    const first = stream.consume({ consumer: 'first', subject: 'subject', maxUnacknowledged: 1 });
    const second = { consumer: 'second', subject: 'subject', maxUnacknowledged: 1 };
    for await (const entry of first) {
      const refused = stream.consume(second)[Symbol.asyncIterator]().next();
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await entry.acknowledge();
      break;
    }
    await settle();
    await stream.publish('subject', value);
    expect((await stream.consume(second)[Symbol.asyncIterator]().next()).done).toBe(false);
  });
});

describe('an InProcessCluster on a network of its own', () => {
  it('rejects what is not answered in time, and may do it all the same, even later', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const [a, b] = [await openPort(cluster, 'a'), await openPort(cluster, 'b')];
    const [one, other] = [await a.openTable('rows'), await b.openTable('rows')];
    network.hold = ({ from, kind, what }) => from === 'a' && kind === 'request' && what === 'create rows/late';
    const late = watched(one.create('late', value));
    await clock.runFor(1_999_000_000n);
    expect(late.state).toBe('waits');
    await clock.runFor(1_000_000n);
    await settle();
    expect(late.state).toBe('CLUSTER_UNAVAILABLE');
    expect(await other.get('late')).toBeUndefined();
    network.held[0]!.passage.arrive();
    network.held[0]!.passage.arrive();
    expect(await other.get('late')).toMatchObject({ revision: 1 });
    expect(clock.pending).toBe(0);
  });

  it('has done what it could not answer', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const table = await (await openPort(cluster, 'a')).openTable('rows');
    network.hold = ({ kind, to }) => kind === 'answer' && to === 'a';
    const unanswered = watched(table.create('key', value));
    network.held[0]!.passage.lose();
    await clock.runFor(2_000_000_000n);
    await settle();
    expect(unanswered.state).toBe('CLUSTER_UNAVAILABLE');
    network.hold = () => false;
    expect(await table.create('key', value)).toBeUndefined();
  });

  it('waits for answers on the clock of the port, which stands still with its silo', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const frozen = new FakeClock();
    const port = cluster.port('frozen', { clock: frozen });
    await port.open();
    const table = await port.openTable('rows');
    network.hold = ({ kind }) => kind === 'answer';
    const answer = watched(table.create('key', value));
    await clock.runFor(60_000_000_000n);
    await settle();
    expect(answer.state).toBe('waits');
    network.held[0]!.passage.arrive();
    await settle();
    expect(answer.state).toBe(1);
    expect(frozen.pending).toBe(0);
  });

  it('takes a watch or an endpoint that was asked for in vain as never asked for', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const port = await openPort(cluster, 'a');
    const table = await port.openTable('rows');
    network.hold = ({ kind, what }) => kind === 'answer' && /watch|listen/.test(what);
    const told: number[] = [];
    const watching = table.watch(({ revision }) => told.push(revision));
    const listening = keep(port, 'address');
    const [first, second] = [watched(watching), watched(listening)];
    await clock.runFor(2_000_000_000n);
    await settle();
    expect([first.state, second.state]).toEqual(['CLUSTER_UNAVAILABLE', 'CLUSTER_UNAVAILABLE']);
    network.hold = () => false;
    await table.watch(({ revision }) => told.push(revision));
    await keep(port, 'address');
    await table.create('key', value);
    await settle();
    expect(told).toEqual([1]);
  });

  it('keeps messages of one endpoint to one address in order, whatever overtakes what', async () => {
    const network = new HoldingNetwork();
    const { cluster } = await openCluster(network);
    const [a, b] = [await openPort(cluster, 'a'), await openPort(cluster, 'b')];
    const [sender, receiver] = [await keep(a, 'sender'), await keep(b, 'receiver')];
    network.hold = ({ kind }) => kind === 'message';
    for (const text of ['1', '2', '3', '4']) sender.send('receiver', text);
    const [first, second, third, fourth] = network.held.map(({ passage }) => passage);
    fourth!.arrive();
    second!.arrive();
    expect(receiver.texts).toEqual([]);
    first!.arrive();
    expect(receiver.texts).toEqual(['1', '2']);
    third!.lose();
    expect(receiver.texts).toEqual(['1', '2', '4']);
  });

  it('sends changes again that got lost on their way, in order', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const table = await (await openPort(cluster, 'a')).openTable('rows');
    const told: [string, number][] = [];
    await table.watch(({ key, revision }) => told.push([key, revision]));
    network.hold = ({ kind }) => kind === 'change';
    const x = await table.create('x', value);
    await table.create('y', value);
    await table.update('x', value, x!);
    expect(network.held).toHaveLength(1);
    network.held[0]!.passage.lose();
    network.hold = () => false;
    expect(told).toEqual([]);
    await clock.runFor(1_000_000_000n);
    await settle();
    expect(told).toEqual([
      ['y', 2],
      ['x', 3],
    ]);
  });

  it('delivers an entry again that got lost on its way', async () => {
    const network = new HoldingNetwork();
    const { clock, cluster } = await openCluster(network);
    const stream = await (await openPort(cluster, 'a')).openStream('log', { maxEntries: 10 });
    network.hold = ({ kind }) => kind === 'entry';
    await stream.publish('subject', value);
    const entries = stream.consume({ consumer: 'c', maxUnacknowledged: 1, acknowledgeWithinMs: 5_000 });
    const next = entries[Symbol.asyncIterator]().next();
    await settle();
    network.held[0]!.passage.lose();
    network.hold = () => false;
    await clock.runFor(5_000_000_000n);
    expect((await next).value).toMatchObject({ sequence: 1, redelivered: true });
  });

  it('begins an iteration once the connection is there, and rejects it once the port is closed', async () => {
    const network = new HoldingNetwork();
    const { cluster } = await openCluster(network);
    const port = await openPort(cluster, 'a');
    const stream = await port.openStream('log', { maxEntries: 10 });
    await stream.publish('subject', value);
    network.hold = ({ kind, what }) => kind === 'answer' && what.startsWith('consume');
    const begin = (consumer: string): Promise<IteratorResult<{ readonly sequence: number }, unknown>> =>
      stream.consume({ consumer, maxUnacknowledged: 1 })[Symbol.asyncIterator]().next();
    const first = begin('first');
    port.disconnect(); // while it waits to be told that it has joined
    await settle();
    network.hold = () => false;
    port.reconnect();
    expect((await first).value).toMatchObject({ sequence: 1 });
    port.disconnect();
    const waiting = watched(begin('first'));
    await settle();
    expect(waiting.state).toBe('waits');
    await port.close();
    await settle();
    expect(waiting.state).toBe('CLUSTER_UNAVAILABLE');
  });

  it('cuts one port off and leaves the others alone', async () => {
    const { cluster } = await openCluster();
    const [a, b] = [await openPort(cluster, 'a'), await openPort(cluster, 'b')];
    const [cut, other] = [await keep(a, 'cut'), await keep(b, 'other')];
    const changes: boolean[] = [];
    a.onConnectionChange((connected) => changes.push(connected));
    a.disconnect();
    a.disconnect();
    other.send('cut', 'never arrives');
    cut.send('other', 'never leaves');
    other.send('other', 'arrives');
    await settle();
    expect([cut.texts, other.texts]).toEqual([[], ['arrives', 'undeliverable 0']]);
    a.reconnect();
    a.reconnect();
    other.send('cut', 'arrives again');
    await settle();
    expect(cut.texts).toEqual(['arrives again']);
    expect(changes).toEqual([false, true]);
  });

  it('does the same in every run from one seed', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const random = new SeededRandom(seed);
      const trace: string[] = [];
      const clock = new FakeClock();
      const network: Network = {
        transmit: (hop, passage) => {
          const fate = random.below(10);
          trace.push(`${clock.nowMs()} ${hop.kind} ${hop.from} ${hop.to} ${hop.what} ${fate}`);
          if (fate === 0) passage.lose();
          else clock.schedule(() => passage.arrive(), random.below(50));
        },
      };
      const cluster = new InProcessCluster({ clock, logger, network });
      clusters.push(cluster);
      const work = async (id: string): Promise<void> => {
        const port = await openPort(cluster, id);
        const again = async <T>(act: () => Promise<T>): Promise<T> => {
          for (;;) {
            try {
              return await act();
            } catch (error) {
              trace.push(`${clock.nowMs()} ${id} ${String(codeOf(error))}`);
            }
          }
        };
        const table = await again(() => port.openTable('rows'));
        const endpoint = await again(() =>
          port.listen(id, { onMessage: (m) => trace.push(`${id} ${m[0]}`), onUndeliverable: ignore }),
        );
        for (let i = 0; i < 20; i++) {
          const row = await again(() => table.get('key'));
          const written = row && (await again(() => table.update('key', value, row.revision)));
          if (!row) await again(() => table.create('key', value));
          trace.push(`${id} ${written}`);
          endpoint.send(id === 'a' ? 'b' : 'a', new Uint8Array([i]), i);
        }
      };
      const done = Promise.all([work('a'), work('b')]);
      const watch = watched(done);
      while (watch.state === 'waits') await clock.runFor(100_000_000n);
      return trace;
    };
    const first = await run(7);
    expect(first.length).toBeGreaterThan(100);
    expect(await run(7)).toEqual(first);
    expect(await run(8)).not.toEqual(first);
  });
});
