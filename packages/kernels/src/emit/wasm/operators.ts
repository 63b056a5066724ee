import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, BinaryOperator, UnaryOperator } from '../../ir/nodes.js';
import { valOf } from './code.js';
import type { Code } from './code.js';
import { ARITHMETIC, CAST, COMPARE, CONVERT, OP, REINTERPRET, TRUNC_SAT } from './opcodes.js';

type Instructions = Readonly<Partial<Record<ArithmeticOperator | UnaryOperator, number>>>;

/** Both operands are on the stack. */
export function emitBinary(code: Code, operator: BinaryOperator, type: DType, divisor?: number | bigint): void {
  if (
    operator === 'eq' ||
    operator === 'ne' ||
    operator === 'lt' ||
    operator === 'le' ||
    operator === 'gt' ||
    operator === 'ge'
  ) {
    code.op(COMPARE[type][operator]);
    return;
  }
  if (type === 'bool') throw new Error(`${operator} of bool`);
  const isInteger = type !== 'f32' && type !== 'f64';
  if (isInteger && (operator === 'div' || operator === 'rem')) emitDivision(code, operator, type, divisor);
  else if (isInteger && (operator === 'min' || operator === 'max')) emitMinMax(code, operator, type);
  else code.op(instruction(type, operator));
}

function instruction(type: Exclude<DType, 'bool'>, operator: ArithmeticOperator | UnaryOperator): number {
  const op = (ARITHMETIC[type] as Instructions)[operator];
  if (op === undefined) throw new Error(`no instruction for ${operator} of ${type}`);
  return op;
}

function emitMinMax(code: Code, operator: 'min' | 'max', type: DType): void {
  const [a, b] = [code.local(valOf(type)), code.local(valOf(type))];
  code
    .set(b)
    .tee(a)
    .get(b)
    .get(a)
    .get(b)
    .op(COMPARE[type][operator === 'min' ? 'lt' : 'gt'], OP.select);
}

/** x / 0 = x, x % 0 = 0, MIN / -1 = MIN, MIN % -1 = 0: the instruction traps on the first three. */
function emitDivision(
  code: Code,
  operator: 'div' | 'rem',
  type: 'i32' | 'u32' | 'i64' | 'u64',
  divisor?: number | bigint,
): void {
  const val = valOf(type);
  const op = instruction(type, operator);
  if (divisor !== undefined && BigInt(divisor) !== 0n && BigInt(divisor) !== -1n) {
    code.op(op);
    return;
  }
  const [a, b] = [code.local(val), code.local(val)];
  const signed = type === 'i32' || type === 'i64';
  const one = (): void => void code.constant(type, isWide(type) ? 1n : 1);
  code.set(b).set(a);
  // Division by zero: the divisor becomes 1, which gives x / 1 = x and x % 1 = 0.
  if (!signed) {
    code.get(a);
    one();
    code
      .get(b)
      .get(b)
      .op(isWide(type) ? OP.i64Eqz : OP.i32Eqz, OP.select, op);
    return;
  }
  // Signed: divisors 0 and -1 are the two with (b + 1) as unsigned below 2; for both, x % b is 0.
  code.get(b);
  one();
  code.op(instruction(type, 'add'));
  code.constant(type, isWide(type) ? 2n : 2).op(COMPARE[isWide(type) ? 'u64' : 'u32'].lt);
  code.open(OP.if, val);
  if (operator === 'rem') code.constant(type, isWide(type) ? 0n : 0);
  else {
    // b is 0 or -1: x | 1 picks 1 for b = 0 and -1 for b = -1, and 0 - x wraps where the instruction would trap.
    code.get(a).get(b);
    one();
    code.op(instruction(type, 'or'), instruction(type, 'mul'));
  }
  code.else().get(a).get(b).op(op).end();
}

/** The operand is on the stack. */
export function emitUnary(code: Code, operator: UnaryOperator, type: DType): void {
  if (operator === 'not') {
    code.op(OP.i32Eqz);
    return;
  }
  if (type === 'bool') throw new Error(`${operator} of bool`);
  const isInteger = type !== 'f32' && type !== 'f64';
  if (!isInteger || operator === 'popcount' || operator === 'clz' || operator === 'ctz') {
    code.op(instruction(type, operator));
    return;
  }
  const value = code.local(valOf(type));
  const zero = isWide(type) ? 0n : 0;
  const minusOne = isWide(type) ? -1n : -1;
  if (operator === 'bitnot') code.constant(type, minusOne).op(instruction(type, 'xor'));
  else if (operator === 'neg') code.set(value).constant(type, zero).get(value).op(instruction(type, 'sub'));
  else if (operator === 'abs') {
    code.set(value).constant(type, zero).get(value).op(instruction(type, 'sub')).get(value);
    code.get(value).constant(type, zero).op(COMPARE[type].lt, OP.select);
  } else throw new Error(`${operator} of ${type}`);
}

/** The operand is on the stack. */
export function emitCast(code: Code, from: DType, to: DType): void {
  if (from === to) return;
  if (to === 'bool') {
    code.constant(from, isWide(from) ? 0n : 0).op(COMPARE[from].ne);
    return;
  }
  const source = from === 'bool' ? 'u32' : from;
  if (to === 'f32' || to === 'f64') {
    if (source === 'f64') code.op(CAST.f32DemoteF64);
    else if (source === 'f32') code.op(CAST.f64PromoteF32);
    else if (to === 'f64') code.op(CONVERT.f64[source]);
    else if (source === 'i32' || source === 'u32') code.op(CONVERT.f32[source]);
    // 64-bit integers reach f32 through f64, on every target: JavaScript cannot round them in one step.
    else code.op(CONVERT.f64[source], CAST.f32DemoteF64);
    return;
  }
  if (source === 'f32' || source === 'f64') code.op(0xfc, TRUNC_SAT[to][source]);
  else if (isWide(to) && !isWide(source)) code.op(source === 'i32' ? CAST.i64ExtendI32 : CAST.i64ExtendU32);
  else if (!isWide(to) && isWide(source)) code.op(OP.i32WrapI64);
}

/** The operand is on the stack; both types have the same size. */
export function emitBitcast(code: Code, from: DType, to: DType): void {
  if (valOf(from) !== valOf(to)) code.op(REINTERPRET[valOf(to)]);
}
