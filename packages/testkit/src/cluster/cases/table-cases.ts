import assert from 'node:assert/strict';
import type { ClusterTable } from '@gpu-bridge/abstractions';
import { bytes, expectCode, text } from '../cluster-port-case.js';
import type { ClusterPortCase } from '../cluster-port-case.js';

/** Creates a row that must not exist. */
async function create(table: ClusterTable, key: string, value = 'value'): Promise<number> {
  const revision = await table.create(key, bytes(value));
  assert.ok(revision !== undefined, `${key} could not be created`);
  return revision;
}

async function update(table: ClusterTable, key: string, revision: number, value = 'next'): Promise<number> {
  const next = await table.update(key, bytes(value), revision);
  assert.ok(next !== undefined, `${key} could not be updated at ${revision}`);
  return next;
}

async function expectRow(table: ClusterTable, key: string, value: string, revision: number): Promise<void> {
  const row = await table.get(key);
  assert.ok(row !== undefined, `${key} is missing`);
  assert.deepEqual([row.key, text(row.value), row.revision], [key, value, revision]);
}

/** Calls on an expiring table take real time on a real engine: beats are this far from the end of the lease. */
const LEASE_MS = 2_000;

export const tableCases: readonly ClusterPortCase[] = [
  {
    name: 'creates a row once, and shows it to other ports',
    async run({ open }) {
      const [a, b] = [await open(), await open()];
      const [one, other] = [await a.openTable('rows'), await b.openTable('rows')];
      assert.equal(one.name, 'rows');
      assert.equal(await one.get('key'), undefined);
      assert.deepEqual(await one.rows(), []);
      const revision = await create(one, 'key', 'first');
      assert.ok(Number.isSafeInteger(revision) && revision > 0, `revision ${revision}`);
      assert.equal(await other.create('key', bytes('second')), undefined);
      await expectRow(one, 'key', 'first', revision);
      await expectRow(other, 'key', 'first', revision);
    },
  },
  {
    name: 'lets exactly one of 40 contenders create a row',
    async run({ open }) {
      const ports = [await open(), await open(), await open()];
      const tables = await Promise.all(ports.map((port) => port.openTable('race')));
      for (let round = 0; round < 10; round++) {
        const key = `key-${round}`;
        const revisions = await Promise.all(
          Array.from({ length: 40 }, (_, i) => tables[i % tables.length]!.create(key, bytes(`contender ${i}`))),
        );
        const winners = revisions.flatMap((revision, i) => (revision === undefined ? [] : [{ i, revision }]));
        assert.equal(winners.length, 1, `winners of ${key}`);
        await expectRow(tables[0]!, key, `contender ${winners[0]!.i}`, winners[0]!.revision);
      }
    },
  },
  {
    name: 'lets exactly one of 40 contenders update a revision',
    async run({ open }) {
      const ports = [await open(), await open()];
      const tables = await Promise.all(ports.map((port) => port.openTable('race')));
      let revision = await create(tables[0]!, 'key');
      for (let round = 0; round < 10; round++) {
        const stands = revision;
        const revisions = await Promise.all(
          Array.from({ length: 40 }, (_, i) => tables[i % 2]!.update('key', bytes(`contender ${i}`), stands)),
        );
        const winners = revisions.flatMap((seen, i) => (seen === undefined ? [] : [{ i, revision: seen }]));
        assert.equal(winners.length, 1, 'winners');
        revision = winners[0]!.revision;
        await expectRow(tables[1]!, 'key', `contender ${winners[0]!.i}`, revision);
      }
    },
  },
  {
    name: 'loses none of 100 contended increments',
    async run({ open }) {
      const ports = [await open(), await open()];
      const tables = await Promise.all(ports.map((port) => port.openTable('counter')));
      await create(tables[0]!, 'count', '0');
      const increment = async (table: ClusterTable): Promise<void> => {
        for (;;) {
          const row = await table.get('count');
          assert.ok(row !== undefined);
          if ((await table.update('count', bytes(`${Number(text(row.value)) + 1}`), row.revision)) !== undefined)
            return;
        }
      };
      const contend = async (table: ClusterTable): Promise<void> => {
        for (let i = 0; i < 10; i++) await increment(table);
      };
      await Promise.all(Array.from({ length: 10 }, (_, i) => contend(tables[i % 2]!)));
      assert.equal(text((await tables[0]!.get('count'))!.value), '100');
    },
  },
  {
    name: 'gives every write a larger revision, over all keys, deletions and re-creations',
    async run({ open }) {
      const [a, b] = [await open(), await open()];
      const [one, other] = [await a.openTable('rows'), await b.openTable('rows')];
      const revisions: number[] = [];
      for (let round = 0; round < 3; round++) {
        const first = await create(one, 'x');
        const second = await create(other, 'y');
        const third = await update(other, 'x', first);
        assert.equal(await one.delete('x', third), true);
        const fourth = await create(one, 'x');
        const fifth = await update(one, 'y', second);
        revisions.push(first, second, third, fourth, fifth);
        assert.equal(await other.delete('x', fourth), true);
        assert.equal(await other.delete('y', fifth), true);
      }
      const sorted = [...new Set(revisions)].sort((x, y) => x - y);
      assert.deepEqual(revisions, sorted, 'revisions rise');
    },
  },
  {
    name: 'refuses an update at any other revision than that of the row, and changes nothing',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const first = await create(table, 'key', 'first');
      const neighbour = await create(table, 'neighbour');
      const second = await update(table, 'key', first, 'second');
      for (const revision of [0, first, neighbour, second + 1, second + 1_000]) {
        assert.equal(await table.update('key', bytes('stale'), revision), undefined, `at ${revision} of ${second}`);
      }
      await expectRow(table, 'key', 'second', second);
      assert.equal(await table.update('missing', bytes('stale'), second), undefined);
      assert.equal(await table.get('missing'), undefined);
    },
  },
  {
    name: 'deletes a row at its revision only',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const first = await create(table, 'key', 'first');
      const second = await update(table, 'key', first, 'second');
      assert.equal(await table.delete('key', first), false, 'a stale revision');
      assert.equal(await table.delete('missing', first), false, 'a missing row');
      await expectRow(table, 'key', 'second', second);
      assert.equal(await table.delete('key', second), true);
      assert.equal(await table.get('key'), undefined);
      assert.equal(await table.delete('key', second), false, 'a second time');
    },
  },
  {
    name: 'refuses revisions of before a deletion once the row is created again',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const first = await create(table, 'key', 'first');
      assert.equal(await table.delete('key', first), true);
      assert.equal(await table.update('key', bytes('zombie'), first), undefined, 'an update of the deleted row');
      const second = await create(table, 'key', 'second');
      assert.ok(second > first);
      assert.equal(await table.update('key', bytes('zombie'), first), undefined);
      assert.equal(await table.delete('key', first), false);
      await expectRow(table, 'key', 'second', second);
    },
  },
  {
    name: 'lists every row, and no deleted one',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const revisions = new Map<string, number>();
      for (let i = 0; i < 50; i++) revisions.set(`key-${i}`, await create(table, `key-${i}`, `value ${i}`));
      for (let i = 0; i < 50; i += 5) {
        assert.equal(await table.delete(`key-${i}`, revisions.get(`key-${i}`)!), true);
        revisions.delete(`key-${i}`);
      }
      const rows = await table.rows();
      const byKey = (x: readonly unknown[], y: readonly unknown[]): number => (String(x[0]) < String(y[0]) ? -1 : 1);
      const seen = rows.map((row) => [row.key, text(row.value), row.revision]).sort(byKey);
      const wanted = [...revisions]
        .map(([key, revision]) => [key, key.replace('key-', 'value '), revision])
        .sort(byKey);
      assert.deepEqual(seen, wanted);
    },
  },
  {
    name: 'keeps tables apart',
    async run({ open }) {
      const port = await open();
      const [one, other] = [await port.openTable('one'), await port.openTable('other')];
      const revision = await create(one, 'key', 'one');
      assert.equal(await other.get('key'), undefined);
      const second = await create(other, 'key', 'other');
      await expectRow(one, 'key', 'one', revision);
      await expectRow(other, 'key', 'other', second);
    },
  },
  {
    name: 'keeps bytes as they were written, whatever happens to the arrays',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      const written = new Uint8Array(all);
      const window = new Uint8Array(new Uint8Array([9, 9, 1, 2, 3, 9]).buffer, 2, 3);
      await table.create('all', written);
      await table.create('window', window);
      await table.create('empty', new Uint8Array(0));
      written.fill(7);
      const row = await table.get('all');
      assert.deepEqual(Uint8Array.from(row!.value), all);
      row!.value.fill(8);
      assert.deepEqual(Uint8Array.from((await table.get('all'))!.value), all);
      assert.deepEqual([...(await table.get('window'))!.value], [1, 2, 3]);
      assert.deepEqual([...(await table.get('empty'))!.value], []);
      assert.equal((await table.rows()).length, 3);
    },
  },
  {
    name: 'takes every key the contract allows, and refuses the others',
    async run({ open }) {
      const table = await (await open()).openTable('rows');
      const good = ['a', 'k'.repeat(512), 'AZaz09-_=/.x', '=', '/', 'a.b.c', '-', '_', 'a//b', '0'];
      for (const key of good) await expectRow(table, key, key, await create(table, key, key));
      assert.deepEqual((await table.rows()).map(({ key }) => key).sort(), [...good].sort());
      for (const key of ['', 'k'.repeat(513), '.', '.a', 'a.', 'a..b', 'a b', 'a*', '>', 'ä', 'a\n', 'a:b', '$a']) {
        const what = JSON.stringify(key.slice(0, 20));
        await expectCode(`create ${what}`, 'INVALID_ARGUMENT', table.create(key, bytes('value')));
        await expectCode(`get ${what}`, 'INVALID_ARGUMENT', table.get(key));
        await expectCode(`update ${what}`, 'INVALID_ARGUMENT', table.update(key, bytes('value'), 1));
        await expectCode(`delete ${what}`, 'INVALID_ARGUMENT', table.delete(key, 1));
      }
    },
  },
  {
    name: 'takes a value of maxPayloadBytes whole, and refuses a larger one',
    async run({ open }) {
      const port = await open();
      const table = await port.openTable('rows');
      const largest = Uint8Array.from({ length: port.maxPayloadBytes }, (_, i) => i % 251);
      const revision = await table.create('key', largest);
      assert.ok(revision !== undefined);
      const tooLarge = new Uint8Array(port.maxPayloadBytes + 1);
      await expectCode('create', 'INVALID_ARGUMENT', table.create('other', tooLarge));
      await expectCode('update', 'INVALID_ARGUMENT', table.update('key', tooLarge, revision));
      const row = await table.get('key');
      assert.ok(row?.revision === revision && Buffer.compare(row.value, largest) === 0, 'the value came back whole');
      assert.equal(await table.get('other'), undefined);
    },
  },
  {
    name: 'opens a table again with the same options, and refuses others',
    async run({ open }) {
      const [a, b] = [await open(), await open()];
      await create(await a.openTable('kept'), 'key');
      await create(await a.openTable('leased', { expireAfterMs: 60_000 }), 'key');
      assert.equal((await (await b.openTable('kept')).rows()).length, 1);
      assert.equal((await (await b.openTable('leased', { expireAfterMs: 60_000 })).rows()).length, 1);
      const refused = { kept: { expireAfterMs: 60_000 }, leased: { expireAfterMs: 90_000 } };
      await expectCode('kept, now leased', 'INVALID_ARGUMENT', b.openTable('kept', refused.kept));
      await expectCode('leased, longer', 'INVALID_ARGUMENT', b.openTable('leased', refused.leased));
      await expectCode('leased, now kept', 'INVALID_ARGUMENT', b.openTable('leased'));
      for (const expireAfterMs of [0, -1, Number.NaN]) {
        await expectCode(`expireAfterMs ${expireAfterMs}`, 'INVALID_ARGUMENT', b.openTable('new', { expireAfterMs }));
      }
    },
  },
  {
    name: 'refuses names of tables that the contract does not allow',
    async run({ open }) {
      const port = await open();
      for (const name of ['', 'n'.repeat(65), 'a.b', 'a b', 'a/b', 'ä', '*']) {
        await expectCode(JSON.stringify(name), 'INVALID_ARGUMENT', port.openTable(name));
      }
      assert.equal((await port.openTable('n'.repeat(64))).name, 'n'.repeat(64));
    },
  },
  {
    name: 'lets a row expire that is not written, and keeps one that is',
    async run({ open, cluster }) {
      const table = await (await open()).openTable('leases', { expireAfterMs: LEASE_MS });
      const left = await create(table, 'left');
      let kept = await create(table, 'kept');
      for (let beat = 0; beat < 6; beat++) {
        await cluster.elapse(LEASE_MS / 4);
        kept = await update(table, 'kept', kept, `beat ${beat}`);
      }
      // 1.5 leases have passed for `left`; a real engine may look a little later.
      await cluster.elapse(LEASE_MS / 4);
      kept = await update(table, 'kept', kept, 'last');
      assert.equal(await table.get('left'), undefined, 'the row that was left');
      assert.equal(await table.update('left', bytes('late'), left), undefined, 'an update of the expired row');
      assert.equal(await table.delete('left', left), false, 'a deletion of the expired row');
      await expectRow(table, 'kept', 'last', kept);
      assert.deepEqual(
        (await table.rows()).map(({ key }) => key),
        ['kept'],
      );
    },
  },
  {
    name: 'creates an expired row again, at a larger revision',
    async run({ open, cluster }) {
      const table = await (await open()).openTable('leases', { expireAfterMs: LEASE_MS });
      const first = await create(table, 'key', 'first');
      assert.equal(await table.create('key', bytes('early')), undefined, 'the row has not expired');
      await cluster.elapse(LEASE_MS * 1.5);
      const second = await create(table, 'key', 'second');
      assert.ok(second > first, `${second} after ${first}`);
      assert.equal(await table.update('key', bytes('zombie'), first), undefined);
      await expectRow(table, 'key', 'second', second);
    },
  },
  {
    name: 'keeps the rows of a table without expiry',
    async run({ open, cluster }) {
      const table = await (await open()).openTable('kept');
      const revision = await create(table, 'key');
      await cluster.elapse(LEASE_MS * 2);
      await expectRow(table, 'key', 'value', revision);
    },
  },
];
