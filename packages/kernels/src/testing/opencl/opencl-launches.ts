import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCpp } from '../native/native-calls.js';
import { readImages, writeImages } from '../native/images.js';

/** An argument of a launch: `at` is a pointer to that byte of the memory, `counter` one to a count that begins at 0. */
export type LaunchArgument = { readonly at: number } | { readonly u32: number } | { readonly u64: number } | 'counter';

/** What {@link launchKernels} runs: `entry` over `memory`, which it changes in place. */
export interface OpenClLaunch {
  readonly entry: string;
  readonly memory: Uint8Array;
  readonly args: readonly LaunchArgument[];
  /** Work-items in all, a multiple of `localSize`. */
  readonly globalSize: number;
  readonly localSize: number;
}

function argumentText(argument: LaunchArgument): string {
  if (argument === 'counter') return '+';
  if ('at' in argument) return `@${argument.at}`;
  return 'u32' in argument ? `u${argument.u32}` : `l${argument.u64}`;
}

/** Arguments of an `opencl` artifact's entry. */
export function entryArguments(argumentBlock: number, first: number, count: number, group: number): LaunchArgument[] {
  return [{ at: 0 }, { u64: argumentBlock }, { u32: first }, { u32: count }, { u32: group }, 'counter'];
}

function launcher(): string {
  const text = readFileSync(fileURLToPath(new URL('launch-kernels.cc', import.meta.url)), 'utf8');
  return compileCpp(text, ['-std=c++20', '-O1'], ['-lOpenCL']);
}

/** Environment in which PoCL keeps its files in `folder`: nothing is compiled twice, and parallel tests would share locks. */
export function poclSetting(folder: string): Readonly<Record<string, string>> {
  return { POCL_CACHE_DIR: join(folder, 'pocl') };
}

/** Whether this machine has an OpenCL platform and its headers; tests without are to be skipped visibly. */
export function hasOpenCl(): boolean {
  const { status, stdout } = spawnSync('clinfo', ['--list'], { encoding: 'utf8' });
  return status === 0 && stdout.includes('Platform') && spawnSync('g++', ['--version']).status === 0;
}

/**
 * Builds one program of all the texts and launches kernels of it, one after the other; what each counted.
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
      [l.entry, offsets[i], l.memory.byteLength, l.globalSize, l.localSize, ...l.args.map(argumentText)].join(' '),
    );
    const env = { ...process.env, ...poclSetting(work) };
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
