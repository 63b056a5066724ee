import type { KernelName } from './workloads.js';

export interface Sample {
  /** Processor time of all threads of the process that runs the form. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** One way to run one kernel. */
export interface Form {
  readonly kernel: KernelName;
  /** Who runs it: `wasm`, `js`, `gxx`, … */
  readonly name: string;
  readonly threads: 1 | 2;
  /** An npm package that does what our kernels do. */
  readonly isPeer?: boolean;
  /** Runs once, measured, and compares the results. */
  measure(): Sample | Promise<Sample>;
}

/** Measures synchronous work of this process. */
export function measured(work: () => void): Sample {
  const cpu = process.cpuUsage();
  const start = performance.now();
  work();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1e3, wallMs };
}
