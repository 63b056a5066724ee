import { describe, expect, it } from 'vitest';
import { createKernelCompiler, f64, input, output, shared, u32 } from '../../index.js';
import { runKernel } from '../../testing/argument-block.js';
import { gridFromText, mapFromText } from '../../testing/kernel-from-text.js';
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

  it.each(['i32', 'i64'] as const)('gives 0, not -0, for a small negative number cast to %s and back', (type) => {
    const text = `(k, { x, y }) => { y.value = k.f64(k.${type}(x)); }`;
    const kernel = mapFromText({ params: { x: input(f64), y: output(f64) } }, text);
    const compiled = compiler.compile(kernel, { targets: ['cpp'], simd: 'never' });
    const [outcome] = runCpp([{ compiled, args: { size: 3, values: { x: [-0.25, -1.5, 0.75] } } }]);
    expect(outcome?.outputs).toEqual({ y: [0, -1, 0] });
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

  it.each(['never', 'always'] as const)('keeps a bool across a barrier (lanes %s)', (simd) => {
    const text = `(k, { x, y, t }) => {
      const isLarge = x[k.global.x] > 2;
      t[k.local.x] = x[k.global.x];
      k.barrier();
      y[k.global.x] = isLarge ? t[7 - k.local.x] : 0;
    }`;
    const kernel = gridFromText(
      { params: { x: input(u32), y: output(u32) }, workgroup: 8, grid: 'full-groups', shared: { t: shared(u32, 8) } },
      text,
    );
    const compiled = compiler.compile(kernel, { targets: ['cpp'], simd });
    const [outcome] = runCpp([{ compiled, args: { size: [8, 1, 1], values: { x: [5, 1, 3, 2, 7, 0, 1, 9], y: 8 } } }]);
    expect(outcome?.outputs).toEqual({ y: [9, 0, 0, 0, 2, 0, 0, 5] });
  });
});
