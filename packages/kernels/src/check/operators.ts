import type { DType } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, CompareOperator, Expr } from '../ir/nodes.js';
import { Finding } from './diagnostics.js';
import { literal } from './values.js';

/** Source operators that compute a value of the operands' type. */
export const ARITHMETIC: Readonly<Record<string, ArithmeticOperator>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'rem',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
  '<<': 'shl',
  '>>': 'shr',
  '>>>': 'ushr',
};
/** Source operators that give bool. */
export const COMPARE: Readonly<Record<string, CompareOperator>> = {
  '==': 'eq',
  '===': 'eq',
  '!=': 'ne',
  '!==': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

/** A checked arithmetic node over two operands of one type. */
export function arithmetic(operator: ArithmeticOperator, left: Expr, right: Expr, at: number): Expr {
  const { type } = left;
  const symbol = Object.keys(ARITHMETIC).find((key) => ARITHMETIC[key] === operator) ?? operator;
  if (type === 'bool')
    throw new Finding('operator-type', `\`${symbol}\` does not apply to bool; use &&, ||, ! or k.u32(…)`, at);
  if (isFloat(type) && INTEGER_ONLY.has(operator)) {
    const fix = operator === 'rem' ? 'write x - k.trunc(x / y) * y' : 'convert to an integer type first';
    throw new Finding('operator-type', `\`${symbol}\` does not apply to ${type}; ${fix}`, at);
  }
  if (operator === 'ushr') {
    if (type === 'i64') throw new Finding('operator-type', '>>> does not apply to i64; write k.u64(x) >> n', at);
    // On unsigned types both shifts are the same operation.
    if (type !== 'i32') return { op: 'binary', type, operator: 'shr', left, right, at };
  }
  return { op: 'binary', type, operator, left, right, at };
}

const INTEGER_ONLY: ReadonlySet<ArithmeticOperator> = new Set(['rem', 'and', 'or', 'xor', 'shl', 'shr', 'ushr']);

export function isFloat(type: DType): boolean {
  return type === 'f32' || type === 'f64';
}

export function isInteger(type: DType): boolean {
  return type !== 'bool' && !isFloat(type);
}

/** The literal 0 of an integer type. */
export function zero(type: DType, at: number): Expr {
  return literal(type, type === 'i64' || type === 'u64' ? 0n : 0, at);
}

/** The literal 1 of a type. */
export function one(type: DType, at: number): Expr {
  return literal(type, type === 'i64' || type === 'u64' ? 1n : 1, at);
}
