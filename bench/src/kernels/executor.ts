/** What runs a kernel range by range, on the calling thread and in the workers alike. */
import { otherLoops, plainLoops } from './javascript.js';
import type { Columns, KernelName } from './workloads.js';

/** A form that JavaScript threads can run; plain data, so that workers get it by message. */
export type Task = TaskRange &
  (
    | { readonly kind: 'wasm'; readonly module: WebAssembly.Module; readonly block: number }
    | { readonly kind: 'js'; readonly kernel: KernelName; readonly columns: Columns; readonly other?: boolean }
  );

interface TaskRange {
  readonly items: number;
  readonly chunk: number;
}

/** Runs the items `[first, first + count)` and returns the number of bounds violations. */
export type RunRange = (first: number, count: number) => number;

/** @param executor - number of the thread, by which it finds its workspace. */
export function prepareTask(task: Task, memory: WebAssembly.Memory, executor: number): RunRange {
  if (task.kind === 'wasm') {
    const { exports } = new WebAssembly.Instance(task.module, { env: { memory } });
    const run = exports.run as (block: number, first: number, count: number, executor: number) => number;
    return (first, count) => run(task.block, first, count, executor);
  }
  const loops: Partial<typeof plainLoops> = task.other === true ? otherLoops : plainLoops;
  const loop = loops[task.kernel];
  if (loop === undefined) throw new Error(`no other loop for ${task.kernel}`);
  return (first, count) => {
    loop(task.columns, first, count);
    return 0;
  };
}

/** Runs chunks until `claim` has none left; returns the violations. */
export function runClaimed({ items, chunk }: TaskRange, run: RunRange, claim: () => number): number {
  let violations = 0;
  for (;;) {
    const first = claim() * chunk;
    if (first >= items) return violations;
    violations += run(first, Math.min(chunk, items - first));
  }
}
