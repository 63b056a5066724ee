import { describe, expect, it } from 'vitest';
import { createKernelCompiler, helper, i64, input, mutableArray, output, scratch, u32 } from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { functionOf, mapFromText } from '../testing/kernel-from-text.js';
import { helped, sorted, totals } from '../testing/sample-kernels.js';

const compiler = createKernelCompiler();
const lines = [
  [
    { amount: 30n, account: 1 },
    { amount: -5n, account: 2 },
    { amount: 7n, account: 3 },
  ],
  [],
  [{ amount: 9_007_199_254_740_993n, account: 4 }],
];

describe.each(['wasm', 'js'] as const)('a compiled kernel as %s', (target) => {
  it('sums the list of each item', () => {
    const { outputs, violations, canariesIntact } = runKernel(compiler.compile(totals), target, {
      size: 3,
      values: { lines, rate: 0.5 },
    });
    expect(outputs).toEqual({
      total: [32n, 0n, 9_007_199_254_740_993n],
      stats: { count: [3, 0, 1], scaled: [16, 0, 4503599627370496] },
    });
    expect([violations, canariesIntact]).toEqual([0, true]);
  });

  it('sorts in scratch memory and pushes to a ragged output', () => {
    const { outputs, violations, canariesIntact } = runKernel(compiler.compile(sorted), target, {
      size: 3,
      values: { lines },
      group: 1,
      groups: 2,
    });
    expect(outputs).toEqual({
      flows: { rank: [[0, 1, 2], [], [0]], amount: [[-5n, 7n, 30n], [], [9_007_199_254_740_993n]] },
    });
    expect([violations, canariesIntact]).toEqual([0, true]);
  });

  it('calls helpers with scratch arrays and lists', () => {
    const values = { values: [[1, 2, 3], [], [10]] };
    const { outputs, violations } = runKernel(compiler.compile(helped), target, { size: 3, values });
    // work has 2 * length + 3 elements: 5, 6, 7, …; its sum leaves out the first.
    expect(outputs).toEqual({
      result: { plain: [6, 0, 10], filled: [6 + 7 + 8 + 9 + 10 + 11 + 12 + 13, 6 + 7, 6 + 7 + 8 + 9] },
    });
    expect(violations).toBe(0);
  });

  it('calls helpers that are too large to inline', () => {
    const steps = Array.from(
      { length: 30 },
      (_, i) => `if (at === ${i}) { xs[at] = value + ${i}; return k.i64(at) - wide; }`,
    );
    const text = `(k, { xs, at, value, wide }) => { ${steps.join(' ')} return k.i64(xs[at]) + wide; }`;
    const args = { xs: mutableArray(u32), at: u32, value: u32, wide: i64 };
    const big = helper('big', { args, returns: i64 }, functionOf(text) as never);
    const params = { n: input(u32), work: scratch(u32, { max: [0, 40] }), r: output(i64), w: output(u32) };
    const body =
      '(k, { n, work, r, w }) => { work[31] = 9; r.value = k.uses.big({ xs: work, at: n, value: 5, wide: 100n }); w.value = work[n]; }';
    const compiled = compiler.compile(mapFromText({ params, uses: { big } }, body));
    const { outputs, violations } = runKernel(compiled, target, { size: 3, values: { n: [3, 31, 40] } });
    expect(outputs).toEqual({ r: [-97n, 109n, 100n], w: [8, 9, 0] });
    expect(violations).toBe(2);
  });
});

describe('a tower of helpers that each call the one below twice', () => {
  let twice = helper('level0', { args: { x: u32 }, returns: u32 }, (_k, { x }) => x * x + 1);
  for (let level = 1; level < 14; level++) {
    twice = helper(`level${level}`, { args: { x: u32 }, returns: u32, uses: { twice } }, (k, { x }) => {
      const once = k.uses.twice({ x });
      return k.uses.twice({ x: once + 1 });
    });
  }
  const tower = mapFromText(
    { params: { x: input(u32), y: output(u32) }, uses: { twice } },
    '(k, p) => { p.y.value = k.uses.twice({ x: p.x }); }',
  );

  it('does not double with each level', () => {
    const [wasm] = compiler.compile(tower, { targets: ['wasm'] }).artifacts;
    expect(wasm?.target === 'wasm' ? wasm.bytes.length : Infinity).toBeLessThan(40_000);
  });
});
