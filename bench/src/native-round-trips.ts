import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from './report.js';

const SOURCE = fileURLToPath(new URL('../native/round-trips.cc', import.meta.url));
const FLAGS = ['-std=c++20', '-O2', '-pthread'];
const run = promisify(execFile);

/** Round trips that need none of this library, in the same run; what cannot be built here is left out, with a note. */
export async function nativeRoundTrips(note: (line: string) => void): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-'));
  const measure = async (what: string, id: string, ...flags: string[]): Promise<Figure[]> => {
    try {
      const program = join(folder, what);
      await run('g++', [...FLAGS, SOURCE, '-o', program, ...flags]);
      const { stdout } = await run(program, [what]);
      const [, samples, ns] = stdout.split(' ');
      const value = Number(ns) / 1e3;
      return [{ id, value, unit: 'us', samples: Number(samples), min: value, max: value }];
    } catch (error) {
      note(`${id} is left out: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
      return [];
    }
  };
  try {
    return [
      ...(await measure('ping-pong', 'latency.native_ping_pong_p50_us')),
      ...(await measure('launch-finish', 'latency.native_launch_finish_p50_us', '-DHAVE_OPENCL', '-lOpenCL')),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
