import assert from 'node:assert/strict';
import { bytes, expectCode } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';

export const closeCases: readonly ClusterPortCase[] = [
  {
    name: 'rejects everything with CLUSTER_UNAVAILABLE once closed, and loses what is sent without a word',
    async run({ open, endpoints }) {
      const [closed, other] = [await open(), await open()];
      const table = await closed.openTable('rows');
      const stream = await closed.openStream('log', { maxEntries: 10 });
      const revision = await table.create('key', bytes('value'));
      await stream.publish('subject', bytes('entry'));
      const { endpoint } = await endpoints.listen(closed, 'closed');
      const witness = await endpoints.listen(other, 'witness');
      await closed.close();

      const listener = { onMessage: () => undefined, onUndeliverable: () => undefined };
      const rejected: Record<string, () => Promise<unknown>> = {
        openTable: () => closed.openTable('rows'),
        openStream: () => closed.openStream('log', { maxEntries: 10 }),
        listen: () => closed.listen('again', listener),
        get: () => table.get('key'),
        rows: () => table.rows(),
        create: () => table.create('other', bytes('late')),
        update: () => table.update('key', bytes('late'), revision!),
        delete: () => table.delete('key', revision!),
        watch: () => table.watch(() => undefined),
        publish: () => stream.publish('subject', bytes('late')),
        consume: () => stream.consume({ consumer: 'c', maxUnacknowledged: 1 })[Symbol.asyncIterator]().next(),
      };
      for (const [what, call] of Object.entries(rejected)) await expectCode(what, 'CLUSTER_UNAVAILABLE', call());
      endpoint.send('witness', bytes('late'), 1);
      witness.endpoint.send('witness', bytes('end'));
      await witness.receive('end');
      assert.deepEqual(witness.texts, ['end']);
      const kept = await other.openTable('rows');
      assert.deepEqual(
        (await kept.rows()).map(({ key, revision: at }) => [key, at]),
        [['key', revision]],
      );
    },
  },
  {
    name: 'sends what was accepted before it closes',
    async run({ open, endpoints }) {
      const [closing, other] = [await open(), await open()];
      const receiver = await endpoints.listen(other, 'receiver');
      const { endpoint } = await endpoints.listen(closing, 'closing');
      for (let i = 0; i < 200; i++) endpoint.send('receiver', bytes(`${i}`));
      await closing.close();
      await receiver.receive('199');
      assert.deepEqual(
        receiver.texts,
        Array.from({ length: 200 }, (_, i) => `${i}`),
      );
    },
  },
  {
    name: 'closes every endpoint with the port, and leaves other ports alone',
    async run({ open, endpoints }) {
      const [closing, other] = [await open(), await open()];
      const gone = await endpoints.listen(closing, 'gone');
      const stays = await endpoints.listen(other, 'stays');
      await closing.close();
      stays.endpoint.send('gone', bytes('late'), 3);
      await stays.told(3);
      stays.endpoint.send('stays', bytes('on'));
      await stays.receive('on');
      assert.deepEqual(gone.texts, []);
      const successor = await endpoints.listen(other, 'gone');
      stays.endpoint.send('gone', bytes('taken'));
      await successor.receive('taken');
    },
  },
  {
    name: 'tells a watcher of a closed port nothing more',
    async run({ open, until }) {
      const [closing, other] = [await open(), await open()];
      const told: [string[], string[]] = [[], []];
      await (await closing.openTable('rows')).watch(({ key }) => told[0].push(key));
      const table = await other.openTable('rows');
      await table.watch(({ key }) => told[1].push(key));
      await table.create('first', bytes('1'));
      await until('both are told', () => told[0].length === 1 && told[1].length === 1);
      await closing.close();
      await table.create('second', bytes('2'));
      await until('the other is told', () => told[1].length === 2);
      assert.deepEqual(told[0], ['first']);
    },
  },
  {
    name: 'ends an iteration that waits for entries with CLUSTER_UNAVAILABLE',
    async run({ open, within }) {
      const port = await open();
      const stream = await port.openStream('log', { maxEntries: 10 });
      await stream.publish('subject', bytes('entry'));
      const entries = stream.consume({ consumer: 'c', maxUnacknowledged: 10 })[Symbol.asyncIterator]();
      const first = await within('the first entry', entries.next());
      assert.equal(first.done, false);
      const waiting = expectCode('the waiting iteration', 'CLUSTER_UNAVAILABLE', entries.next());
      waiting.catch(() => undefined); // looked at below
      await port.close();
      await within('the waiting iteration ends', waiting);
    },
  },
  {
    name: 'can be closed twice, and at the same time',
    async run({ open }) {
      const port = await open();
      await Promise.all([port.close(), port.close()]);
      await port.close();
    },
  },
];
