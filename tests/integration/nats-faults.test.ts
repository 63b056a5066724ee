/** The NATS port while servers die, freeze and come back. Processes are killed; power is never lost. */
import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterTable, TableChange } from '@gpu-bridge/abstractions';
import { NatsClusterPort } from '@gpu-bridge/cluster-nats';
import type { NatsClusterOptions } from '@gpu-bridge/cluster-nats';
import { expect, it } from 'vitest';
import { describeWithNats, keptLog, startNatsCluster, startNatsServer } from '../support/nats/servers.js';
import { startTcpProxy } from '../support/nats/tcp-proxy.js';
import { until } from '../support/silo.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);

/** An open port that closes with the test. */
async function openPort(options: Partial<NatsClusterOptions> & { servers: readonly string[] }) {
  const log = keptLog();
  const port = new NatsClusterPort({ logger: log }, { clusterId: 'faults', ...options });
  await port.open();
  return { port, log, [Symbol.asyncDispose]: () => port.close() };
}

/** What was told, and the rows as one knows them who heard of changes only. */
async function follow(table: ClusterTable) {
  const told: TableChange[] = [];
  const watch = await table.watch((change) => told.push(change));
  return { told, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

/**
 * Counts a row up by compare-and-set until it is told to stop. An outcome that is unknown is looked up, as the port's users
 * have to.
 */
class Counter {
  /** Increments that the engine acknowledged, or that were found when they were looked up. */
  count = 0;
  unknown = 0;
  revisions: number[] = [];
  private isStopped = false;
  private readonly done: Promise<void>;

  constructor(
    private readonly table: ClusterTable,
    readonly key: string,
  ) {
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }

  private async run(): Promise<void> {
    let revision: number | undefined;
    while (!this.isStopped) {
      const next = bytes(`${this.count + 1}`);
      const written = await this.tried(() =>
        revision === undefined ? this.table.create(this.key, next) : this.table.update(this.key, next, revision),
      );
      if (written === 'unknown') revision = await this.lookUp();
      else if (written === undefined) throw new Error(`somebody else wrote ${this.key}`);
      else {
        revision = written;
        this.count++;
        this.revisions.push(written);
      }
    }
  }

  /** Reads may be stale, so only a compare-and-set tells for sure; one that changes nothing but the revision does. */
  private async lookUp(): Promise<number | undefined> {
    for (;;) {
      const row = await this.tried(() => this.table.get(this.key));
      if (row === 'unknown') continue;
      if (row === undefined) {
        if (this.count === 0) return undefined;
        throw new Error(`${this.key} is gone`);
      }
      const written = await this.tried(() => this.table.update(this.key, row.value, row.revision));
      if (written === 'unknown' || written === undefined) continue;
      const found = Number(textOf(row.value));
      if (found !== this.count && found !== this.count + 1) throw new Error(`${found} after ${this.count}`);
      this.count = found;
      this.revisions.push(written);
      return written;
    }
  }

  private async tried<T>(call: () => Promise<T>): Promise<T | 'unknown'> {
    try {
      return await call();
    } catch (error) {
      if (!GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) throw error;
      this.unknown++;
      return 'unknown';
    }
  }
}

function expectRising(revisions: readonly number[]): void {
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
}

describeWithNats('the NATS port and a single server', () => {
  it('comes back after the server was killed: rows are there, revisions rise on, the watch misses nothing', async () => {
    await using server = await startNatsServer();
    await using a = await openPort({ servers: [server.url] });
    await using b = await openPort({ servers: [server.url] });
    const [table, other] = [await a.port.openTable('rows'), await b.port.openTable('rows')];
    const kept = (await table.create('kept', bytes('1')))!;
    const gone = (await table.create('gone', bytes('2')))!;
    expect(await table.delete('gone', gone)).toBe(true);
    using watch = await follow(other);
    await until(() => watch.told.length === 2, 'the rows and the marker are told');

    for (let round = 0; round < 3; round++) {
      const changes: boolean[] = [];
      using _listener = a.port.onConnectionChange((connected) => changes.push(connected));
      await server.kill();
      await server.start();
      await until(() => changes.includes(true), 'the port is connected again');
      expect(changes).toEqual([false, true]);
      const before = watch.told.at(-1)!.revision;
      const revision = await table.create(`round-${round}`, bytes('3'));
      expect(revision).toBeGreaterThan(before);
      await until(() => watch.told.at(-1)?.revision === revision, 'the write is told');
    }
    expect((await table.rows()).map(({ key }) => key)).toEqual(['kept', 'round-0', 'round-1', 'round-2']);
    expect((await table.get('kept'))?.revision).toBe(kept);
    expectRising(watch.told.map(({ revision }) => revision));
  });

  it('tells a watcher what others changed while its own connection was broken', async () => {
    await using server = await startNatsServer();
    await using proxy = await startTcpProxy(server.port);
    await using cut = await openPort({ servers: [proxy.url] });
    await using direct = await openPort({ servers: [server.url] });
    const table = await direct.port.openTable('rows');
    using watch = await follow(await cut.port.openTable('rows'));
    const written: (number | undefined)[] = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 200; i++) {
        written.push(await table.create(`${round}/${i}`, bytes('value')));
        if (i === 100) proxy.cut();
      }
      proxy.restore();
    }
    await until(() => watch.told.at(-1)?.revision === written.at(-1), 'the last write is told');
    expect(watch.told.map(({ revision }) => revision)).toEqual(written);
  });

  it('gives revisions that rise on when every row had expired while the server was down', async () => {
    await using server = await startNatsServer();
    await using a = await openPort({ servers: [server.url] });
    const table = await a.port.openTable('members', { expireAfterMs: 500 });
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const revision = (await table.create(`key-${round}`, bytes('value')))!;
      expect(revision).toBeGreaterThan(last);
      last = revision;
      await server.kill();
      await pause(700);
      await server.start();
      await until(() => a.log.lines.filter((line) => line.includes('again')).length === round + 1, 'it is connected');
    }
    expect(await table.rows()).toEqual([]);
  });

  it('loses no acknowledged write while the server is killed again and again', async () => {
    await using server = await startNatsServer();
    await using a = await openPort({ servers: [server.url] });
    const table = await a.port.openTable('rows');
    const counters = Array.from({ length: 8 }, (_, i) => new Counter(table, `counter-${i}`));
    for (let kills = 0; kills < 4; kills++) {
      const before = counters[0]!.count;
      await until(() => counters[0]!.count > before + 20, 'writes go on');
      await server.kill();
      await server.start();
    }
    const before = counters[0]!.count;
    await until(() => counters[0]!.count > before, 'writes come back');
    for (const counter of counters) {
      await counter.stop();
      expect(textOf((await table.get(counter.key))?.value)).toBe(`${counter.count}`);
      expectRising(counter.revisions);
    }
  });

  it('notices a server that freezes, and goes on when it thaws', async () => {
    await using server = await startNatsServer();
    await using a = await openPort({
      servers: [server.url],
      pingIntervalMs: 200,
      connectTimeoutMs: 500,
      retryForMs: 500,
    });
    const changes: boolean[] = [];
    a.port.onConnectionChange((connected) => changes.push(connected));
    const table = await a.port.openTable('rows');
    using watch = await follow(table);
    const sender = await a.port.listen('sender', { onMessage: () => undefined, onUndeliverable: () => undefined });
    server.pause();
    try {
      // More than the kernel takes: what waits to be written must not keep the connection from ending.
      for (let n = 0; n < 256; n++) sender.send('nobody', new Uint8Array(2 ** 18));
      await until(() => changes.length === 1, 'the loss is noticed');
      await expect(table.create('frozen', bytes('1'))).rejects.toThrow(/^CLUSTER_UNAVAILABLE/);
    } finally {
      server.resume();
    }
    await until(() => changes.length === 2, 'the return is noticed');
    expect(changes).toEqual([false, true]);
    const revision = await table.create('thawed', bytes('2'));
    await until(() => watch.told.at(-1)?.revision === revision, 'the write is told');
  });

  it('loses no entry of a stream while the server is killed, and repeats some at most', async () => {
    await using server = await startNatsServer();
    await using a = await openPort({ servers: [server.url] });
    const stream = await a.port.openStream('results', { maxEntries: 100_000 });
    const published: number[] = [];
    let isOver = false;
    const publishing = (async () => {
      for (let n = 0; !isOver; n++) {
        // The id makes it safe to say it again when the answer is lost.
        for (let isThere = false; !isThere;) {
          isThere = await stream.publish('subject', bytes(`${n}`), { messageId: `${n}` }).then(
            () => true,
            () => false,
          );
        }
        published.push(n);
      }
    })();
    const seen = new Set<number>();
    const consuming = (async () => {
      for await (const entry of stream.consume({ consumer: 'c', maxUnacknowledged: 64, acknowledgeWithinMs: 2_000 })) {
        seen.add(Number(textOf(entry.payload)));
        await entry.acknowledge().catch(() => undefined); // it comes again
        if (isOver && seen.size === published.length) break;
      }
    })();
    for (let kills = 0; kills < 2; kills++) {
      const before = seen.size;
      await until(() => seen.size > before + 50, 'entries go on');
      await server.kill();
      await server.start();
    }
    const before = seen.size;
    await until(() => seen.size > before + 50, 'entries come back', 60_000);
    isOver = true;
    await publishing;
    await stream.publish('subject', bytes('0'));
    await consuming;
    expect([...seen].sort((x, y) => x - y)).toEqual(published);
  });

  it('keeps the order of messages for a receiver that is slow', async () => {
    await using server = await startNatsServer();
    // Pings are answered behind the messages: a port that counted unanswered ones alone would cut its own connection.
    await using a = await openPort({ servers: [server.url], pingIntervalMs: 100 });
    await using b = await openPort({ servers: [server.url] });
    const received: number[] = [];
    await a.port.listen('slow', {
      onMessage: (payload) => {
        received.push(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
        // Blocks the thread, as a listener does that has too much to do.
        const endMs = performance.now() + 0.5;
        while (performance.now() < endMs);
      },
      onUndeliverable: () => undefined,
    });
    const sender = await b.port.listen('sender', { onMessage: () => undefined, onUndeliverable: () => undefined });
    for (let n = 0; n < 4_000; n++) {
      const payload = new Uint8Array(4_096);
      new DataView(payload.buffer).setUint32(0, n);
      sender.send('slow', payload);
    }
    await until(() => received.length === 4_000, 'all of it arrives');
    expect(received).toEqual(Array.from({ length: 4_000 }, (_, n) => n));
    expect(a.log.lines).toEqual([]);
  });
});

describeWithNats('the NATS port and three servers', () => {
  const cluster = { replicas: 3, startTimeoutMs: 60_000 } as const;

  it('starts while the servers elect their leaders, and keeps tables and streams on all of them', async () => {
    await using nats = await startNatsCluster();
    await using a = await openPort({ servers: nats.urls, ...cluster });
    const table = await a.port.openTable('rows');
    const stream = await a.port.openStream('results', { maxEntries: 10 });
    await table.create('key', bytes('value'));
    await stream.publish('subject', bytes('entry'));
    for await (const entry of stream.consume({ consumer: 'c', maxUnacknowledged: 1 })) {
      await entry.acknowledge();
      break;
    }
    expect((await table.rows()).map(({ key }) => key)).toEqual(['key']);
  });

  it.each([0, 1, 2])('loses no acknowledged write when server %i is killed, and writes come back', async (victim) => {
    await using nats = await startNatsCluster();
    await using a = await openPort({ servers: nats.urls, ...cluster });
    await using b = await openPort({ servers: nats.urls, ...cluster });
    const [table, other] = [await a.port.openTable('rows'), await b.port.openTable('rows')];
    using watch = await follow(other);
    const counters = [new Counter(table, 'a'), new Counter(other, 'b')];
    await until(() => counters.every(({ count }) => count > 50), 'writes go on');
    await nats.servers[victim]!.kill();
    const before = counters.map(({ count }) => count);
    await until(() => counters.every(({ count }, i) => count > before[i]! + 50), 'writes come back', 60_000);
    await nats.servers[victim]!.start();
    const again = counters.map(({ count }) => count);
    await until(() => counters.every(({ count }, i) => count > again[i]! + 50), 'writes go on', 60_000);
    for (const counter of counters) {
      await counter.stop();
      expectRising(counter.revisions);
      const last = counter.revisions.at(-1)!;
      await until(() => watch.told.some(({ revision }) => revision === last), 'the last write is told', 60_000);
      expect(textOf(watch.told.filter(({ key }) => key === counter.key).at(-1)?.value)).toBe(`${counter.count}`);
    }
    expectRising(watch.told.map(({ revision }) => revision));
  });
});
