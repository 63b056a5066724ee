import assert from 'node:assert/strict';
import type { ClusterTable, TableChange } from '@gpu-bridge/abstractions';
import { bytes, text } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';

/** Keeps what a watcher is told, as copies. */
export async function follow(table: ClusterTable): Promise<{ told: TableChange[]; stop(): void }> {
  const told: TableChange[] = [];
  const watch = await table.watch((change) => told.push({ ...change, value: change.value?.slice() }));
  return { told, stop: () => watch[Symbol.dispose]() };
}

/** The rows as someone knows them who only heard of changes. */
export function foldChanges(told: readonly TableChange[]): Map<string, string> {
  const rows = new Map<string, string>();
  for (const { key, value } of told) {
    if (value === undefined) rows.delete(key);
    else rows.set(key, text(value));
  }
  return rows;
}

export function expectRising(told: readonly TableChange[]): void {
  told.forEach(({ revision }, i) => {
    const before = told[i - 1]?.revision ?? 0;
    assert.ok(revision > before, `told revision ${revision} after ${before}`);
  });
}

const has = (told: readonly TableChange[], revision: number | undefined) => (): boolean =>
  told.some((change) => change.revision === revision);

export const watchCases: readonly ClusterPortCase[] = [
  {
    name: 'tells a watcher of the rows there are, then of changes by other ports, deletions included',
    async run({ open, until }) {
      const [a, b] = [await open(), await open()];
      const [one, other] = [await a.openTable('rows'), await b.openTable('rows')];
      const x = await one.create('x', bytes('1'));
      const y = await one.create('y', bytes('2'));
      const x2 = await one.update('x', bytes('3'), x!);
      const { told } = await follow(other);
      await until('the rows are told', () => told.length === 2);
      assert.deepEqual(
        told.map(({ key, value, revision }) => [key, text(value!), revision]),
        [
          ['y', '2', y],
          ['x', '3', x2],
        ],
      );
      const z = await one.create('z', bytes('4'));
      await until('the new row is told', has(told, z));
      assert.equal(await one.delete('y', y!), true);
      await until('the deletion is told', () => told.length === 4);
      assert.deepEqual([told[3]!.key, told[3]!.value], ['y', undefined]);
      const y2 = await one.create('y', bytes('5'));
      await until('the row is told again', has(told, y2));
      expectRising(told);
      assert.deepEqual(Object.fromEntries(foldChanges(told)), { x: '3', y: '5', z: '4' });
    },
  },
  {
    name: 'tells a watcher of its own writes, but not in the stack of the writer',
    async run({ open, until }) {
      const table = await (await open()).openTable('rows');
      const { told } = await follow(table);
      const written = table.create('key', bytes('value'));
      assert.equal(told.length, 0, 'told before the writer had its promise');
      const revision = await written;
      await until('the row is told', has(told, revision));
    },
  },
  {
    name: 'leaves nothing out under concurrent writes, and tells each revision once, in order',
    async run({ open, until }) {
      const ports = [await open(), await open()];
      const tables = await Promise.all(ports.map((port) => port.openTable('rows')));
      const write = async (table: ClusterTable, writer: number): Promise<void> => {
        for (let i = 0; i < 120; i++) {
          const key = `key-${(i * 7 + writer) % 15}`;
          const row = await table.get(key);
          if (row === undefined) await table.create(key, bytes(`${writer}/${i}`));
          else if (i % 4 === 3) await table.delete(key, row.revision);
          else await table.update(key, bytes(`${writer}/${i}`), row.revision);
        }
      };
      const writers = [write(tables[0]!, 0), write(tables[1]!, 1)];
      const watches = [await follow(tables[0]!), await follow(tables[1]!)];
      await Promise.all([...writers, write(tables[0]!, 2)]);
      const last = await tables[0]!.create('last', bytes('last'));
      for (const { told } of watches) await until('the last write is told', has(told, last));
      const rows = Object.fromEntries((await tables[0]!.rows()).map(({ key, value }) => [key, text(value)]));
      for (const { told } of watches) {
        expectRising(told);
        assert.deepEqual(
          Object.fromEntries([...foldChanges(told)].sort()),
          Object.fromEntries(Object.entries(rows).sort()),
        );
      }
    },
  },
  {
    name: 'tells a watcher that was disposed of nothing more',
    async run({ open, until }) {
      const table = await (await open()).openTable('rows');
      const [stopped, going] = [await follow(table), await follow(table)];
      const first = await table.create('first', bytes('1'));
      await until('both are told', () => has(stopped.told, first)() && has(going.told, first)());
      stopped.stop();
      stopped.stop();
      const second = await table.create('second', bytes('2'));
      await until('the other is told', has(going.told, second));
      assert.equal(stopped.told.length, 1);
    },
  },
  {
    name: 'does not tell that a row expired',
    async run({ open, cluster, until }) {
      const table = await (await open()).openTable('leases', { expireAfterMs: 1_000 });
      const { told } = await follow(table);
      const first = await table.create('first', bytes('1'));
      await until('the row is told', has(told, first));
      await cluster.elapse(1_500);
      const second = await table.create('second', bytes('2'));
      await until('the next row is told', has(told, second));
      assert.deepEqual(
        told.map(({ key, value }) => [key, value === undefined ? undefined : text(value)]),
        [
          ['first', '1'],
          ['second', '2'],
        ],
      );
    },
  },
  {
    name: 'does not show an expired row to a new watcher',
    async run({ open, cluster, until }) {
      const table = await (await open()).openTable('leases', { expireAfterMs: 1_000 });
      await table.create('expired', bytes('1'));
      await cluster.elapse(1_500);
      const second = await table.create('second', bytes('2'));
      const { told } = await follow(table);
      await until('the row is told', has(told, second));
      assert.deepEqual(
        told.map(({ key }) => key),
        ['second'],
      );
    },
  },
];
