import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { BinaryOperator, Expr, Literal, UnaryOperator } from '../ir/nodes.js';

type Value = number | bigint | boolean;

/** The expression as a literal where its operands are literals, else as it is. Float NaNs are left to the target. */
export function foldConstants(expr: Expr): Expr {
  const value = evaluate(expr);
  return value === undefined || Number.isNaN(value) ? expr : { op: 'literal', type: expr.type, value, at: expr.at };
}

function evaluate(expr: Expr): Value | undefined {
  if (expr.op === 'unary' && isLiteral(expr.value)) return foldUnary(expr.operator, expr.type, expr.value.value);
  if (expr.op === 'binary' && isLiteral(expr.left) && isLiteral(expr.right)) {
    return foldBinary(expr.operator, expr.left.type, expr.left.value, expr.right.value);
  }
  return undefined;
}

function isLiteral(expr: Expr): expr is Literal {
  return expr.op === 'literal';
}

function foldUnary(operator: UnaryOperator, type: DType, a: Value): Value | undefined {
  if (operator === 'not') return !a;
  if (typeof a === 'boolean') return undefined;
  if (operator === 'neg') return wrapTo(type, -a);
  return operator === 'bitnot' ? wrapTo(type, ~a) : undefined;
}

function foldBinary(operator: BinaryOperator, type: DType, a: Value, b: Value): Value | undefined {
  switch (operator) {
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'lt':
      return a < b;
    case 'le':
      return a <= b;
    case 'gt':
      return a > b;
    case 'ge':
      return a >= b;
    default:
      return foldArithmetic(operator, type, a, b);
  }
}

function foldArithmetic(operator: BinaryOperator, type: DType, a: Value, b: Value): Value | undefined {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (operator === 'add') return wrapTo(type, a + b);
    if (operator === 'sub') return wrapTo(type, a - b);
    return operator === 'mul' ? wrapTo(type, a * b) : undefined;
  }
  if (typeof a !== 'number' || typeof b !== 'number') return undefined;
  if (operator === 'add') return wrapTo(type, a + b);
  if (operator === 'sub') return wrapTo(type, a - b);
  if (operator !== 'mul') return undefined;
  return type === 'i32' || type === 'u32' ? wrapTo(type, Math.imul(a, b)) : wrapTo(type, a * b);
}

function wrapTo(type: DType, value: number | bigint): number | bigint {
  if (typeof value === 'bigint' || isWide(type))
    return type === 'i64' ? BigInt.asIntN(64, BigInt(value)) : BigInt.asUintN(64, BigInt(value));
  if (type === 'i32') return value | 0;
  if (type === 'u32') return value >>> 0;
  return type === 'f32' ? Math.fround(value) : value;
}
