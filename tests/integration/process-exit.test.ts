/** What ends with a program: run as processes of their own, since a test runner keeps its process alive itself. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readLog, verifyLog } from '@gpu-bridge/audit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../support/whole-host.mjs', import.meta.url));
const ANSWERS = ['stream 1 2', 'batch 3', 'resident 4'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-exit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Rejects when it does not end by itself, or not with exit code 0. */
async function run(end: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, folder, end], { timeout: 60_000 });
  return stdout.trim().split('\n');
}

describe('a program with streams, resident grains, storage and an audit log', () => {
  it('has everything on disk when its stop resolves, and ends', async () => {
    expect(await run('stop')).toEqual([...ANSWERS, 'stopped']);
    expect(verifyLog(join(folder, 'audit'))).toMatchObject({ closed: true, records: 3, problems: [] });
  });

  it('waits for what it has accepted when it ends without a stop, and loses no record', async () => {
    expect(await run('end')).toEqual(ANSWERS);
    expect(verifyLog(join(folder, 'audit')).problems).toEqual([]);
    expect([...readLog(join(folder, 'audit'))]).toHaveLength(3);
  });
});
