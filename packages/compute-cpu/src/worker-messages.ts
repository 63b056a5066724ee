import type { RunShape } from '@gpu-bridge/abstractions';

/** What the silo's thread posts to a CPU worker; the worker's answers are `'warm'` and `'polling'`. */
export interface StartMessage {
  readonly kind: 'start';
  readonly memory: WebAssembly.Memory;
  /** Number of the executor. */
  readonly group: number;
  readonly ringOffset: number;
  readonly ringCapacity: number;
  readonly arenaOffset: number;
  readonly arenaEnd: number;
  readonly spinPolls: number;
  readonly kernels: readonly KernelMessage[];
}

/** A kernel for an executor's side channel; `Op.LOAD_KERNEL` takes it from there. */
export interface KernelMessage {
  readonly kind: 'kernel';
  readonly kernelNumber: number;
  readonly module: WebAssembly.Module;
  readonly shape: RunShape;
}

export type WorkerReport = 'warm' | 'polling';
