import type { DType, ScalarType } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { createKernelCompiler, bool, f32, f64, i32, i64, input, output, u32, u64 } from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { mapFromText } from '../testing/kernel-from-text.js';

const TYPES: Record<DType, ScalarType> = { f32, f64, i32, u32, i64, u64, bool };
const compiler = createKernelCompiler();
type Scalar = number | bigint | boolean;

/** Values of `expression` over `a` (and `b`), from both artifacts; fails where the two differ. */
function evaluate(
  expression: string,
  types: { a: DType; b?: DType; r: DType },
  rows: readonly (readonly Scalar[])[],
): Scalar[] {
  const params = { a: input(TYPES[types.a]), b: input(TYPES[types.b ?? types.a]), r: output(TYPES[types.r]) };
  const compiled = compiler.compile(mapFromText({ params }, `(k, { a, b, r }) => { r.value = ${expression}; }`));
  const values = { a: rows.map((row) => row[0]), b: rows.map((row) => row[1] ?? row[0]) };
  const [wasm, js] = (['wasm', 'js'] as const).map((target) =>
    runKernel(compiled, target, { size: rows.length, values }),
  );
  expect(js?.outputs, `js and wasm of ${expression}`).toEqual(wasm?.outputs);
  return wasm?.outputs.r as Scalar[];
}

const MIN32 = -(2 ** 31);
const MAX32 = 2 ** 31 - 1;
const MIN64 = -(2n ** 63n);
const MAX64 = 2n ** 63n - 1n;

type Row = readonly [a: Scalar, b: Scalar, result: Scalar];
const BINARY: readonly (readonly [operator: string, type: DType, rows: readonly Row[]])[] = [
  [
    '+',
    'i32',
    [
      [MAX32, 1, MIN32],
      [1, -3, -2],
    ],
  ],
  ['+', 'u32', [[4294967295, 1, 0]]],
  ['+', 'i64', [[MAX64, 1n, MIN64]]],
  ['+', 'u64', [[2n ** 64n - 1n, 2n, 1n]]],
  [
    '+',
    'f32',
    [
      [16777216, 1, 16777216],
      [0.5, 0.25, 0.75],
    ],
  ],
  ['+', 'f64', [[0.1, 0.2, 0.1 + 0.2]]],
  ['-', 'u32', [[0, 1, 4294967295]]],
  ['-', 'i64', [[MIN64, 1n, MAX64]]],
  [
    '*',
    'i32',
    [
      [65537, 65537, 131073],
      [MIN32, -1, MIN32],
    ],
  ],
  ['*', 'u32', [[4294967295, 4294967295, 1]]],
  ['*', 'i64', [[MAX64, 2n, -2n]]],
  ['*', 'f32', [[1.100000023841858, 1.100000023841858, Math.fround(1.100000023841858 ** 2)]]],
  [
    '/',
    'i32',
    [
      [7, -2, -3],
      [-7, 2, -3],
      [5, 0, 5],
      [MIN32, -1, MIN32],
      [MIN32, 1, MIN32],
      [0, -1, 0],
    ],
  ],
  [
    '/',
    'u32',
    [
      [7, 2, 3],
      [5, 0, 5],
      [4294967295, 4294967295, 1],
    ],
  ],
  [
    '/',
    'i64',
    [
      [-7n, 2n, -3n],
      [9n, 0n, 9n],
      [MIN64, -1n, MIN64],
    ],
  ],
  [
    '/',
    'u64',
    [
      [2n ** 64n - 1n, 2n, 2n ** 63n - 1n],
      [9n, 0n, 9n],
    ],
  ],
  [
    '/',
    'f64',
    [
      [1, 0, Infinity],
      [-1, 0, -Infinity],
      [0, 0, NaN],
    ],
  ],
  ['/', 'f32', [[1, 3, Math.fround(1 / 3)]]],
  [
    '%',
    'i32',
    [
      [7, -2, 1],
      [-7, 2, -1],
      [5, 0, 0],
      [MIN32, -1, 0],
    ],
  ],
  [
    '%',
    'u32',
    [
      [7, 4, 3],
      [5, 0, 0],
    ],
  ],
  [
    '%',
    'i64',
    [
      [-7n, 2n, -1n],
      [9n, 0n, 0n],
      [MIN64, -1n, 0n],
    ],
  ],
  [
    '%',
    'u64',
    [
      [2n ** 64n - 1n, 10n, 5n],
      [9n, 0n, 0n],
    ],
  ],
  [
    '<<',
    'i32',
    [
      [1, 31, MIN32],
      [1, 32, 1],
      [1, 33, 2],
    ],
  ],
  [
    '<<',
    'u32',
    [
      [3, 31, 2147483648],
      [1, 32, 1],
    ],
  ],
  [
    '<<',
    'i64',
    [
      [1n, 63n, MIN64],
      [1n, 64n, 1n],
      [1n, -1n, MIN64],
    ],
  ],
  [
    '>>',
    'i32',
    [
      [-8, 1, -4],
      [-1, 32, -1],
    ],
  ],
  [
    '>>',
    'u32',
    [
      [4294967288, 1, 2147483644],
      [8, 33, 4],
    ],
  ],
  [
    '>>',
    'i64',
    [
      [-8n, 1n, -4n],
      [8n, 65n, 4n],
    ],
  ],
  ['>>', 'u64', [[2n ** 63n, 63n, 1n]]],
  [
    '>>>',
    'i32',
    [
      [-1, 28, 15],
      [-1, 0, -1],
    ],
  ],
  ['>>>', 'u32', [[4294967295, 28, 15]]],
  ['&', 'u32', [[4294967295, 4042322160, 4042322160]]],
  ['|', 'i32', [[MIN32, 1, MIN32 + 1]]],
  ['^', 'u32', [[4294967295, 1, 4294967294]]],
  ['^', 'i64', [[-1n, 1n, -2n]]],
];
const CALLS: readonly (readonly [call: string, type: DType, rows: readonly Row[]])[] = [
  [
    'k.min(a, b)',
    'f32',
    [
      [0, -0, -0],
      [NaN, 1, NaN],
      [1, 2, 1],
    ],
  ],
  [
    'k.max(a, b)',
    'f64',
    [
      [-0, 0, 0],
      [1, NaN, NaN],
    ],
  ],
  ['k.min(a, b)', 'u32', [[4294967295, 1, 1]]],
  [
    'k.max(a, b)',
    'i64',
    [
      [-1n, 1n, 1n],
      [MIN64, MAX64, MAX64],
    ],
  ],
  [
    'k.clamp(a, -2, 2)',
    'i32',
    [
      [5, 0, 2],
      [-5, 0, -2],
      [1, 0, 1],
    ],
  ],
  [
    'k.abs(a)',
    'i32',
    [
      [MIN32, 0, MIN32],
      [-3, 0, 3],
    ],
  ],
  [
    'k.abs(a)',
    'i64',
    [
      [MIN64, 0n, MIN64],
      [-3n, 0n, 3n],
    ],
  ],
  [
    'k.abs(a)',
    'f32',
    [
      [-0, 0, 0],
      [-1.5, 0, 1.5],
    ],
  ],
  [
    'k.sqrt(a)',
    'f32',
    [
      [2, 0, Math.fround(Math.SQRT2)],
      [-1, 0, NaN],
    ],
  ],
  ['k.floor(a)', 'f64', [[-1.5, 0, -2]]],
  [
    'k.ceil(a)',
    'f64',
    [
      [-1.5, 0, -1],
      [-0.5, 0, -0],
    ],
  ],
  ['k.trunc(a)', 'f32', [[-1.5, 0, -1]]],
  [
    'k.popcount(a)',
    'u32',
    [
      [4294967295, 0, 32],
      [0, 0, 0],
    ],
  ],
  ['k.popcount(a)', 'i64', [[-1n, 0n, 64n]]],
  [
    'k.clz(a)',
    'i32',
    [
      [0, 0, 32],
      [1, 0, 31],
      [-1, 0, 0],
    ],
  ],
  [
    'k.clz(a)',
    'u64',
    [
      [0n, 0n, 64n],
      [1n, 0n, 63n],
    ],
  ],
  [
    'k.ctz(a)',
    'u32',
    [
      [0, 0, 32],
      [2147483648, 0, 31],
      [12, 0, 2],
    ],
  ],
  [
    'k.ctz(a)',
    'i64',
    [
      [0n, 0n, 64n],
      [MIN64, 0n, 63n],
    ],
  ],
  ['-a', 'u32', [[1, 0, 4294967295]]],
  [
    '-a',
    'i32',
    [
      [MIN32, 0, MIN32],
      [0, 0, 0],
    ],
  ],
  ['-a', 'f64', [[0, 0, -0]]],
  ['~a', 'u32', [[0, 0, 4294967295]]],
  ['~a', 'i64', [[0n, 0n, -1n]]],
  [
    'k.select(a > b, a, b)',
    'i32',
    [
      [3, 2, 3],
      [1, 2, 2],
    ],
  ],
  [
    'a > b ? a - b : b - a',
    'u32',
    [
      [3, 5, 2],
      [5, 3, 2],
    ],
  ],
];
const CASTS: readonly (readonly [from: DType, to: DType, rows: readonly (readonly [Scalar, Scalar])[]])[] = [
  [
    'f64',
    'i32',
    [
      [NaN, 0],
      [Infinity, MAX32],
      [-Infinity, MIN32],
      [-1.9, -1],
      [2147483647.9, MAX32],
    ],
  ],
  [
    'f32',
    'u32',
    [
      [-1, 0],
      [NaN, 0],
      [4294967296, 4294967295],
      [3.9, 3],
    ],
  ],
  [
    'f64',
    'i64',
    [
      [NaN, 0n],
      [1e30, MAX64],
      [-1e30, MIN64],
      [-1.5, -1n],
      [2 ** 63, MAX64],
    ],
  ],
  [
    'f64',
    'u64',
    [
      [NaN, 0n],
      [1e30, 2n ** 64n - 1n],
      [-0.5, 0n],
      [-5, 0n],
      [2 ** 63, 2n ** 63n],
    ],
  ],
  ['i32', 'u32', [[-1, 4294967295]]],
  ['u32', 'i32', [[4294967295, -1]]],
  [
    'i64',
    'i32',
    [
      [2n ** 32n + 5n, 5],
      [-1n, -1],
      [2n ** 31n, MIN32],
    ],
  ],
  ['i64', 'u32', [[-1n, 4294967295]]],
  ['i32', 'i64', [[-1, -1n]]],
  ['i32', 'u64', [[-1, 2n ** 64n - 1n]]],
  ['u32', 'i64', [[4294967295, 4294967295n]]],
  ['u64', 'i64', [[2n ** 63n, MIN64]]],
  [
    'i64',
    'f64',
    [
      [2n ** 53n + 1n, 2 ** 53],
      [MIN64, -(2 ** 63)],
    ],
  ],
  ['u64', 'f64', [[2n ** 64n - 1n, 2 ** 64]]],
  // Through f64: rounding 2^24 + 1 + 2^-29-like ties in one step would differ.
  [
    'i64',
    'f32',
    [
      [16777217n, 16777216],
      [9007199791611905n, Math.fround(Number(9007199791611905n))],
    ],
  ],
  [
    'u32',
    'f32',
    [
      [4294967295, 4294967296],
      [16777217, 16777216],
    ],
  ],
  ['i32', 'f32', [[-16777217, -16777216]]],
  [
    'f64',
    'f32',
    [
      [0.1, Math.fround(0.1)],
      [1e300, Infinity],
    ],
  ],
  [
    'bool',
    'i64',
    [
      [true, 1n],
      [false, 0n],
    ],
  ],
  ['bool', 'f32', [[true, 1]]],
  [
    'i32',
    'bool',
    [
      [0, false],
      [-5, true],
    ],
  ],
  [
    'f64',
    'bool',
    [
      [NaN, true],
      [-0, false],
    ],
  ],
  ['u64', 'bool', [[2n ** 40n, true]]],
];

describe('operators have the documented value in both artifacts', () => {
  it.each(BINARY)('%s of %s', (operator, type, rows) => {
    expect(evaluate(`a ${operator} b`, { a: type, r: type }, rows)).toEqual(rows.map((row) => row[2]));
  });

  it.each(CALLS)('%s of %s', (call, type, rows) => {
    expect(evaluate(call, { a: type, r: type }, rows)).toEqual(rows.map((row) => row[2]));
  });

  it.each(CASTS)('%s to %s', (from, to, rows) => {
    expect(evaluate(`k.${to}(a)`, { a: from, r: to }, rows)).toEqual(rows.map((row) => row[1]));
  });

  it.each(['f32', 'f64', 'i32', 'u32', 'i64', 'u64'] as const)('comparisons of %s', (type) => {
    const wide = type === 'i64' || type === 'u64';
    const values: Scalar[] = wide
      ? [0n, 1n, type === 'i64' ? -1n : 2n ** 63n]
      : [0, 1, type === 'u32' ? 4294967295 : -1];
    if (type === 'f32' || type === 'f64') values.push(NaN, -0);
    const rows = values.flatMap((a) => values.map((b): [Scalar, Scalar] => [a, b]));
    const cases: [string, (a: Scalar, b: Scalar) => boolean][] = [
      ['<', (a, b) => a < b],
      ['<=', (a, b) => a <= b],
      ['>', (a, b) => a > b],
      ['>=', (a, b) => a >= b],
      ['===', (a, b) => a === b],
      ['!=', (a, b) => a !== b],
    ];
    for (const [operator, expected] of cases) {
      expect(evaluate(`a ${operator} b`, { a: type, r: 'bool' }, rows), operator).toEqual(
        rows.map(([a, b]) => expected(a, b)),
      );
      expect(evaluate(`!(a ${operator} b)`, { a: type, r: 'bool' }, rows), operator).toEqual(
        rows.map(([a, b]) => !expected(a, b)),
      );
    }
  });

  it('bitcast keeps the bits', () => {
    expect(evaluate("k.bitcast('u32', a)", { a: 'f32', r: 'u32' }, [[1.5], [-0]])).toEqual([0x3fc00000, 0x80000000]);
    expect(evaluate("k.bitcast('f64', a)", { a: 'i64', r: 'f64' }, [[0x3ff8000000000000n]])).toEqual([1.5]);
    expect(evaluate("k.bitcast('i32', a)", { a: 'u32', r: 'i32' }, [[4294967295]])).toEqual([-1]);
    expect(evaluate("k.bitcast('u64', a)", { a: 'f64', r: 'u64' }, [[-0]])).toEqual([2n ** 63n]);
  });

  it('evaluates only the needed side of && and ||', () => {
    const params = { a: input(u32), r: output(u32) };
    const body = `(k, { a, r }) => { let n = k.u32(0); if (a > 1 && (n += 1) > 0) { n += 10; } if (a > 2 || (n += 100) > 0) n += 1000; r.value = n; }`;
    const compiled = compiler.compile(mapFromText({ params }, body));
    for (const target of ['wasm', 'js'] as const) {
      expect(runKernel(compiled, target, { size: 3, values: { a: [1, 2, 3] } }).outputs).toEqual({
        r: [1100, 1111, 1011],
      });
    }
  });
});
