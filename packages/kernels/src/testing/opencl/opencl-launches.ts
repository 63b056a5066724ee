import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCpp } from '../native/native-calls.js';
import { readImages, writeImages } from '../native/images.js';

/** What {@link launchKernels} runs: `entry` over `memory`, which it changes in place. */
export interface OpenClLaunch {
  readonly entry: string;
  readonly memory: Uint8Array;
  readonly argumentBlock: number;
  readonly first: number;
  readonly count: number;
  /** Work-items in all, a multiple of `localSize`. */
  readonly globalSize: number;
  readonly localSize: number;
}

function launcher(): string {
  const text = readFileSync(fileURLToPath(new URL('launch-kernels.cc', import.meta.url)), 'utf8');
  return compileCpp(text, ['-std=c++20', '-O1'], ['-lOpenCL']);
}

/** Whether this machine has an OpenCL platform and its headers; tests without are to be skipped visibly. */
export function hasOpenCl(): boolean {
  const { status, stdout } = spawnSync('clinfo', ['--list'], { encoding: 'utf8' });
  return status === 0 && stdout.includes('Platform') && spawnSync('g++', ['--version']).status === 0;
}

/**
 * Builds one program of all the texts and launches kernels of it, one after the other; the violations each counted.
 *
 * @throws Error with the build log where the program does not compile.
 */
export function launchKernels(
  sources: readonly string[],
  flags: readonly string[],
  launches: readonly OpenClLaunch[],
): number[] {
  const executable = launcher();
  const work = mkdtempSync(join(tmpdir(), 'gpu-bridge-opencl-'));
  try {
    const [program, images] = [join(work, 'program.cl'), join(work, 'images')];
    writeFileSync(program, sources.join('\n'));
    const memories = launches.map((launch) => launch.memory);
    const offsets = writeImages(images, memories);
    const lines = launches.map((l, i) =>
      [l.entry, offsets[i], l.memory.byteLength, l.argumentBlock, l.first, l.count, l.globalSize, l.localSize].join(
        ' ',
      ),
    );
    // PoCL keeps what it compiles; here nothing is compiled twice, and parallel tests would share its locks.
    const env = { ...process.env, POCL_CACHE_DIR: join(work, 'pocl') };
    const { status, signal, stdout, stderr } = spawnSync(executable, [program, images, flags.join(' ')], {
      input: `${lines.join('\n')}\n`,
      encoding: 'utf8',
      env,
    });
    if (status !== 0) throw new Error(`OpenCL (${signal ?? status}):\n${stderr.slice(0, 8000)}`);
    readImages(images, memories, offsets);
    return stdout.trim().split('\n').map(Number);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
