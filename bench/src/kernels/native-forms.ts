import { execFile, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { openSync, closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { Arena } from './arena.js';
import type { Form, Sample } from './form.js';
import { THREADS } from './thread-forms.js';
import { checkResults } from './workloads.js';
import type { Columns, Workload } from './workloads.js';

const sourceOf = (file: string): string => fileURLToPath(new URL(`../native/${file}`, import.meta.url));
const EXACT_FLAGS = ['-std=c++20', '-O3', '-march=native', '-ffp-contract=off'];
/** Lets g++ vectorise loops that call the math library; the results stay the same. */
const NO_ERRNO_FLAGS = ['-fno-math-errno', '-fno-trapping-math'];

interface NativeForm {
  readonly workload: Workload;
  readonly name: string;
  readonly object: string;
  readonly entry: string;
  readonly threads: 1 | 2;
  readonly block: number;
  readonly check?: (columns: Columns) => void;
}

/**
 * C++ in a process of its own over a copy of the arena: plain loops as g++ optimises them, STREAM's triad, and our C++
 * artifacts. Call it when the arena holds all inputs.
 */
export async function nativeForms(
  workloads: readonly Workload[],
  arena: Arena,
): Promise<{ forms: Form[]; stop: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-'));
  const compile = async (source: string, output: string, flags: readonly string[]): Promise<string> => {
    await promisify(execFile)('g++', [...flags, source, '-o', join(folder, output), '-ldl', '-pthread']);
    return join(folder, output);
  };
  try {
    const shared = ['-shared', '-fPIC'];
    const [program, plain, plainNoErrno] = await Promise.all([
      compile(sourceOf('timed-calls.cc'), 'timed-calls', ['-std=c++20', '-O2']),
      compile(sourceOf('plain-loops.cc'), 'plain.so', [...EXACT_FLAGS, ...shared]),
      compile(sourceOf('plain-loops.cc'), 'plain-no-errno.so', [...EXACT_FLAGS, ...NO_ERRNO_FLAGS, ...shared]),
    ]);
    const native: NativeForm[] = [];
    for (const workload of workloads) {
      const { name, definition, size, columns } = workload;
      const { descriptor, artifacts } = createKernelCompiler().compile(definition, { targets: ['cpp'] });
      const block = arena.argumentBlock(descriptor, size, columns, THREADS);
      const onBoth = (form: Omit<NativeForm, 'workload' | 'block' | 'threads'>): void => {
        for (const threads of [1, THREADS] as const) native.push({ ...form, workload, block, threads });
      };
      onBoth({ name: 'gxx', object: plain, entry: name });
      if (name === 'blackScholes') onBoth({ name: 'gxx_no_errno', object: plainNoErrno, entry: name });
      if (name === 'vadd') onBoth({ name: 'triad', object: plain, entry: 'triad', check: checkTriad(columns) });
      if (name === 'histogram') onBoth({ name: 'gxx_atomics', object: plain, entry: 'histogramAtomic' });
      for (const artifact of artifacts) {
        if (artifact.target !== 'cpp') continue;
        const source = join(folder, `${name}.cc`);
        writeFileSync(source, artifact.source);
        const object = await compile(source, `${name}.so`, [...artifact.flags, ...shared]);
        onBoth({ name: 'cpp', object, entry: artifact.entry });
      }
    }
    const image = join(folder, 'arena');
    const results = join(folder, 'results');
    writeImage(image, new Uint8Array(arena.memory.buffer, 0, arena.usedBytes));
    const calls = new TimedCalls(program, [image, results]);
    return {
      forms: native.map((form) => ({
        ...{ kernel: form.workload.name, name: form.name, threads: form.threads },
        measure: () => measure(form, calls, results),
      })),
      stop: () => {
        calls.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function measure(form: NativeForm, calls: TimedCalls, results: string): Promise<Sample> {
  const { workload, object, entry, block, threads, check } = form;
  const columns = workload.results.map((name) => workload.columns[name]!);
  const { sample, violations } = await calls.run(object, [
    ...[entry, block, workload.items, workload.chunk, threads],
    ...columns.flatMap((column) => [column.byteOffset, column.byteLength]),
  ]);
  if (violations !== 0) throw new Error(`${entry}: ${violations} accesses outside an array`);
  const { buffer } = new Uint8Array(readFileSync(results));
  let at = 0;
  const actual: Record<string, Float32Array | Uint32Array> = {};
  workload.results.forEach((name, i) => {
    const column = columns[i]!;
    actual[name] =
      column instanceof Float32Array
        ? new Float32Array(buffer, at, column.length)
        : new Uint32Array(buffer, at, column.length);
    at += column.byteLength;
  });
  if (check) check(actual);
  else checkResults(workload, actual, workload.tolerance);
  return sample;
}

function checkTriad({ a, b }: Columns): (actual: Columns) => void {
  return ({ c }) => {
    for (let i = 0; i < c!.length; i++) {
      const wanted = Math.fround(a![i]! + Math.fround(3 * b![i]!));
      if (c![i] !== wanted) throw new Error(`triad: element ${i} is ${c![i]!} instead of ${wanted}`);
    }
  };
}

function writeImage(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, Math.min(bytes.length - at, 1 << 28));
  } finally {
    closeSync(file);
  }
}

/** The program that calls and times; one call at a time. */
class TimedCalls {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly answers: AsyncIterator<string, undefined>;
  private loaded: string | undefined;

  constructor(program: string, args: readonly string[]) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async run(object: string, words: readonly (string | number)[]): Promise<{ sample: Sample; violations: number }> {
    if (this.loaded !== object) await this.ask(`load ${object}`);
    this.loaded = object;
    const [wallMs, cpuMs, violations] = (await this.ask(`run ${words.join(' ')}`)).split(' ').map(Number);
    return { sample: { wallMs: wallMs!, cpuMs: cpuMs! }, violations: violations! };
  }

  stop(): void {
    this.child.stdin.end();
  }

  private async ask(line: string): Promise<string> {
    this.child.stdin.write(`${line}\n`);
    const { value, done } = await this.answers.next();
    if (done === true) throw new Error(`the native program ended at: ${line}`);
    return value;
  }
}
