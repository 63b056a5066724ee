import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { Arena } from './arena.js';
import type { Form } from './form.js';
import { THREADS } from './thread-forms.js';
import { TimedCalls } from './timed-calls.js';
import type { TimedCall } from './timed-calls.js';
import { checkResults } from './workloads.js';
import type { Columns, Workload } from './workloads.js';

const sourceOf = (file: string): string => fileURLToPath(new URL(`../native/${file}`, import.meta.url));
const SHARED_OBJECT = ['-shared', '-fPIC'];
const EXACT_FLAGS = ['-std=c++20', '-O3', '-march=native', '-ffp-contract=off'];
/** Lets g++ vectorise loops that call the math library; the results stay the same. */
const NO_ERRNO_FLAGS = ['-fno-math-errno', '-fno-trapping-math'];
/** PoCL's choice is free where a kernel has no workgroup. */
const LOCAL_SIZE = 256;

interface NativeForm {
  readonly workload: Workload;
  readonly name: string;
  readonly threads: 1 | 2;
  readonly call: TimedCall;
  readonly check?: (columns: Columns) => void;
}

interface NativeForms {
  readonly forms: readonly Form[];
  readonly stop: () => void;
}

/**
 * C++ in processes of its own over copies of the arena: plain loops as g++ optimises them, STREAM's triad, our C++
 * artifacts, and, where there is an OpenCL for the processor, our OpenCL artifacts. Call it when the arena holds all
 * inputs.
 */
export async function nativeForms(
  workloads: readonly Workload[],
  arena: Arena,
  note: (line: string) => void,
): Promise<NativeForms> {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-bench-'));
  const programs: TimedCalls[] = [];
  const stop = (): void => {
    for (const program of programs) program.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const start = (program: string, threads: number): TimedCalls => {
    const calls = new TimedCalls(program, join(folder, 'arena'), join(folder, `results-${programs.length}`), {
      POCL_MAX_PTHREAD_COUNT: String(threads),
    });
    programs.push(calls);
    return calls;
  };
  try {
    const cpp = await cppForms(workloads, arena, folder);
    const opencl = openclForms(workloads, arena, folder);
    writeImage(join(folder, 'arena'), new Uint8Array(arena.memory.buffer, 0, arena.usedBytes));
    const calls = start(await compile(folder, sourceOf('timed-calls.cc'), 'timed-calls', ['-std=c++20', '-O2']), 2);
    const forms = cpp.map((form) => toForm(form, calls));
    try {
      const program = await compile(
        folder,
        sourceOf('timed-launches.cc'),
        'timed-launches',
        ['-std=c++20', '-O2'],
        ['-lOpenCL'],
      );
      const byThreads = { 1: start(program, 1), 2: start(program, 2) };
      for (const { threads, call } of opencl) await byThreads[threads].load(call.object);
      forms.push(...opencl.map((form) => toForm(form, byThreads[form.threads])));
    } catch (error) {
      note(`not measured: OpenCL (${error instanceof Error ? error.message.split('\n')[0]! : String(error)})`);
    }
    return { forms, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

function toForm({ workload, name, threads, call, check }: NativeForm, calls: TimedCalls): Form {
  return {
    ...{ kernel: workload.name, name, threads },
    measure: async () => {
      const { sample, results } = await calls.run(call);
      if (check) check(results);
      // OpenCL's division, square root and math functions may be less exact than ours.
      else checkResults(workload, results, name === 'pocl' ? workload.looseTolerance : workload.tolerance);
      return sample;
    },
  };
}

async function cppForms(workloads: readonly Workload[], arena: Arena, folder: string): Promise<NativeForm[]> {
  const plainLoops = sourceOf('plain-loops.cc');
  const [plain, plainNoErrno] = await Promise.all([
    compile(folder, plainLoops, 'plain.so', [...EXACT_FLAGS, ...SHARED_OBJECT]),
    compile(folder, plainLoops, 'plain-no-errno.so', [...EXACT_FLAGS, ...NO_ERRNO_FLAGS, ...SHARED_OBJECT]),
  ]);
  const forms: NativeForm[] = [];
  for (const workload of workloads) {
    const { name, definition, size, columns, items, chunk } = workload;
    const { descriptor, artifacts } = createKernelCompiler().compile(definition, { targets: ['cpp'] });
    const block = arena.argumentBlock(descriptor, size, columns, THREADS);
    const results = resultColumns(workload);
    const add = (form: string, object: string, entry: string, check?: NativeForm['check']): void => {
      for (const threads of [1, THREADS] as const) {
        const call = { object, entry, words: [block, items, chunk, threads], results };
        forms.push({ workload, name: form, threads, call, ...(check && { check }) });
      }
    };
    add('gxx', plain, name);
    if (name === 'blackScholes') add('gxx_no_errno', plainNoErrno, name);
    if (name === 'vadd') add('triad', plain, 'triad', checkTriad(columns));
    if (name === 'histogram') add('gxx_atomics', plain, 'histogramAtomic');
    for (const artifact of artifacts) {
      if (artifact.target !== 'cpp') continue;
      const source = join(folder, `${name}.cc`);
      writeFileSync(source, artifact.source);
      add('cpp', await compile(folder, source, `${name}.so`, [...artifact.flags, ...SHARED_OBJECT]), artifact.entry);
    }
  }
  return forms;
}

function openclForms(workloads: readonly Workload[], arena: Arena, folder: string): NativeForm[] {
  const forms: NativeForm[] = [];
  for (const workload of workloads) {
    const { name, definition, size, columns, items } = workload;
    const { descriptor, artifacts } = createKernelCompiler().compile(definition, { targets: ['opencl'] });
    const block = arena.argumentBlock(descriptor, size, columns, THREADS);
    const [x, y, z] = descriptor.workgroup ?? [LOCAL_SIZE, 1, 1];
    const workItemsPerItem = descriptor.workgroup === null ? 1 : x * y * z;
    for (const artifact of artifacts) {
      if (artifact.target !== 'opencl') continue;
      const source = join(folder, `${name}.cl`);
      writeFileSync(source, artifact.source);
      const call: TimedCall = {
        object: [source, ...artifact.flags].join(' '),
        entry: artifact.entry,
        words: [block, items, x * y * z, workItemsPerItem],
        results: resultColumns(workload),
      };
      for (const threads of [1, THREADS] as const) forms.push({ workload, name: 'pocl', threads, call });
    }
  }
  return forms;
}

async function compile(
  folder: string,
  source: string,
  output: string,
  flags: readonly string[],
  libraries: readonly string[] = ['-ldl', '-pthread'],
): Promise<string> {
  await promisify(execFile)('g++', [...flags, source, '-o', join(folder, output), ...libraries]);
  return join(folder, output);
}

function resultColumns({ results, columns }: Workload): TimedCall['results'] {
  return Object.fromEntries(results.map((name) => [name, columns[name]!]));
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
