import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompiledKernel } from '@gpu-bridge/abstractions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKernel } from '../check/check-kernel.js';
import { buildIr } from '../compile/kernel-compiler.js';
import { createKernelCompiler } from '../index.js';
import { emitJs } from './js/emit-js.js';
import type { Binary, BinaryOperator, Expr, IrKernel, Stmt } from '../ir/nodes.js';
import { rewriteBlock } from '../ir/walk.js';
import { canonicalise } from '../passes/canonical.js';
import { toCpuForm } from '../passes/cpu-form/to-cpu-form.js';
import { runKernel } from '../testing/argument-block.js';
import type { Outcome } from '../testing/argument-block.js';
import { randomProgram } from '../testing/random-program.js';
import type { RandomProgram } from '../testing/random-program.js';

const compiler = createKernelCompiler();

function outcomes(compiled: CompiledKernel, program: RandomProgram): readonly [wasm: Outcome, js: Outcome] {
  return [runKernel(compiled, 'wasm', program.args), runKernel(compiled, 'js', program.args)];
}

/** Counting steps stay, or loops would not end. */
function isStep(e: Binary): boolean {
  return e.right.op === 'literal' && Number(e.right.value) === 1;
}

/** The kernel with every use of one operator replaced by another. */
function flip(kernel: IrKernel, from: BinaryOperator, to: BinaryOperator): IrKernel {
  const rewrite = {
    expr: (e: Expr): Expr => (e.op === 'binary' && e.operator === from && !isStep(e) ? { ...e, operator: to } : e),
    block: (stmts: readonly Stmt[]) => stmts,
  };
  return { ...kernel, main: { ...kernel.main, body: rewriteBlock(kernel.main.body, rewrite) } };
}

describe('random programs', () => {
  it('give the same bits, counts and violations as WebAssembly and as JavaScript, and stay inside their buffers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (seed) => {
        const program = randomProgram(seed);
        let compiled: CompiledKernel;
        try {
          compiled = compiler.compile(program.definition);
        } catch (e) {
          if (GpuBridgeError.is(e))
            throw new Error(`seed ${seed} does not compile: ${e.message}\n${program.text}`, { cause: e });
          throw e;
        }
        const [wasm, js] = outcomes(compiled, program);
        expect(js, `seed ${seed}\n${program.text}`).toEqual(wasm);
        expect([wasm.canariesIntact, js.canariesIntact]).toEqual([true, true]);
        // With every bounds check in place: a check that was left out must not have been needed.
        const source = emitJs(toCpuForm(canonicalise(checkKernel(program.definition))));
        const checked = runKernel({ ...compiled, artifacts: [{ target: 'js', source }] }, 'js', program.args);
        expect(checked, `seed ${seed}\n${program.text}`).toEqual(wasm);
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  it.each([
    ['add', 'sub'],
    ['lt', 'le'],
    ['gt', 'ge'],
    ['mul', 'add'],
    ['shr', 'shl'],
    ['min', 'max'],
    ['and', 'or'],
    ['eq', 'ne'],
  ] as const)(
    'notice when one emitter takes %s for %s',
    (from, to) => {
      let noticed = 0;
      for (let seed = 0; seed < 40 && noticed === 0; seed++) {
        const program = randomProgram(seed);
        const honest = compiler.compile(program.definition);
        const broken = emitJs(toCpuForm(flip(buildIr(program.definition), from, to)));
        const artifacts = honest.artifacts.map((a) => (a.target === 'js' ? { ...a, source: broken } : a));
        const [wasm, js] = outcomes({ ...honest, artifacts }, program);
        if (!sameOutcome(wasm, js)) noticed++;
      }
      expect(noticed).toBe(1);
    },
    60_000,
  );
});

function sameOutcome(a: Outcome, b: Outcome): boolean {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
}
