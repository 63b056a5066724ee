import { describe, expect, it } from 'vitest';
import { createKernelCompiler } from '../../index.js';
import { runKernel } from '../../testing/argument-block.js';
import { hasGxx } from '../../testing/native/native-calls.js';
import { runCpp } from '../../testing/native/run-cpp.js';
import { programOf } from '../../testing/fuzz/differential.js';
import { WORKGROUP_CASES } from '../../testing/workgroup-cases.js';
import { SCALAR_CASES } from '../../testing/scalar-cases.js';

const compiler = createKernelCompiler();

describe.skipIf(!hasGxx())('C++ of kernels (g++)', () => {
  it('gives the bits, counts and violations of the reference, whatever the kernel does', () => {
    const programs = Array.from({ length: 3 }, (_, i) => programOf(4200 + i));
    const cases = [...SCALAR_CASES, ...programs.map(({ definition, args }) => ({ definition, args }))].map(
      ({ definition, args }) => ({ compiled: compiler.compile(definition, { targets: ['js', 'cpp'] }), args }),
    );
    runCpp(cases).forEach((outcome, i) => {
      const { compiled, args } = cases[i]!;
      expect(outcome, compiled.descriptor.name).toEqual(runKernel(compiled, 'js', args));
      expect(outcome.canariesIntact).toBe(true);
    });
  });

  it('runs workgroups: barriers, shared arrays, values kept across barriers, groups that hang over the edge', () => {
    const cases = WORKGROUP_CASES.map(({ definition, args }) => ({
      compiled: compiler.compile(definition, { targets: ['cpp'] }),
      args,
    }));
    runCpp(cases).forEach((outcome, i) => {
      const { definition, outputs, violations = 0 } = WORKGROUP_CASES[i]!;
      expect(outcome, definition.name).toEqual({ outputs, violations, canariesIntact: true });
    });
  });
});
