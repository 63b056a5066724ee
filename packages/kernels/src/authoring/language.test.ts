import { describe, expect, it } from 'vitest';
import {
  columns,
  constant,
  createKernelCompiler,
  gridKernel,
  helper,
  i64,
  inout,
  input,
  mapKernel,
  mutableColumns,
  output,
  ragged,
  specialize,
  struct,
  u32,
} from '../index.js';
import { runKernel } from '../testing/argument-block.js';

const Line = struct({ amount: i64, account: u32 });
const compiler = createKernelCompiler();

const divmod = helper('divmod', { args: { a: u32, b: u32 }, returns: struct({ q: u32, r: u32 }) }, (_k, { a, b }) => ({
  q: a / b,
  r: a % b,
}));

const digits = mapKernel(
  'test/digits',
  {
    params: { n: input(u32), sum: output(u32) },
    uses: { divmod },
    constants: { BASE: constant(u32, 10), ALTERNATE: constant(u32, 0) },
  },
  (k, { n, sum }) => {
    let rest = n;
    let total = k.u32(0);
    let odd = false;
    while (rest > 0) {
      const { q, r } = k.uses.divmod({ a: rest, b: k.constants.BASE });
      total = k.constants.ALTERNATE === 1 && odd ? total + 2 * r : total + r;
      odd = !odd;
      rest = q;
    }
    sum.value = total;
  },
);

const total = helper('total', { args: { lines: columns(Line) }, returns: i64 }, (k, { lines }) => {
  let sum = k.i64(0);
  for (let i = k.u32(0); i < lines.length; i++) sum += lines.amount[i]!;
  return sum;
});
const negate = helper('negate', { args: { lines: mutableColumns(Line), from: u32 } }, (_k, { lines, from }) => {
  for (let i = from; i < lines.length; i++) {
    lines.amount[i] = -lines.amount[i]!;
    lines.account[i]! += 1;
  }
});
/** Passes its own bundle on. */
const twice = helper(
  'twice',
  { args: { lines: columns(Line) }, returns: i64, uses: { total } },
  (k, { lines }) => k.uses.total({ lines }) * 2n,
);

const bundled = mapKernel(
  'test/bundled',
  {
    params: {
      lines: input(ragged(Line)),
      copy: output(ragged(Line, { max: [1, 0] })),
      sums: output(struct({ a: i64, b: i64 })),
    },
    uses: { total, twice, negate },
  },
  (k, { lines, copy, sums }) => {
    for (let i = k.u32(0); i < lines.length; i++) copy.push({ amount: lines.amount[i]!, account: lines.account[i]! });
    k.uses.negate({ lines: copy, from: 1 });
    sums.a = k.uses.twice({ lines });
    sums.b = k.uses.total({ lines: copy });
  },
);

const whole = gridKernel(
  'test/whole',
  { params: { lines: inout(Line), sums: output(i64) }, uses: { total, negate } },
  (k, { lines, sums }) => {
    sums[k.global.x] = k.uses.total({ lines });
    k.uses.negate({ lines, from: 2 });
  },
);

describe.each(['wasm', 'js'] as const)('as %s', (target) => {
  it('a helper with several results gives each its own', () => {
    const values = { n: [0, 7, 1234, 4_000_000_000], sum: 4 };
    expect(runKernel(compiler.compile(digits), target, { size: 4, values }).outputs).toEqual({ sum: [0, 7, 10, 4] });
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
