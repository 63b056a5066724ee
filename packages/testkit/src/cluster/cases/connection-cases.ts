import assert from 'node:assert/strict';
import { bytes, expectCode } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';
import { expectRising, foldChanges, follow } from './watch-cases.js';

export const connectionCases: readonly ClusterPortCase[] = [
  {
    name: 'tells of a lost connection and of its return, and rejects with CLUSTER_UNAVAILABLE between them',
    async run({ open, cluster, need, until }) {
      need('disconnect');
      const port = await open();
      const changes: boolean[] = [];
      const removed: boolean[] = [];
      port.onConnectionChange((connected) => changes.push(connected));
      port.onConnectionChange((connected) => removed.push(connected))[Symbol.dispose]();
      const table = await port.openTable('rows');
      const revision = await table.create('key', bytes('value'));
      await cluster.disconnect!(port);
      await until('the loss is told', () => changes.length === 1);
      await expectCode('get', 'CLUSTER_UNAVAILABLE', table.get('key'));
      await expectCode('update', 'CLUSTER_UNAVAILABLE', table.update('key', bytes('lost'), revision!));
      await expectCode('openTable', 'CLUSTER_UNAVAILABLE', port.openTable('other'));
      await cluster.reconnect!(port);
      await until('the return is told', () => changes.length === 2);
      assert.deepEqual(changes, [false, true]);
      assert.deepEqual(removed, []);
      assert.ok((await table.update('key', bytes('next'), revision!)) !== undefined, 'the table serves again');
    },
  },
  {
    name: 'tells a watcher after a reconnect what changed meanwhile, deletions included',
    async run({ open, cluster, need, until }) {
      need('disconnect');
      const [cut, other] = [await open(), await open()];
      const table = await other.openTable('rows');
      const { told } = await follow(await cut.openTable('rows'));
      const x = await table.create('x', bytes('1'));
      const y = await table.create('y', bytes('2'));
      await until('the rows are told', () => told.length === 2);
      await cluster.disconnect!(cut);
      assert.equal(await table.delete('x', x!), true);
      await table.update('y', bytes('3'), y!);
      await table.create('z', bytes('4'));
      await cluster.reconnect!(cut);
      const last = await table.create('last', bytes('5'));
      await until('the last write is told', () => told.some(({ revision }) => revision === last));
      expectRising(told);
      assert.deepEqual(Object.fromEntries(foldChanges(told)), { y: '3', z: '4', last: '5' });
      assert.ok(
        told.some(({ key, value }) => key === 'x' && value === undefined),
        'the deletion is told',
      );
    },
  },
  {
    name: 'receives messages at its address again after a reconnect',
    async run({ open, cluster, endpoints, need, until }) {
      need('disconnect');
      const [cut, other] = [await open(), await open()];
      const receiver = await endpoints.listen(cut, 'receiver');
      const sender = await endpoints.listen(other, 'sender');
      await cluster.disconnect!(cut);
      receiver.endpoint.send('sender', bytes('lost or late'));
      await cluster.reconnect!(cut);
      await until('a message arrives', () => {
        sender.endpoint.send('receiver', bytes('again'));
        return receiver.payloads.length > 0;
      });
      receiver.endpoint.send('sender', bytes('back'));
      await sender.receive('back');
    },
  },
  {
    name: 'goes on with an iteration after a reconnect',
    async run({ open, cluster, need, within }) {
      need('disconnect');
      const [cut, other] = [await open(), await open()];
      const options = { maxEntries: 100 };
      const entries = (await cut.openStream('log', options))
        .consume({ consumer: 'c', maxUnacknowledged: 10 })
        [Symbol.asyncIterator]();
      const publisher = await other.openStream('log', options);
      const waiting = entries.next();
      await cluster.disconnect!(cut);
      const receipt = await publisher.publish('subject', bytes('meanwhile'));
      await cluster.reconnect!(cut);
      const result = await within('the entry', waiting);
      assert.ok(result.done !== true, 'the iteration ended');
      assert.equal(result.value.sequence, receipt!.sequence);
      await result.value.acknowledge();
    },
  },
];
