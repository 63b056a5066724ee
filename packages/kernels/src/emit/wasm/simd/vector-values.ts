import type { CompareOperator, UnaryOperator } from '../../../ir/nodes.js';
import type { VExpr } from '../../../passes/vectorize/vector-form.js';
import { emitExpr } from '../expressions.js';
import { OP, COMPARE } from '../opcodes.js';
import { emitBinary, emitBitcast, emitCast, emitUnary } from '../operators.js';
import { emitDivision } from './divide.js';
import { SIMD, SIMD_ARITHMETIC, SIMD_COMPARE, SIMD_SHIFT } from './simd-opcodes.js';
import { bytesOf, eachPart, extract, laneNumbers, laneType, perLane, toLocal, varOf } from './vector-frame.js';
import type { LaneType, VectorFrame } from './vector-frame.js';

/** Leaves a value of the vector form on the stack: a scalar if it is uniform, else a v128. */
export function emitValue(frame: VectorFrame, value: VExpr): void {
  if (value.varying) emitLanes(frame, value);
  else emitUniform(frame, value);
}

function emitUniform(frame: VectorFrame, value: VExpr): void {
  const { code, around } = frame.frame;
  switch (value.op) {
    case 'leaf':
      emitExpr(frame.frame, value.expr);
      return;
    case 'first':
      code.get(value.of === 'item' ? around.item() : around.id(value.of, 'x'));
      return;
    case 'var':
      code.get(varOf(frame, value.id));
      return;
    case 'unary':
      emitUniform(frame, value.value);
      emitUnary(code, value.operator, value.type);
      return;
    case 'binary': {
      emitUniform(frame, value.left);
      emitUniform(frame, value.right);
      emitBinary(code, value.operator, value.left.type, literalOf(value.right));
      return;
    }
    case 'mask':
      emitUniform(frame, value.left);
      emitUniform(frame, value.right);
      if (value.operator === 'andNot') code.op(OP.i32Eqz);
      emitBinary(code, value.operator === 'or' ? 'or' : 'and', 'u32');
      return;
    case 'select':
      emitUniform(frame, value.whenTrue);
      emitUniform(frame, value.whenFalse);
      emitUniform(frame, value.condition);
      code.op(OP.select);
      return;
    case 'cast':
      emitUniform(frame, value.value);
      emitCast(code, value.value.type, value.type);
      return;
    case 'bitcast':
      emitUniform(frame, value.value);
      emitBitcast(code, value.value.type, value.type);
      return;
    case 'lane0':
      emitLanes({ ...frame, part: 0 }, value.value);
      code.simd(value.type === 'f32' ? SIMD.f32x4ExtractLane : SIMD.i32x4ExtractLane, 0);
      if (value.type === 'bool') code.i32(0).op(COMPARE.i32.ne);
      return;
    case 'any':
      eachPart(frame, (inPart) => {
        emitLanes(inPart, value.mask);
        if (inPart.part > 0) code.simd(SIMD.v128Or);
      });
      code.simd(SIMD.v128AnyTrue);
      return;
    case 'lanes':
    case 'splat':
    case 'keep':
      throw new Error(`${value.op} is not uniform`);
  }
}

function literalOf(value: VExpr): number | bigint | undefined {
  if (value.op !== 'leaf' || value.expr.op !== 'literal' || typeof value.expr.value === 'boolean') return undefined;
  return value.expr.value;
}

function emitLanes(frame: VectorFrame, value: VExpr): void {
  const { code } = frame.frame;
  const type = laneType(value.type);
  switch (value.op) {
    case 'var':
      code.get(varOf(frame, value.id));
      return;
    case 'lanes':
      emitUniform(frame, value.first);
      code.simd(SIMD.i32x4Splat).v128(laneNumbers(frame)).simd(SIMD.i32x4Add);
      return;
    case 'splat':
      emitSplat(frame, value.value);
      return;
    case 'unary':
      emitLanes(frame, value.value);
      emitUnaryOfLanes(frame, value.operator, type);
      return;
    case 'binary':
      emitBinaryOfLanes(frame, value);
      return;
    case 'mask':
      emitLanes(frame, value.left);
      emitLanes(frame, value.right);
      code.simd({ and: SIMD.v128And, or: SIMD.v128Or, andNot: SIMD.v128AndNot }[value.operator]);
      return;
    case 'select':
      emitSelect(frame, value);
      return;
    case 'keep':
      emitLanes(frame, value.value);
      emitLanes(frame, value.mask);
      code.simd(SIMD.v128And);
      return;
    case 'cast':
      emitLanes(frame, value.value);
      emitCastOfLanes(frame, laneType(value.value.type), type);
      return;
    case 'bitcast':
      emitLanes(frame, value.value);
      return;
    case 'leaf':
    case 'first':
    case 'lane0':
    case 'any':
      throw new Error(`${value.op} does not vary`);
  }
}

function emitSplat(frame: VectorFrame, value: VExpr): void {
  const { code } = frame.frame;
  const type = laneType(value.type);
  if (value.op === 'leaf' && value.expr.op === 'literal' && typeof value.expr.value !== 'bigint') {
    const { value: constant } = value.expr;
    code.v128(bytesOf(type, [constant, constant, constant, constant]));
    return;
  }
  if (type === 'bool') code.i32(0);
  emitUniform(frame, value);
  if (type === 'bool') emitBinary(code, 'sub', 'i32');
  code.simd(type === 'f32' ? SIMD.f32x4Splat : SIMD.i32x4Splat);
}

/** Where one side is zero, the mask alone picks the other's bits; the smaller or greater of two is one instruction. */
function emitSelect(frame: VectorFrame, value: VExpr & { op: 'select' }): void {
  const { code } = frame.frame;
  const extreme = extremeOf(value);
  if (extreme !== null) {
    emitLanes(frame, extreme.a);
    emitLanes(frame, extreme.b);
    code.simd(extreme.op);
  } else if (isZero(value.whenFalse)) {
    emitLanes(frame, value.whenTrue);
    emitLanes(frame, value.condition);
    code.simd(SIMD.v128And);
  } else if (isZero(value.whenTrue)) {
    emitLanes(frame, value.whenFalse);
    emitLanes(frame, value.condition);
    code.simd(SIMD.v128AndNot);
  } else {
    emitLanes(frame, value.whenTrue);
    emitLanes(frame, value.whenFalse);
    emitLanes(frame, value.condition);
    code.simd(SIMD.v128Bitselect);
  }
}

/** A choice of two f32 by which is less as an instruction on `a` and `b`. */
function extremeOf({ condition, whenTrue, whenFalse, type }: VExpr & { op: 'select' }): {
  readonly op: number;
  readonly a: VExpr;
  readonly b: VExpr;
} | null {
  if (type !== 'f32' || condition.op !== 'binary' || (condition.operator !== 'lt' && condition.operator !== 'gt'))
    return null;
  const isLess = condition.operator === 'lt';
  const [less, more] = isLess ? [condition.left, condition.right] : [condition.right, condition.left];
  if (sameValue(less, whenTrue) && sameValue(more, whenFalse)) return { op: SIMD.f32x4Pmin, a: more, b: less };
  if (sameValue(more, whenTrue) && sameValue(less, whenFalse)) return { op: SIMD.f32x4Pmax, a: less, b: more };
  return null;
}

/** Whether two values are the same for certain: the same variable, or equal constants. */
function sameValue(a: VExpr, b: VExpr): boolean {
  if (a.op === 'var' && b.op === 'var') return a.id === b.id;
  if (a.op === 'splat' && b.op === 'splat') return sameValue(a.value, b.value);
  if (a.op !== 'leaf' || b.op !== 'leaf' || a.expr.op !== 'literal' || b.expr.op !== 'literal') return false;
  return Object.is(a.expr.value, b.expr.value);
}

function isZero(value: VExpr): boolean {
  if (value.op !== 'splat' || value.value.op !== 'leaf' || value.value.expr.op !== 'literal') return false;
  const { value: constant } = value.value.expr;
  return constant === false || Object.is(constant, 0);
}

function emitUnaryOfLanes(frame: VectorFrame, operator: UnaryOperator, type: LaneType): void {
  const { code } = frame.frame;
  if (operator === 'not') {
    code.simd(SIMD.v128Not);
    return;
  }
  if (type === 'bool') throw new Error(`${operator} of bool`);
  // An unsigned number is its own absolute value.
  if (operator === 'abs' && type === 'u32') return;
  const one = (SIMD_ARITHMETIC[type] as Partial<Record<UnaryOperator, number>>)[operator];
  if (one !== undefined) {
    code.simd(one);
    return;
  }
  if (operator === 'popcount') {
    code.simd(SIMD.i8x16Popcnt).simd(SIMD.i16x8ExtaddPairwiseI8x16U).simd(SIMD.i32x4ExtaddPairwiseI16x8U);
    return;
  }
  const operand = toLocal(frame);
  perLane(frame, type, (lane) => {
    extract(frame, operand, type, lane);
    emitUnary(code, operator, type);
  });
}

function emitBinaryOfLanes(frame: VectorFrame, value: VExpr & { op: 'binary' }): void {
  const { code } = frame.frame;
  const { operator, left, right } = value;
  const type = laneType(left.type);
  const shift = type === 'i32' || type === 'u32' ? shiftOf(type, operator) : undefined;
  if (shift !== undefined && right.op === 'splat') {
    emitLanes(frame, left);
    emitUniform(frame, right.value);
    code.simd(shift);
    return;
  }
  if (type !== 'f32' && type !== 'bool' && (operator === 'div' || operator === 'rem')) {
    emitDivision(frame, emitLanes, operator, type, left, right);
    return;
  }
  emitLanes(frame, left);
  emitLanes(frame, right);
  if (type === 'bool') {
    emitOfMasks(frame, operator as CompareOperator);
    return;
  }
  const one =
    (SIMD_COMPARE[type] as Partial<Record<string, number>>)[operator] ??
    (SIMD_ARITHMETIC[type] as Partial<Record<string, number>>)[operator];
  if (one !== undefined) {
    code.simd(one);
    return;
  }
  const b = toLocal(frame);
  const a = toLocal(frame);
  perLane(frame, type, (lane) => {
    extract(frame, a, type, lane);
    extract(frame, b, type, lane);
    emitBinary(code, operator, type);
  });
}

function shiftOf(type: 'i32' | 'u32', operator: string): number | undefined {
  return (SIMD_SHIFT[type] as Partial<Record<string, number>>)[operator];
}

/** Comparisons of two masks on the stack, as of 0 and 1. */
function emitOfMasks(frame: VectorFrame, operator: CompareOperator): void {
  const { code } = frame.frame;
  switch (operator) {
    case 'eq':
      code.simd(SIMD.v128Xor).simd(SIMD.v128Not);
      return;
    case 'ne':
      code.simd(SIMD.v128Xor);
      return;
    case 'gt':
      code.simd(SIMD.v128AndNot);
      return;
    case 'le':
      code.simd(SIMD.v128AndNot).simd(SIMD.v128Not);
      return;
    case 'lt':
    case 'ge': {
      const b = toLocal(frame);
      const a = toLocal(frame);
      code.get(b).get(a).simd(SIMD.v128AndNot);
      if (operator === 'ge') code.simd(SIMD.v128Not);
    }
  }
}

function emitCastOfLanes(frame: VectorFrame, from: LaneType, to: LaneType): void {
  const { code } = frame.frame;
  if (from === to) return;
  if (to === 'bool') {
    code.v128(bytesOf(from, [0, 0, 0, 0])).simd(from === 'f32' ? SIMD.f32x4Ne : SIMD.i32x4Ne);
    return;
  }
  if (from === 'bool') {
    code.v128(bytesOf(to, [1, 1, 1, 1])).simd(SIMD.v128And);
    return;
  }
  if (to === 'f32') code.simd(from === 'i32' ? SIMD.f32x4ConvertI32x4S : SIMD.f32x4ConvertI32x4U);
  else if (from === 'f32') code.simd(to === 'i32' ? SIMD.i32x4TruncSatF32x4S : SIMD.i32x4TruncSatF32x4U);
}
