import { createKernelCompiler } from '@gpu-bridge/kernels';
import type { Arena } from './arena.js';
import { prepareTask, runClaimed } from './executor.js';
import type { Task } from './executor.js';
import { measured } from './form.js';
import type { Form } from './form.js';
import { checkResults, clearResults, plainCopy } from './workloads.js';
import type { Columns, Workload } from './workloads.js';
import { WorkerPool } from './worker-pool.js';

export const THREADS = 2;

/** One task of one workload, and the columns it works on. */
interface Candidate {
  readonly workload: Workload;
  readonly name: string;
  readonly task: Task;
  readonly columns: Columns;
  readonly isLoose?: boolean;
}

/**
 * Our WebAssembly and plain JavaScript: on the calling thread, where JavaScript has ordinary arrays of its own, and on
 * two workers over the shared memory.
 */
export async function threadForms(
  workloads: readonly Workload[],
  arena: Arena,
): Promise<{ forms: Form[]; pool: WorkerPool }> {
  const candidates = workloads.map((workload) => candidatesOf(workload, arena));
  const shared = candidates.flatMap((c) => c.onBoth);
  const pool = await WorkerPool.start(
    arena.memory,
    shared.map(({ task }) => task),
    THREADS,
  );
  const forms = candidates.flatMap(({ onBoth, onOne }) => [
    ...onOne.map((candidate) => onCallingThread(candidate, arena)),
    ...onBoth.map((candidate) => onWorkers(candidate, shared.indexOf(candidate), pool)),
  ]);
  return { forms, pool };
}

function candidatesOf(workload: Workload, arena: Arena): { onBoth: Candidate[]; onOne: Candidate[] } {
  const { name: kernel, columns, items, chunk } = workload;
  const wasm = (name: string, simd: 'auto' | 'never' | 'always'): Candidate[] => {
    const { descriptor, artifacts } = createKernelCompiler().compile(workload.definition, { targets: ['wasm'], simd });
    const block = arena.argumentBlock(descriptor, workload.size, columns, THREADS);
    return artifacts.flatMap((artifact) =>
      artifact.target === 'wasm'
        ? [
            {
              ...{ workload, name, columns },
              task: { kind: 'wasm', module: new WebAssembly.Module(artifact.bytes), block, items, chunk },
            },
          ]
        : [],
    );
  };
  const js = (name: string, on: Columns, other = false): Candidate => ({
    ...{ workload, name, columns: on, isLoose: other },
    task: { kind: 'js', kernel, columns: on, other, items, chunk },
  });
  const plain = plainCopy(columns);
  const ours = wasm('wasm', 'auto');
  return {
    onBoth: [...ours, js('js', columns)],
    onOne: [
      ...ours,
      ...wasm('wasm_scalar', 'never'),
      ...wasm('wasm_simd', 'always'),
      // What several threads share must be shared memory, also where one thread alone is measured.
      js('js', { ...plain, ...(kernel === 'histogram' && { bins: columns.bins! }) }),
      ...(kernel === 'histogram' || kernel === 'blockSum' ? [js('js_other', plain, true)] : []),
    ],
  };
}

function onCallingThread({ workload, name, task, columns, isLoose }: Candidate, arena: Arena): Form {
  const run = prepareTask(task, arena.memory, 0);
  return {
    ...{ kernel: workload.name, name, threads: 1 },
    measure: () => {
      let chunk = 0;
      let violations = 0;
      clearResults(workload, columns);
      const sample = measured(() => (violations = runClaimed(task, run, () => chunk++)));
      check(workload, columns, violations, isLoose);
      return sample;
    },
  };
}

function onWorkers({ workload, name, columns, isLoose }: Candidate, task: number, pool: WorkerPool): Form {
  return {
    ...{ kernel: workload.name, name, threads: THREADS },
    measure: () => {
      let violations = 0;
      clearResults(workload, columns);
      const sample = measured(() => (violations = pool.run(task)));
      check(workload, columns, violations, isLoose);
      return sample;
    },
  };
}

function check(workload: Workload, columns: Columns, violations: number, isLoose = false): void {
  if (violations !== 0) throw new Error(`${workload.name}: ${violations} accesses outside an array`);
  const results = Object.fromEntries(workload.results.map((name) => [name, columns[name]!]));
  checkResults(workload, results, isLoose ? workload.looseTolerance : workload.tolerance);
}
