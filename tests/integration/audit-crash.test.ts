import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLog, verifyLog } from '@gpu-bridge/audit';
import { input, mapKernel, output, u32 } from '@gpu-bridge/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSilo, until } from '../support/silo.js';

const WRITER = fileURLToPath(new URL('../support/audit-writer.mjs', import.meta.url));
const LOSS_WINDOW_MS = 400;

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-audit-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const copy = mapKernel('audit/copy', { params: { x: input(u32), y: output(u32) } }, (_, { x, y }) => {
  y.value = x;
});

describe('an audit log whose process is killed', () => {
  it('has every job that ended before the loss window, verifies, and says what a crash may have cost', async () => {
    const writer = spawn(process.execPath, [WRITER, folder, String(LOSS_WINDOW_MS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = writer;
    let printed = '';
    writer.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const ended = () =>
      printed
        .split('\n')
        .slice(0, -1)
        .map((line) => ({ jobId: line.split(' ')[0]!, atMs: Number(line.split(' ')[1]) }));
    // When the last job was admitted, what was older than the window was on disk; the one before it had ended by then.
    const safe = () => {
      const jobs = ended();
      const admittedMs = jobs.at(-2)?.atMs ?? 0;
      return jobs.filter(({ atMs }) => atMs < admittedMs - LOSS_WINDOW_MS);
    };
    await until(() => safe().length >= 100, 'jobs end');
    writer.kill('SIGKILL');
    await once(writer, 'close');

    const recorded = new Set([...readLog(folder)].map(({ header }) => header.jobId));
    expect(safe().filter(({ jobId }) => !recorded.has(jobId))).toEqual([]);
    const report = verifyLog(folder);
    expect(report).toMatchObject({
      closed: false,
      lossWindow: { ms: LOSS_WINDOW_MS },
      records: recorded.size,
      recoveries: [],
      problems: [],
    });

    // The next silo goes on in the same log, and notes the crash.
    await using silo = await startSilo({ kernels: [copy], cpu: { workers: 1, arenaMiB: 8 }, audit: { folder } });
    const kernel = silo.bridge.getKernel(copy);
    await (
      await kernel.submitBatch({ x: Uint32Array.of(1) })
    ).result;
    await silo.host.stop();
    const { unconfirmedRecords, tornBytes } = report;
    expect(verifyLog(folder)).toMatchObject({
      ...{ closed: true, records: recorded.size + 2, unconfirmedRecords: 0, tornBytes: 0, problems: [] },
      recoveries: [{ record: recorded.size, keptRecords: unconfirmedRecords, tornBytes, lossWindowMs: LOSS_WINDOW_MS }],
    });
  });
});
