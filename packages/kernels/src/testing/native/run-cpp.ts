import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { prepare } from '../argument-block.js';
import type { Arguments, Outcome } from '../argument-block.js';
import { callEntries, compileKernels } from './native-calls.js';

export interface CppCase {
  readonly compiled: CompiledKernel;
  readonly args: Arguments;
}

/**
 * Runs the `cpp` artifacts of compiled kernels, all in one compilation and one process, because g++ is slow.
 *
 * @param optimisation - instead of the `-O3` that artifacts ask for, where a test has more text than patience.
 * @param pages - of 64 KiB, the size of each case's memory.
 */
export function runCpp(cases: readonly CppCase[], optimisation = '-O3', pages = 16): Outcome[] {
  const artifacts = cases.map(({ compiled }) => cppOf(compiled));
  const sources = new Map(artifacts.map(({ entry, source }) => [entry, source]));
  const flags = (artifacts[0]?.flags ?? []).map((flag) => (flag === '-O3' ? optimisation : flag));
  const object = compileKernels([...sources.values()], flags);
  const runs = cases.map(({ compiled, args }, i) => {
    const prepared = prepare(compiled, args, pages);
    const shared = new Uint8Array(prepared.layout.memory.buffer);
    const [first, count] = args.range ?? [0, prepared.units];
    const { entry } = artifacts[i] ?? { entry: '' };
    const argumentBlock = prepared.layout.block;
    const call = { entry, memory: shared.slice(), argumentBlock, first, count, group: args.group ?? 0 };
    return { prepared, shared, call };
  });
  const violations = callEntries(
    object,
    runs.map(({ call }) => call),
  );
  return runs.map(({ prepared, shared, call }, i) => {
    shared.set(call.memory);
    return {
      violations: violations[i] ?? NaN,
      outputs: prepared.collect(),
      canariesIntact: prepared.layout.canariesIntact(),
    };
  });
}

function cppOf(compiled: CompiledKernel): { entry: string; source: string; flags: readonly string[] } {
  for (const artifact of compiled.artifacts) if (artifact.target === 'cpp') return artifact;
  throw new Error(`no C++ of ${compiled.descriptor.name}`);
}
