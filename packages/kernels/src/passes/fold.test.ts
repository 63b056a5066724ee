import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { binaryText, bitcastText, castText, literalText, unaryText } from '../emit/js/operators.js';
import { preludeFor } from '../emit/js/prelude.js';
import type { BinaryOperator, Expr, Literal, UnaryOperator } from '../ir/nodes.js';
import { foldConstants } from './fold.js';

type Value = number | bigint | boolean;

const VALUES: Record<DType, readonly Value[]> = {
  bool: [false, true],
  i32: [0, 1, -1, 2, 3, -7, 31, 32, 33, 12345, -(2 ** 31), 2 ** 31 - 1],
  u32: [0, 1, 2, 3, 7, 31, 32, 33, 12345, 2 ** 31, 2 ** 32 - 1],
  i64: [0n, 1n, -1n, 3n, -7n, 63n, 64n, 65n, 2n ** 40n + 5n, -(2n ** 63n), 2n ** 63n - 1n],
  u64: [0n, 1n, 3n, 7n, 63n, 64n, 65n, 2n ** 40n + 5n, 2n ** 63n, 2n ** 64n - 1n],
  f32: [0, -0, 1, -1, 0.5, -2.5, 1e-40, 3e9, -3e9, 1e20, 3.4e38, Infinity, -Infinity, NaN].map(Math.fround),
  f64: [0, -0, 1, -1, 0.1, -2.5, 5e-324, 3e9, -3e9, 1e20, 1.7e308, Infinity, -Infinity, NaN],
};
const INTEGERS: readonly DType[] = ['i32', 'u32', 'i64', 'u64'];
const FLOATS: readonly DType[] = ['f32', 'f64'];
const NUMBERS: readonly DType[] = [...INTEGERS, ...FLOATS];
const TYPES: readonly DType[] = [...NUMBERS, 'bool'];

/** What the JavaScript of the reference target gives. */
function reference(text: string): Value {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- runs the text that the emitter prints
  return (new Function(`${preludeFor(text).join('\n')}\nreturn ${text};`) as () => Value)();
}

const literal = (type: DType, value: Value): Literal => ({ op: 'literal', type, value, at: 0 });

function expectFolded(expr: Expr, text: string): void {
  const wanted = reference(text);
  const folded = foldConstants(expr);
  if (Number.isNaN(wanted)) {
    expect(folded, text).toBe(expr);
    return;
  }
  expect(folded.op === 'literal' ? folded.value : folded, text).toBe(
    // Integers have no negative zero.
    expr.type === 'i32' || expr.type === 'u32' ? Number(wanted) + 0 : wanted,
  );
}

describe('folding gives what the reference target computes', () => {
  const unary: readonly (readonly [UnaryOperator, readonly DType[]])[] = [
    ['not', ['bool']],
    ['neg', NUMBERS],
    ['bitnot', INTEGERS],
    ['abs', ['i32', 'i64', 'f32', 'f64']],
    ...(['sqrt', 'floor', 'ceil', 'trunc'] as const).map((operator) => [operator, FLOATS] as const),
    ...(['popcount', 'clz', 'ctz'] as const).map((operator) => [operator, INTEGERS] as const),
  ];
  it.each(unary)('for %s', (operator, types) => {
    for (const type of types) {
      for (const a of VALUES[type]) {
        const expr: Expr = { op: 'unary', type, operator, value: literal(type, a), at: 0 };
        expectFolded(expr, unaryText(operator, type, literalText(type, a)));
      }
    }
  });

  const binary: readonly (readonly [BinaryOperator, readonly DType[]])[] = [
    ...(['add', 'sub', 'mul', 'div', 'min', 'max'] as const).map((operator) => [operator, NUMBERS] as const),
    ...(['rem', 'and', 'or', 'xor', 'shl', 'shr'] as const).map((operator) => [operator, INTEGERS] as const),
    ['ushr', ['i32']],
    ...(['eq', 'ne'] as const).map((operator) => [operator, TYPES] as const),
    ...(['lt', 'le', 'gt', 'ge'] as const).map((operator) => [operator, NUMBERS] as const),
  ];
  it.each(binary)('for %s', (operator, types) => {
    const compares = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'].includes(operator);
    for (const type of types) {
      for (const a of VALUES[type]) {
        for (const b of VALUES[type]) {
          const operands = { left: literal(type, a), right: literal(type, b) };
          const expr: Expr = { op: 'binary', type: compares ? 'bool' : type, operator, ...operands, at: 0 };
          expectFolded(expr, binaryText(operator, type, literalText(type, a), literalText(type, b)));
        }
      }
    }
  });

  it.each(TYPES)('for casts from %s', (from) => {
    for (const to of TYPES.filter((type) => type !== from)) {
      for (const a of VALUES[from]) {
        const expr: Expr = { op: 'cast', type: to, value: literal(from, a), at: 0 };
        expectFolded(expr, castText(from, to, literalText(from, a)));
      }
    }
  });

  it.each(NUMBERS)('for bitcasts from %s', (from) => {
    const size = (type: DType): number => (isWide(type) || type === 'f64' ? 8 : 4);
    for (const to of NUMBERS.filter((type) => type !== from && size(type) === size(from))) {
      for (const a of VALUES[from]) {
        const expr: Expr = { op: 'bitcast', type: to, value: literal(from, a), at: 0 };
        // The bits of a NaN are the target's.
        if (Number.isNaN(a)) expect(foldConstants(expr)).toBe(expr);
        else expectFolded(expr, bitcastText(from, to, literalText(from, a)));
      }
    }
  });
});

describe('a choice that is known', () => {
  const load: Expr = {
    ...{ op: 'load', type: 'bool', index: literal('u32', 0), check: true, at: 0 },
    array: { kind: 'column', slot: 0, length: { kind: 'column', slot: 0 }, dtype: 'bool' },
  };
  const local: Expr = { op: 'local', type: 'bool', local: 0, at: 0 };
  const logical = (operator: 'and' | 'or', left: Expr, right: Expr): Expr => ({
    ...{ op: 'logical', type: 'bool', operator, left, right, at: 0 },
  });

  it('drops operands that have no effect', () => {
    expect(foldConstants(logical('and', load, literal('bool', true)))).toBe(load);
    expect(foldConstants(logical('or', local, literal('bool', true)))).toMatchObject({ value: true });
    const select: Expr = {
      ...{ op: 'select', type: 'bool', condition: literal('bool', false), whenTrue: local, whenFalse: load, at: 0 },
    };
    expect(foldConstants(select)).toBe(load);
  });

  it('keeps operands that may count a violation', () => {
    const kept = logical('or', load, literal('bool', true));
    expect(foldConstants(kept)).toBe(kept);
    const select: Expr = {
      ...{ op: 'select', type: 'bool', condition: literal('bool', true), whenTrue: local, whenFalse: load, at: 0 },
    };
    expect(foldConstants(select)).toBe(select);
  });
});
