import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../report.js';
import type { Figure } from '../report.js';

const PROCESSES = 11;

interface FirstResult {
  readonly importMs: number;
  readonly firstResultMs: number;
}

/** From `compile()` to the first result in fresh processes, one after the other. */
export async function startupFigures(): Promise<Figure[]> {
  const cold: FirstResult[] = [];
  for (let i = 0; i < PROCESSES; i++) cold.push(await firstResult());
  return [
    median(
      'kernels.cold_compile_ms',
      'ms',
      cold.map(({ firstResultMs }) => firstResultMs),
    ),
    median(
      'kernels.import_ms',
      'ms',
      cold.map(({ importMs }) => importMs),
    ),
  ];
}

async function firstResult(): Promise<FirstResult> {
  const program = fileURLToPath(new URL('./kernels/first-result.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  return JSON.parse(stdout) as FirstResult;
}
