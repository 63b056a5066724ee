import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { prepare } from '../argument-block.js';
import type { Arguments, Outcome } from '../argument-block.js';
import { entryArguments, launchKernels } from './opencl-launches.js';

/** Work-groups of a launch of a kernel with one. */
const WORK_GROUPS = 2;

/**
 * Runs the `opencl` artifacts of compiled kernels that agree on their flags, as one program.
 *
 * @param workItems - of a launch of a kernel without a workgroup; its scratch has as many regions. With one, items follow
 *   each other as in the reference, which shows to a kernel that reads scratch it has not written.
 */
export function runOpenCl(
  cases: readonly { readonly compiled: CompiledKernel; readonly args: Arguments }[],
  workItems = 4,
): Outcome[] {
  const artifacts = cases.map(({ compiled }) => openClOf(compiled));
  const sources = new Map(artifacts.map(({ entry, source }) => [entry, source]));
  const runs = cases.map(({ compiled, args }, i) => {
    const { workgroup } = compiled.descriptor;
    const prepared = prepare(compiled, { ...args, groups: workgroup === null ? workItems * (args.groups ?? 1) : 1 });
    const shared = new Uint8Array(prepared.layout.memory.buffer);
    const [first, count] = args.range ?? [0, prepared.units];
    const localSize = workgroup === null ? 1 : workgroup[0] * workgroup[1] * workgroup[2];
    const globalSize = workgroup === null ? workItems : WORK_GROUPS * localSize;
    const { entry } = artifacts[i] ?? { entry: '' };
    const group = args.group ?? 0;
    const launchArgs = entryArguments(prepared.layout.block, first, count, group);
    const launch = { entry, memory: shared.slice(), args: launchArgs, globalSize, localSize };
    return { prepared, shared, launch };
  });
  const violations = launchKernels(
    [...sources.values()],
    artifacts[0]?.flags ?? [],
    runs.map(({ launch }) => launch),
  );
  return runs.map(({ prepared, shared, launch }, i) => {
    shared.set(launch.memory);
    return {
      violations: violations[i] ?? NaN,
      outputs: prepared.collect(),
      canariesIntact: prepared.layout.canariesIntact(),
    };
  });
}

function openClOf(compiled: CompiledKernel): { entry: string; source: string; flags: readonly string[] } {
  for (const artifact of compiled.artifacts) if (artifact.target === 'opencl') return artifact;
  throw new Error(`no OpenCL C of ${compiled.descriptor.name}`);
}
