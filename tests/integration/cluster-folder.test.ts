import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { InProcessCluster } from '@gpu-bridge/silo';
import { FakeClock } from '@gpu-bridge/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const writer = fileURLToPath(new URL('../support/cluster-writer.mjs', import.meta.url));
const LINES = 200;

let folder = '';
let child: ChildProcessByStdio<null, Readable, null> | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpu-bridge-folder-'));
});

afterEach(async () => {
  await kill();
  await rm(folder, { recursive: true });
});

async function kill(): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function openCluster(): InProcessCluster {
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  return new InProcessCluster({ clock: new FakeClock(), logger, storage: 'file', folder });
}

/** Lets a process write until it has printed enough, looks whether its folder is locked, and kills it. */
async function writeAndDie(acknowledged: Map<string, number>): Promise<void> {
  child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const wanted = acknowledged.size + LINES;
  const closed = once(lines, 'close');
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      const [kind, key, at] = line.split(' ');
      acknowledged.set(`${kind} ${key}`, Number(at));
      if (acknowledged.size === wanted) resolve();
    });
    lines.on('close', () => reject(new Error('the writer ended by itself')));
  });
  const refused = openCluster();
  await expect(refused.port().open()).rejects.toThrow(`in use by process ${child.pid}`);
  await refused.close();
  await kill();
  // What it printed before it died was acknowledged, too.
  await closed;
}

describe('a cluster that stores in a folder', () => {
  it('has everything that was acknowledged to processes that were killed, one after the other', async () => {
    const acknowledged = new Map<string, number>();
    for (let life = 0; life < 3; life++) await writeAndDie(acknowledged);
    const cluster = openCluster();
    try {
      const port = cluster.port();
      await port.open();
      const rows = new Map((await (await port.openTable('rows')).rows()).map((row) => [row.key, row]));
      const stream = await port.openStream('log', { maxEntries: 1_000_000 });
      const entries = new Map<string, number>();
      const last = Math.max(...[...acknowledged].filter(([line]) => line.startsWith('entry')).map(([, at]) => at));
      for await (const entry of stream.consume({ consumer: 'c', maxUnacknowledged: 1_000_000 })) {
        entries.set(Buffer.from(entry.payload).toString(), entry.sequence);
        if (entry.sequence === last) break;
      }
      const kept = [...acknowledged.keys()].map((line) => {
        const [kind, key = ''] = line.split(' ');
        return [line, kind === 'row' ? rows.get(key)?.revision : entries.get(key)];
      });
      expect(kept).toEqual([...acknowledged]);
      expect(acknowledged.size).toBeGreaterThanOrEqual(3 * LINES);
    } finally {
      await cluster.close();
    }
  });
});
