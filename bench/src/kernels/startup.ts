import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../report.js';
import type { Figure } from '../report.js';

const PROCESSES = 11;

interface FirstResult {
  readonly importMs: number;
  readonly firstResultMs: number;
}

/** From `compile()` to the first result in fresh processes, one after the other: without a cache and with a warm one. */
export async function startupFigures(): Promise<Figure[]> {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-cache-'));
  try {
    await firstResult(cacheFolder);
    const cold: FirstResult[] = [];
    const cached: FirstResult[] = [];
    for (let i = 0; i < PROCESSES; i++) {
      cold.push(await firstResult());
      cached.push(await firstResult(cacheFolder));
    }
    const imports = [...cold, ...cached].map(({ importMs }) => importMs);
    return [
      median(
        'kernels.cold_compile_ms',
        'ms',
        cold.map(({ firstResultMs }) => firstResultMs),
      ),
      median(
        'kernels.cached_compile_ms',
        'ms',
        cached.map(({ firstResultMs }) => firstResultMs),
      ),
      median('kernels.import_ms', 'ms', imports),
    ];
  } finally {
    rmSync(cacheFolder, { recursive: true, force: true });
  }
}

async function firstResult(...args: string[]): Promise<FirstResult> {
  const program = fileURLToPath(new URL('./kernels/first-result.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  return JSON.parse(stdout) as FirstResult;
}
