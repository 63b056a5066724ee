import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKernelCompiler } from '../../../index.js';
import { runKernel } from '../../../testing/argument-block.js';
import { simdForms } from '../../../testing/simd-forms.js';
import { laneArguments, laneProgram } from '../../../testing/lane-program.js';

const compiler = createKernelCompiler();

describe('random kernels of 32-bit values', () => {
  it('give the same bits and violations as SIMD, as scalar WebAssembly and as JavaScript', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const { text, definition } = laneProgram(seed);
        const scalar = compiler.compile(definition, { simd: 'never' });
        const forms = simdForms(definition, scalar);
        for (const size of [5, 23]) {
          const args = laneArguments(seed, size);
          const expected = runKernel(scalar, 'js', args, 1);
          expect(runKernel(scalar, 'wasm', args, 1), `seed ${seed}\n${text}`).toEqual(expected);
          for (const simd of forms) expect(runKernel(simd, 'wasm', args, 1), `seed ${seed}\n${text}`).toEqual(expected);
        }
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});
