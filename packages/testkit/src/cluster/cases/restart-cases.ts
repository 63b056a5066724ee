import assert from 'node:assert/strict';
import { bytes, text } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';
import { Consuming } from '../consuming.js';
import { publish } from './stream-cases.js';

export const restartCases: readonly ClusterPortCase[] = [
  {
    name: 'says that it stores in files if it keeps tables and streams across a restart',
    async run({ open, need }) {
      need('restart');
      assert.equal((await open()).storage, 'file');
    },
  },
  {
    name: 'keeps rows and their revisions across a restart, and gives larger ones afterwards',
    async run({ open, cluster, need }) {
      need('restart');
      const before = await (await open()).openTable('rows');
      const x = await before.create('x', bytes('1'));
      const x2 = await before.update('x', bytes('2'), x!);
      const y = await before.create('y', bytes('3'));
      const z = await before.create('z', bytes('4'));
      assert.equal(await before.delete('z', z!), true);
      await cluster.restart!();
      const after = await (await open()).openTable('rows');
      const rows = (await after.rows()).map(({ key, value, revision }) => [key, text(value), revision]);
      assert.deepEqual(rows, [
        ['x', '2', x2],
        ['y', '3', y],
      ]);
      // The deletion was the last write: a table that counted rows only would give its revision again.
      const again = await after.create('z', bytes('5'));
      assert.ok(again! > z! + 1, `${again} after a deletion of ${z}`);
      assert.equal(await after.update('x', bytes('stale'), x!), undefined);
      assert.ok((await after.update('x', bytes('6'), x2!)) !== undefined);
    },
  },
  {
    name: 'keeps what was not acknowledged, with messageIds and sequences, across a restart',
    async run({ open, cluster, need, within }) {
      need('restart');
      const options = { maxEntries: 3 };
      const before = await (await open()).openStream('log', options);
      await publish(before, 'subject', 'first', { messageId: 'm-1' });
      const second = await publish(before, 'subject', 'second', { messageId: 'm-2' });
      const third = await publish(before, 'subject', 'third');
      const consuming = new Consuming(before, within);
      await consuming.take(1);
      await consuming.end();
      await cluster.restart!();
      const after = await (await open()).openStream('log', options);
      assert.deepEqual(await publish(after, 'subject', 'again', { messageId: 'm-2' }), {
        sequence: second.sequence,
        duplicate: true,
      });
      const fourth = await publish(after, 'subject', 'fourth', { expectedLastSequence: third.sequence });
      assert.ok(fourth.sequence > third.sequence);
      const going = new Consuming(after, within);
      assert.deepEqual(await going.take(3), ['second', 'third', 'fourth']);
      await going.end();
    },
  },
];
