import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterTable } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InProcessCluster } from './in-process-cluster.js';

let folder = '';
const warnings: string[] = [];
const opened: InProcessCluster[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-journal-'));
  warnings.length = 0;
});

afterEach(async () => {
  for (const cluster of opened.splice(0)) await cluster.close();
  await rm(folder, { recursive: true });
});

async function openIn(
  where: string,
): Promise<{ cluster: InProcessCluster; port: ReturnType<InProcessCluster['port']> }> {
  const ignore = (): void => undefined;
  const warn = (message: string): void => void warnings.push(message);
  const logger = { debug: ignore, info: ignore, warn, error: warn };
  const cluster = new InProcessCluster({ clock: new FakeClock(), logger, storage: 'file', folder: where });
  opened.push(cluster);
  const port = cluster.port();
  await port.open();
  return { cluster, port };
}

async function openTable(where: string): Promise<{ cluster: InProcessCluster; table: ClusterTable }> {
  const { cluster, port } = await openIn(where);
  return { cluster, table: await port.openTable('rows') };
}

const log = (where: string): string => join(where, 'cluster.log');
const bytes = (text: string): Uint8Array => Buffer.from(text);
const textsOf = async (table: ClusterTable): Promise<Record<string, string>> =>
  Object.fromEntries((await table.rows()).map((row) => [row.key, Buffer.from(row.value).toString()]));

describe('the log of a cluster', () => {
  it('has everything that was answered, at the moment of the answer', async () => {
    const { table } = await openTable(folder);
    for (let i = 0; i < 10; i++) {
      await table.create(`key-${i}`, bytes(`${i}`));
      const copy = join(folder, `copy-${i}`);
      await mkdir(copy);
      await copyFile(log(folder), log(copy));
      const after = await openTable(copy);
      expect(Object.keys(await textsOf(after.table))).toHaveLength(i + 1);
    }
  });

  it('is cut where a crash tore it, wherever that was, and goes on from there', async () => {
    const { cluster, table } = await openTable(folder);
    await table.create('kept', bytes('kept'));
    const { size } = await stat(log(folder));
    await table.create('torn', bytes('torn'));
    await cluster.close();
    const whole = await readFile(log(folder));
    for (let end = size; end < whole.byteLength; end++) {
      const copy = join(folder, `torn-${end}`);
      await mkdir(copy);
      await writeFile(log(copy), whole.subarray(0, end));
      const torn = await openTable(copy);
      expect(await textsOf(torn.table)).toEqual({ kept: 'kept' });
      expect(await torn.table.create('next', bytes('next'))).toBe(2);
      await torn.cluster.close();
      const again = await openTable(copy);
      expect(await textsOf(again.table)).toEqual({ kept: 'kept', next: 'next' });
    }
    expect(warnings).toHaveLength(whole.byteLength - size - 1);
  });

  it('is cut where the end was never written to the disk', async () => {
    const { cluster, table } = await openTable(folder);
    await table.create('kept', bytes('kept'));
    await cluster.close();
    const { size } = await stat(log(folder));
    await truncate(log(folder), size + 5_000);
    expect(await textsOf((await openTable(folder)).table)).toEqual({ kept: 'kept' });
    expect(warnings).toHaveLength(1);
  });

  it('is refused when it is damaged before its end, or something else', async () => {
    const { cluster, table } = await openTable(folder);
    await table.create('first', bytes('a value to be damaged'));
    await table.create('second', bytes('second'));
    await cluster.close();
    const whole = await readFile(log(folder));
    const at = whole.indexOf('to be damaged');
    whole[at]! ^= 1;
    await writeFile(log(folder), whole);
    await expect(openTable(folder)).rejects.toThrow(/CLUSTER_UNAVAILABLE: .*damaged at byte/);
    await writeFile(log(folder), 'some other file');
    await expect(openTable(folder)).rejects.toThrow(/CLUSTER_UNAVAILABLE: .*no log of ours/);
    expect(await readFile(log(folder), 'utf8')).toBe('some other file');
  });

  it('is replaced by a snapshot when it has grown, which holds rows, revisions, entries and messageIds', async () => {
    const { cluster, port } = await openIn(folder);
    const table = await port.openTable('rows');
    const stream = await port.openStream('log', { maxEntries: 10 });
    const large = new Uint8Array(2 ** 19);
    await stream.publish('subject', bytes('acknowledged'), { messageId: 'm-1' });
    await stream.publish('subject', bytes('kept'), { messageId: 'm-2' });
    for await (const entry of stream.consume({ consumer: 'c', maxUnacknowledged: 1 })) {
      await entry.acknowledge();
      break;
    }
    let revision = (await table.create('large', large))!;
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      // Some writes are under way while the log is replaced.
      writes.push(
        table.create(`small-${i}`, bytes(`${i}`)),
        stream.publish('other', bytes(`${i}`)).catch(() => 'full'),
      );
      revision = (await table.update('large', large, revision))!;
    }
    await Promise.all(writes);
    await cluster.close();
    expect((await stat(log(folder))).size).toBeLessThan(20 * 2 ** 19);

    const after = await openIn(folder);
    const rows = await (await after.port.openTable('rows')).rows();
    expect(rows).toHaveLength(21);
    expect(rows.find(({ key }) => key === 'large')?.revision).toBe(revision);
    const log2 = await after.port.openStream('log', { maxEntries: 10 });
    expect(await log2.publish('subject', bytes('again'), { messageId: 'm-1' })).toEqual({
      sequence: 1,
      duplicate: true,
    });
    const seen: string[] = [];
    for await (const entry of log2.consume({ consumer: 'c', maxUnacknowledged: 10 })) {
      seen.push(`${entry.sequence} ${Buffer.from(entry.payload).toString()}`);
      if (seen.length === 10) break;
    }
    expect(seen).toEqual(['2 kept', ...Array.from({ length: 9 }, (_, i) => `${i + 3} ${i}`)]);
  });
});

describe('a cluster that cannot write its log', () => {
  it('acknowledges nothing from then on, and has what it acknowledged before', async () => {
    const { cluster, table } = await openTable(folder);
    await table.create('before', bytes('before'));
    // In the way of the snapshot that replaces a log of more than 4 MiB.
    await mkdir(join(folder, 'cluster.log.new'));
    const large = new Uint8Array(2 ** 20);
    const writes = [0, 1, 2, 3, 4].map((i) => table.create(`large-${i}`, large));
    for (const write of writes) await expect(write).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
    await expect(table.get('before')).rejects.toThrow(/CLUSTER_UNAVAILABLE: cannot write to folder/);
    expect(warnings).toHaveLength(1);
    await cluster.close();
    expect(await textsOf((await openTable(folder)).table)).toEqual({ before: 'before' });
  });
});

describe('the folder of a cluster', () => {
  it('is refused to another cluster of the process until the first is closed', async () => {
    const { cluster } = await openIn(folder);
    await expect(openIn(folder)).rejects.toThrow(/in use by another cluster of this process/);
    await expect(openIn(join(folder, '.'))).rejects.toThrow(/in use by another cluster of this process/);
    await cluster.close();
    await openIn(folder);
  });

  it('is refused while the process that has it lives, and taken over once that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      await writeFile(join(folder, 'cluster.lock'), `${child.pid} \n`);
      await expect(openIn(folder)).rejects.toThrow(new RegExp(`in use by process ${child.pid}`));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const { cluster } = await openIn(folder);
    expect(await readFile(join(folder, 'cluster.lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    await cluster.close();
    await expect(stat(join(folder, 'cluster.lock'))).rejects.toThrow(/ENOENT/);
  });

  it('is taken over from a process whose pid another one has now, and from one that left no pid', async () => {
    for (const lock of [`${process.ppid} 1\n`, `${process.pid} 1\n`, '', 'garbage\n', '-1 1\n']) {
      // Without the times of processes, a living pid must be believed.
      if (lock.startsWith(`${process.ppid}`) && process.platform !== 'linux') continue;
      await writeFile(join(folder, 'cluster.lock'), lock);
      await (await openIn(folder)).cluster.close();
    }
  });

  it('can be opened again after it was refused', async () => {
    const { cluster } = await openIn(folder);
    const ignore = (): void => undefined;
    const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    const waiting = new InProcessCluster({ clock: new FakeClock(), logger, storage: 'file', folder });
    opened.push(waiting);
    const port = waiting.port();
    await expect(port.open()).rejects.toThrow(/in use/);
    await cluster.close();
    await port.open();
    expect(await (await port.openTable('rows')).create('key', bytes('value'))).toBe(1);
  });
});
