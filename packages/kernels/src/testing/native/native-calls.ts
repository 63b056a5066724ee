import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readImages, writeImages } from './images.js';

const CACHE = join(tmpdir(), 'gpu-bridge-native-tests');

/** What {@link callEntries} runs: `entry` over `memory`, which it changes in place. */
export interface NativeCall {
  readonly entry: string;
  readonly memory: Uint8Array;
  readonly argumentBlock: number;
  readonly first: number;
  readonly count: number;
  readonly group: number;
}

/** Whether this machine has g++; tests without it are to be skipped visibly. */
export function hasGxx(): boolean {
  return spawnSync('g++', ['--version']).status === 0;
}

/** What g++ makes of the text with these flags: a file kept by content in the temporary folder. */
export function compileCpp(source: string, flags: readonly string[], libraries: readonly string[] = ['-ldl']): string {
  const key = createHash('sha256')
    .update(JSON.stringify([source, flags, libraries]))
    .digest('hex')
    .slice(0, 24);
  const output = join(CACHE, key);
  if (existsSync(output)) return output;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, 'build-'));
  try {
    const [input, made] = [join(work, 'source.cc'), join(work, 'made')];
    writeFileSync(input, source);
    const { status, stderr } = spawnSync('g++', [...flags, input, '-o', made, ...libraries], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    if (status !== 0) throw new Error(`g++ ${flags.join(' ')}:\n${stderr.slice(0, 4000)}`);
    // Another test process may have made the same; either file will do.
    renameSync(made, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return output;
}

/** A shared object of C++ kernel texts that agree on their flags. */
export function compileKernels(sources: readonly string[], flags: readonly string[]): string {
  return compileCpp(sources.join('\n'), [...flags, '-shared', '-fPIC']);
}

/** Runs entries of a shared object, one after the other; the violations each returned. */
export function callEntries(object: string, calls: readonly NativeCall[]): number[] {
  const harness = compileCpp(readFileSync(fileURLToPath(new URL('call-entries.cc', import.meta.url)), 'utf8'), [
    '-std=c++20',
    '-O1',
  ]);
  const work = mkdtempSync(join(tmpdir(), 'gpu-bridge-images-'));
  try {
    const images = join(work, 'images');
    const memories = calls.map((call) => call.memory);
    const offsets = writeImages(images, memories);
    const lines = calls.map((call, i) =>
      [call.entry, offsets[i], call.memory.byteLength, call.argumentBlock, call.first, call.count, call.group].join(
        ' ',
      ),
    );
    const answer = execFileSync(harness, [object, images], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
    readImages(images, memories, offsets);
    return answer.trim().split('\n').map(Number);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
