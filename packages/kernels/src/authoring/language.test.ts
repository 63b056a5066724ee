import { describe, expect, it } from 'vitest';
import { createKernelCompiler, specialize } from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { bundled, digits, ordered, whole } from '../testing/language-kernels.js';

const compiler = createKernelCompiler();

describe.each(['wasm', 'js'] as const)('as %s', (target) => {
  it('a helper with several results gives each its own', () => {
    const values = { n: [0, 7, 1234, 4_000_000_000], sum: 4 };
    expect(runKernel(compiler.compile(digits), target, { size: 4, values }).outputs).toEqual({ sum: [0, 7, 10, 4] });
  });

  it('results come from whichever branch returns', () => {
    const values = { n: [0, 3, 5, 12, 30], sum: 5 };
    expect(runKernel(compiler.compile(ordered), target, { size: 5, values }).outputs).toEqual({
      sum: [1, 1, 5, 12, 30],
    });
  });

  it('a specialised kernel computes with its constants', () => {
    const binary = compiler.compile(specialize(digits, { BASE: 2, ALTERNATE: 1 }));
    expect(runKernel(binary, target, { size: 3, values: { n: [0, 5, 7], sum: 3 } }).outputs).toEqual({
      sum: [0, 2, 4],
    });
  });

  it('a bundle reads an input list and writes an output list below its length', () => {
    const list = [
      { amount: 1n, account: 7 },
      { amount: 2n, account: 8 },
      { amount: 3n, account: 9 },
    ];
    const values = { lines: [list, []] };
    const { outputs, violations } = runKernel(compiler.compile(bundled), target, { size: 2, values });
    expect(violations).toBe(0);
    const copy = {
      amount: [[1n, -2n, -3n], []],
      account: [[7, 9, 10], []],
    };
    expect(outputs).toEqual({ copy, sums: { a: [12n, 0n], b: [-4n, 0n] } });
  });

  it('a bundle reads and writes a grid array of structs', () => {
    const values = { lines: { amount: [1n, 2n, 3n], account: [7, 8, 9] }, sums: 1 };
    const { outputs } = runKernel(compiler.compile(whole), target, { size: 1, values });
    expect(outputs).toEqual({ lines: { amount: [1n, 2n, -3n], account: [7, 8, 10] }, sums: [6n] });
  });
});
