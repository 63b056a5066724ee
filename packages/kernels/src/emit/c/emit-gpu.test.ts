import { describe, expect, it } from 'vitest';
import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { createKernelCompiler } from '../../index.js';
import { runKernel } from '../../testing/argument-block.js';
import type { Arguments } from '../../testing/argument-block.js';
import { CUDA_ARCHITECTURES, compilePtx, hasNvcc } from '../../testing/cuda/nvcc.js';
import { hasOpenCl } from '../../testing/opencl/opencl-launches.js';
import { runOpenCl } from '../../testing/opencl/run-opencl.js';
import { programOf } from '../../testing/fuzz/differential.js';
import { SCALAR_CASES } from '../../testing/scalar-cases.js';
import type { ScalarCase } from '../../testing/scalar-cases.js';
import { WORKGROUP_CASES } from '../../testing/workgroup-cases.js';

const compiler = createKernelCompiler();

interface Case {
  readonly compiled: CompiledKernel;
  readonly args: Arguments;
}

const RANDOM: readonly ScalarCase[] = [7100, 7101, 7102].map((seed) => programOf(seed));

/** Ids that meet in atomics see each other in an order that devices do not promise. */
function seesOrder({ definition }: ScalarCase): boolean {
  return definition.name === 'test/ordered';
}

/** In the strict mode, where devices owe the bits of the reference. */
function strict(cases: readonly ScalarCase[]): Case[] {
  return cases.map(({ definition, args }) => ({
    compiled: compiler.compile({ ...definition, fp: 'strict' }, { targets: ['js', 'opencl', 'cuda'] }),
    args,
  }));
}

describe.skipIf(!hasOpenCl())('OpenCL C of kernels', () => {
  it.each([
    ['kernels that touch all of the language', 4, SCALAR_CASES.filter((c) => !seesOrder(c))],
    // Items one after the other, because these read scratch they have not written, and see what others did.
    ['random programs', 1, [...RANDOM, ...SCALAR_CASES.filter(seesOrder)]],
  ] as const)('gives the bits, counts and violations of the reference in strict mode: %s', (_, workItems, given) => {
    const cases = strict(given);
    runOpenCl(cases, workItems).forEach((outcome, i) => {
      const { compiled, args } = cases[i]!;
      expect(outcome, compiled.descriptor.name).toEqual(runKernel(compiled, 'js', { ...args, groups: workItems }));
      expect(outcome.canariesIntact).toBe(true);
    });
  });

  it('runs workgroups with barriers and shared memory of the device', () => {
    const cases = WORKGROUP_CASES.map(({ definition, args }) => ({
      compiled: compiler.compile(definition, { targets: ['opencl'] }),
      args,
    }));
    runOpenCl(cases).forEach((outcome, i) => {
      const { definition, outputs, violations = 0 } = WORKGROUP_CASES[i]!;
      expect(outcome, definition.name).toEqual({ outputs, violations, canariesIntact: true });
    });
  });
});

describe.skipIf(!hasNvcc())('CUDA C of kernels (nvcc)', () => {
  const cuda = (compiled: CompiledKernel): { source: string; flags: readonly string[] } => {
    for (const artifact of compiled.artifacts) if (artifact.target === 'cuda') return artifact;
    throw new Error(`no CUDA C of ${compiled.descriptor.name}`);
  };
  const program = (kernels: readonly CompiledKernel[]): readonly [sources: string[], flags: readonly string[]] => {
    const artifacts = new Map(kernels.map((compiled) => [compiled.descriptor.id, cuda(compiled)]));
    return [[...artifacts.values()].map(({ source }) => source), [...artifacts.values()][0]?.flags ?? []];
  };
  const exact = strict([...SCALAR_CASES, ...RANDOM]).map(({ compiled }) => compiled);
  const native = [...SCALAR_CASES, ...WORKGROUP_CASES].map(({ definition }) =>
    compiler.compile(definition.name === 'test/computed' ? { ...definition, fp: 'default' } : definition, {
      targets: ['cuda'],
    }),
  );

  it.each(CUDA_ARCHITECTURES)('compiles without a warning for compute capability %s', (architecture) => {
    const contracted = compilePtx(
      ...program(native.filter((kernel) => kernel.descriptor.fp === 'default')),
      architecture,
    );
    expect(contracted).toContain('bar.sync');
    expect(contracted).toContain('.shared');
  });

  it('compiles strict kernels, whose math functions are helpers', () => {
    expect(compilePtx(...program(exact), CUDA_ARCHITECTURES[0])).toContain('atom.');
  });

  it('fuses multiplications and additions only where the kernel is not strict', () => {
    const ptxOf = (fp: 'strict' | 'default'): string => {
      const { definition } = SCALAR_CASES.find((c) => c.definition.name === 'test/literals')!;
      return compilePtx(...program([compiler.compile({ ...definition, fp }, { targets: ['cuda'] })]), '80');
    };
    expect(ptxOf('strict')).not.toContain('fma.rn.f32');
    expect(ptxOf('default')).toContain('fma.rn.f32');
  });
});
