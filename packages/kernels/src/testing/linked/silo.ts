import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinkedKernel } from '@gpu-bridge/abstractions';
import { compileCpp } from '../native/native-calls.js';
import { poclSetting } from '../opencl/opencl-launches.js';

export interface SiloRun {
  readonly maxEmptyPolls: number;
  readonly maxEntries: number;
  /** How many are submitted, and how many of them at most before the first was answered. */
  readonly entries: number;
  readonly inFlight: number;
}

/** Lets a silo and a device work at the same time: see silo.cc. */
export function serveSilo(
  linked: LinkedKernel,
  flags: readonly string[],
  { maxEmptyPolls, maxEntries, entries, inFlight }: SiloRun,
): { readonly sum: number; readonly running: number; readonly leases: number; readonly nsPerEntry: number } {
  const text = readFileSync(fileURLToPath(new URL('silo.cc', import.meta.url)), 'utf8');
  const include = fileURLToPath(new URL('../../../../../native/include', import.meta.url));
  const silo = compileCpp(text, ['-std=c++20', '-O2', '-pthread', `-I${include}`], ['-lOpenCL']);
  const work = mkdtempSync(join(tmpdir(), 'gpu-bridge-silo-'));
  try {
    const program = join(work, 'program.cl');
    writeFileSync(program, linked.source);
    const numbers = [maxEmptyPolls, maxEntries, entries, inFlight].map(String);
    const { status, signal, stdout, stderr } = spawnSync(
      silo,
      [program, [...linked.flags, ...flags].join(' '), linked.entry, ...numbers],
      { encoding: 'utf8', env: { ...process.env, ...poclSetting(work) } },
    );
    if (status !== 0) throw new Error(`silo (${signal ?? status}): ${stderr.slice(0, 4000)}`);
    const [sum = NaN, running = NaN, leases = NaN, nsPerEntry = NaN] = stdout.trim().split(' ').map(Number);
    return { sum, running, leases, nsPerEntry };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
