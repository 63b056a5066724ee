import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, BinaryOperator, CompareOperator, Expr, Literal, UnaryOperator } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';

type Value = number | bigint | boolean;

/**
 * The expression as a literal where its operands are literals, else as it is. The results are those of docs/KERNELS.md
 * "Exactness": JavaScript's doubles hold every operation of f64, and those of f32 before their one rounding. Float NaNs
 * are left to the target, as their payloads may differ.
 */
export function foldConstants(expr: Expr): Expr {
  const value = evaluate(expr);
  if (value !== undefined && !Number.isNaN(value)) return { op: 'literal', type: expr.type, value, at: expr.at };
  return expr.op === 'select' || expr.op === 'logical' ? foldChoice(expr) : expr;
}

/** A choice whose outcome is known, where leaving out the other operand leaves out no effect and no counted violation. */
function foldChoice(expr: Expr & { op: 'select' | 'logical' }): Expr {
  if (expr.op === 'logical') {
    const { operator, left, right } = expr;
    if (!isLiteral(right)) return expr;
    if (right.value === (operator === 'and')) return left;
    return isFree(left) ? right : expr;
  }
  if (!isLiteral(expr.condition)) return expr;
  const [taken, left] =
    expr.condition.value === true ? [expr.whenTrue, expr.whenFalse] : [expr.whenFalse, expr.whenTrue];
  return isFree(left) ? taken : expr;
}

/** Whether evaluating changes nothing, reads no memory and so counts no violation. */
export function isFree(expr: Expr): boolean {
  let free = true;
  walkStmts([{ op: 'do', value: expr, at: expr.at }], {
    expr: (e) => {
      free &&= e.op !== 'load' && e.op !== 'atomic' && e.op !== 'call' && e.op !== 'sequence';
    },
  });
  return free;
}

function evaluate(expr: Expr): Value | undefined {
  switch (expr.op) {
    case 'unary':
      return isLiteral(expr.value) ? foldUnary(expr.operator, expr.type, expr.value.value) : undefined;
    case 'binary':
      if (!isLiteral(expr.left) || !isLiteral(expr.right)) return undefined;
      return foldBinary(expr.operator, expr.left.type, expr.left.value, expr.right.value);
    case 'cast':
      return isLiteral(expr.value) ? foldCast(expr.value.type, expr.type, expr.value.value) : undefined;
    case 'bitcast':
      return isLiteral(expr.value) ? foldBitcast(expr.value.type, expr.type, expr.value.value) : undefined;
    default:
      return undefined;
  }
}

function isLiteral(expr: Expr): expr is Literal {
  return expr.op === 'literal';
}

function foldUnary(operator: UnaryOperator, type: DType, a: Value): Value | undefined {
  if (operator === 'not') return !a;
  if (typeof a === 'boolean') return undefined;
  switch (operator) {
    case 'neg':
      return wrapTo(type, -a);
    case 'bitnot':
      return wrapTo(type, ~a);
    case 'abs':
      return wrapTo(type, a < 0 || Object.is(a, -0) ? -a : a);
    case 'popcount':
    case 'clz':
    case 'ctz':
      return countBits(operator, type, a);
    default:
      return typeof a === 'number' ? wrapTo(type, Math[operator](a)) : undefined;
  }
}

function countBits(operator: 'popcount' | 'clz' | 'ctz', type: DType, a: number | bigint): number | bigint {
  const width = isWide(type) ? 64 : 32;
  const bits = BigInt.asUintN(width, BigInt(a)).toString(2).padStart(width, '0');
  const first = operator === 'clz' ? bits.indexOf('1') : width - 1 - bits.lastIndexOf('1');
  const none = !bits.includes('1');
  const count = operator === 'popcount' ? bits.replaceAll('0', '').length : none ? width : first;
  return isWide(type) ? BigInt(count) : count;
}

function foldBinary(operator: BinaryOperator, type: DType, a: Value, b: Value): Value | undefined {
  const compared = compare(operator as CompareOperator, a, b);
  if (compared !== undefined) return compared;
  if (typeof a === 'bigint' && typeof b === 'bigint') return wideArithmetic(operator as ArithmeticOperator, type, a, b);
  if (typeof a !== 'number' || typeof b !== 'number') return undefined;
  const fold = type === 'f32' || type === 'f64' ? floatArithmetic : narrowArithmetic;
  const value = fold(operator as ArithmeticOperator, a, b, type === 'u32');
  return value === undefined ? undefined : wrapTo(type, value);
}

function compare(operator: CompareOperator, a: Value, b: Value): boolean | undefined {
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
      return undefined;
  }
}

function floatArithmetic(operator: ArithmeticOperator, a: number, b: number): number | undefined {
  switch (operator) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return a / b;
    case 'min':
    case 'max':
      return Math[operator](a, b);
    default:
      return undefined;
  }
}

function narrowArithmetic(operator: ArithmeticOperator, a: number, b: number, unsigned: boolean): number {
  switch (operator) {
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return Math.imul(a, b);
    case 'div':
      return b === 0 ? a : Math.trunc(a / b);
    case 'rem':
      return b === 0 ? 0 : a % b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shr':
      return unsigned ? a >>> b : a >> b;
    case 'ushr':
      return a >>> b;
    case 'min':
    case 'max':
      return Math[operator](a, b);
  }
}

function wideArithmetic(operator: ArithmeticOperator, type: DType, a: bigint, b: bigint): bigint | undefined {
  const wrap = (x: bigint): bigint => (type === 'i64' ? BigInt.asIntN(64, x) : BigInt.asUintN(64, x));
  switch (operator) {
    case 'add':
      return wrap(a + b);
    case 'sub':
      return wrap(a - b);
    case 'mul':
      return wrap(a * b);
    case 'div':
      return b === 0n ? a : wrap(a / b);
    case 'rem':
      return b === 0n ? 0n : a % b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return wrap(a << (b & 63n));
    case 'shr':
      return a >> (b & 63n);
    case 'ushr':
      return undefined;
    case 'min':
      return a < b ? a : b;
    case 'max':
      return a > b ? a : b;
  }
}

const RANGE = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  u64: [0n, 2n ** 64n - 1n],
} as const;

function foldCast(from: DType, to: DType, a: Value): Value {
  if (to === 'bool') return typeof a === 'bigint' ? a !== 0n : typeof a === 'boolean' ? a : a !== 0;
  if (typeof a === 'boolean') return isWide(to) ? BigInt(a) : Number(a);
  if (to === 'f64') return Number(a);
  if (to === 'f32') return Math.fround(Number(a));
  return from === 'f32' || from === 'f64' ? saturate(to, Number(a)) : convert(to, a);
}

/** Integer to integer keeps the low bits. */
function convert(to: 'i32' | 'u32' | 'i64' | 'u64', a: number | bigint): number | bigint {
  const bits = isWide(to) ? 64 : 32;
  const value = to === 'i32' || to === 'i64' ? BigInt.asIntN(bits, BigInt(a)) : BigInt.asUintN(bits, BigInt(a));
  return isWide(to) ? value : Number(value);
}

function saturate(to: 'i32' | 'u32' | 'i64' | 'u64', a: number): number | bigint {
  const [low, high] = RANGE[to];
  if (Number.isNaN(a)) return isWide(to) ? 0n : 0;
  if (a <= low) return low;
  if (a >= high) return high;
  return isWide(to) ? BigInt(Math.trunc(a)) : Math.trunc(a) + 0;
}

const VIEWS = {
  i32: ['getInt32', 'setInt32'],
  u32: ['getUint32', 'setUint32'],
  f32: ['getFloat32', 'setFloat32'],
  i64: ['getBigInt64', 'setBigInt64'],
  u64: ['getBigUint64', 'setBigUint64'],
  f64: ['getFloat64', 'setFloat64'],
} as const;

function foldBitcast(from: DType, to: DType, a: Value): Value | undefined {
  if (Number.isNaN(a) || from === 'bool' || to === 'bool') return undefined;
  const bits = new DataView(new ArrayBuffer(8));
  bits[VIEWS[from][1]](0, a as never);
  return bits[VIEWS[to][0]](0);
}

function wrapTo(type: DType, value: number | bigint): number | bigint {
  if (typeof value === 'bigint' || isWide(type))
    return type === 'i64' ? BigInt.asIntN(64, BigInt(value)) : BigInt.asUintN(64, BigInt(value));
  if (type === 'i32') return value | 0;
  if (type === 'u32') return value >>> 0;
  return type === 'f32' ? Math.fround(value) : value;
}
