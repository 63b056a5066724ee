import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelArtifact, RunShape } from '@gpu-bridge/abstractions';

/** Runs a range of items and returns the number of bounds violations. */
export type KernelRun = (argumentBlock: number, firstItem: number, itemCount: number, group: number) => number;

/** A kernel that a device knows under a number. */
export interface ProvidedKernel {
  readonly kernelNumber: number;
  readonly shape: RunShape;
  readonly instantiate: (memory: SharedArrayBuffer) => KernelRun;
}

/**
 * Evaluates a `js` artifact.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED` for another target, or a source that is no function.
 */
export function prepareKernel(kernelNumber: number, artifact: KernelArtifact, shape: RunShape): ProvidedKernel {
  const refuse = (why: string, cause?: unknown): GpuBridgeError =>
    new GpuBridgeError('KERNEL_BUILD_FAILED', { kernel: `number ${kernelNumber}`, diagnostics: [] }, why, { cause });
  if (artifact.target !== 'js') throw refuse(`the reference backend runs js, not ${artifact.target}`);
  let factory: unknown;
  try {
    // Indirect, so that the source sees the global scope and not this one.
    factory = (0, eval)(`(${artifact.source})`);
  } catch (cause) {
    throw refuse(`the source does not evaluate: ${String(cause)}`, cause);
  }
  if (typeof factory !== 'function') throw refuse('the source is not a function of the memory');
  return { kernelNumber, shape, instantiate: instantiator(factory as (memory: SharedArrayBuffer) => unknown) };
}

function instantiator(factory: (memory: SharedArrayBuffer) => unknown): ProvidedKernel['instantiate'] {
  return (memory) => {
    const run = factory(memory);
    if (typeof run !== 'function') throw new TypeError('the kernel is not a function');
    return run as KernelRun;
  };
}
