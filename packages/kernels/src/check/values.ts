import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { holds } from '../authoring/define-helper.js';
import type { Expr, Literal } from '../ir/nodes.js';
import { Finding } from './diagnostics.js';

/** An expression made of literals only: it takes its type from where it stands. */
export interface Poly {
  readonly op: 'poly';
  readonly at: number;
  /** What JavaScript makes of it, where it is arithmetic of literals. */
  readonly constant?: number | bigint;
  readonly build: (type: DType) => Expr;
}
export type Lowered = Expr | Poly;

/** The expression at the expected type, or at its own where nothing is expected. */
export function typed(lowered: Lowered, expected: DType | undefined, what = 'this value'): Expr {
  if (lowered.op === 'poly') {
    if (expected === undefined) {
      throw new Finding(
        'untyped-literal',
        `the literal has no type here; write k.u32(…), k.f64(…) or another cast around it`,
        lowered.at,
      );
    }
    return lowered.build(expected);
  }
  if (expected !== undefined && lowered.type !== expected) {
    throw new Finding(
      'type-mismatch',
      `${what} must be ${expected} but is ${lowered.type}; write k.${expected}(…) to convert`,
      lowered.at,
    );
  }
  return lowered;
}

/** Brings two operands to one type; `fallback` types them when both are literals. */
export function unify(left: Lowered, right: Lowered, fallback: DType | undefined, at: number): readonly [Expr, Expr] {
  if (left.op === 'poly') {
    const type = right.op === 'poly' ? fallback : right.type;
    return [typed(left, type), typed(right, type)];
  }
  if (right.op !== 'poly' && right.type !== left.type) {
    throw new Finding(
      'type-mismatch',
      `${left.type} and ${right.type} do not mix; convert one side, for example k.${left.type}(…)`,
      at,
    );
  }
  return [left, typed(right, left.type)];
}

/** Applies `build` now, or when the literals get their type. */
export function combine(parts: readonly Lowered[], at: number, build: (parts: readonly Expr[]) => Expr): Lowered {
  const known = parts.find((part): part is Expr => part.op !== 'poly');
  if (known === undefined && parts.length > 0) {
    return { op: 'poly', at, build: (type) => build(parts.map((part) => typed(part, type))) };
  }
  for (const part of parts) {
    if (known !== undefined && part.op !== 'poly' && part.type !== known.type) {
      throw new Finding(
        'type-mismatch',
        `${known.type} and ${part.type} do not mix; convert one side, for example k.${known.type}(…)`,
        at,
      );
    }
  }
  return build(parts.map((part) => typed(part, known?.type)));
}

/** A number or bigint literal, waiting for its type. */
export function polyLiteral(value: number | bigint, at: number): Poly {
  return { op: 'poly', at, constant: value, build: (type) => literal(type, value, at) };
}

/**
 * Arithmetic of two literals, computed as JavaScript does and only then typed: minifiers may have done it already.
 * Undefined for what is no such arithmetic.
 */
export function polyArithmetic(operator: string, left: Lowered, right: Lowered, at: number): Poly | undefined {
  if (left.op !== 'poly' || right.op !== 'poly') return undefined;
  const [a, b] = [left.constant, right.constant];
  const value =
    typeof a === 'number' && typeof b === 'number'
      ? NUMBERS[operator]?.(a, b)
      : typeof a === 'bigint' && typeof b === 'bigint' && b !== 0n
        ? BIGINTS[operator]?.(a, b)
        : undefined;
  return value === undefined ? undefined : polyLiteral(value, at);
}

const NUMBERS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
  '>>>': (a, b) => a >>> b,
};
const BIGINTS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};

/** A literal of exactly this type. */
export function literal(type: DType, value: number | bigint, at: number): Literal {
  if (type === 'bool')
    throw new Finding('type-mismatch', 'a number stands where bool is needed; write true, false or a comparison', at);
  if (isWide(type) !== (typeof value === 'bigint')) {
    const fix = isWide(type) ? `write ${value}n` : `write it without the n`;
    throw new Finding(
      'bigint-literal',
      `a literal of ${type} is ${isWide(type) ? 'a bigint' : 'a number'}; ${fix}`,
      at,
    );
  }
  if (!holds(type, value)) {
    const fix = Number.isInteger(Number(value)) ? 'choose a wider type' : 'write an integer, or use f32 or f64';
    throw new Finding('literal-range', `${value} is not a value of ${type}; ${fix}`, at);
  }
  return { op: 'literal', type, value: type === 'f32' ? Math.fround(value as number) : value, at };
}

export function boolLiteral(value: boolean, at: number): Literal {
  return { op: 'literal', type: 'bool', value, at };
}
