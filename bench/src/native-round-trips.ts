import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from './report.js';

/** Built with `native/`: the round trip of a ring entry between threads and between processes, without JavaScript. */
const NATIVE_BENCH = fileURLToPath(new URL('../../native/build/bin/native-bench', import.meta.url));
const LAUNCH_FINISH = fileURLToPath(new URL('../native/launch-finish.cc', import.meta.url));
const run = promisify(execFile);

/** Native round trips of the same run, each the best of ten windows; what cannot run here is left out, with a note. */
export async function nativeRoundTrips(note: (line: string) => void): Promise<readonly Figure[]> {
  const unlessFailed = async (what: string, measure: () => Promise<Figure[]>): Promise<Figure[]> => {
    try {
      return await measure();
    } catch (error) {
      note(`${what} is left out: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
      return [];
    }
  };
  return [
    ...(await unlessFailed('native-bench', pingPongs)),
    ...(await unlessFailed('launch and finish', launchFinish)),
  ];
}

async function pingPongs(): Promise<Figure[]> {
  const { stdout } = await run(NATIVE_BENCH);
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const [name, ...pairs] = line.split(' ');
      const { min_window_ns, max_window_ns, samples } = Object.fromEntries(
        pairs.map((pair) => pair.split('=')),
      ) as Record<string, string>;
      const us = (ns: string | undefined): number => Number(ns) / 1e3;
      const value = us(min_window_ns);
      const id = `latency.native_${name!}_p50_us`;
      return { id, value, unit: 'us', samples: Number(samples), min: value, max: us(max_window_ns) };
    });
}

async function launchFinish(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-'));
  try {
    const program = join(folder, 'launch-finish');
    await run('g++', ['-std=c++20', '-O2', LAUNCH_FINISH, '-o', program, '-lOpenCL']);
    const [samples, ns] = (await run(program)).stdout.split(' ');
    const value = Number(ns) / 1e3;
    return [
      {
        id: 'latency.native_launch_finish_p50_us',
        value,
        unit: 'us',
        samples: Number(samples),
        min: value,
        max: value,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
