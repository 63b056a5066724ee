import { expect } from 'vitest';
import { createKernelCompiler } from '../index.js';
import type { KernelDefinition } from '../index.js';
import { runKernel } from './argument-block.js';

/** Random 32-bit words, the same on every run (xorshift). */
export function randomBits(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** What a map kernel makes of these columns in its output `result`, the same as WebAssembly and as JavaScript. */
export function applyColumns<T = number>(
  kernel: KernelDefinition,
  values: Readonly<Record<string, readonly (number | bigint)[]>>,
): readonly T[] {
  const size = Object.values(values)[0]?.length ?? 0;
  const pages = Math.ceil((size * 40) / 65_536) + 4;
  const compiled = createKernelCompiler().compile(kernel);
  const wasm = runKernel(compiled, 'wasm', { size, values }, pages);
  const js = runKernel(compiled, 'js', { size, values }, pages);
  expect(js).toEqual(wasm);
  return wasm.outputs['result'] as readonly T[];
}
