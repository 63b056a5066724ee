import type { VExpr } from '../../../passes/vectorize/vector-form.js';
import { SIMD } from './simd-opcodes.js';
import { bytesOf, toLocal } from './vector-frame.js';
import type { VectorFrame } from './vector-frame.js';

type EmitLanes = (frame: VectorFrame, value: VExpr) => void;

/**
 * Quotient or remainder of integers. There is no instruction, but the quotient of two integers of 32 bits in f64,
 * truncated, is exact: it lies at least 2^-32 (relative) below the next integer, f64 rounds by less than 2^-53.
 */
export function emitDivision(
  frame: VectorFrame,
  emitLanes: EmitLanes,
  operator: 'div' | 'rem',
  type: 'i32' | 'u32',
  left: VExpr,
  right: VExpr,
): void {
  const { code } = frame.frame;
  const divisor = constantOf(right);
  if (type === 'u32' && divisor !== undefined && divisor > 0 && Number.isInteger(Math.log2(divisor))) {
    emitLanes(frame, left);
    if (operator === 'div') code.i32(Math.log2(divisor)).simd(SIMD.i32x4ShrU);
    else code.v128(bytesOf('u32', [divisor - 1, divisor - 1, divisor - 1, divisor - 1])).simd(SIMD.v128And);
    return;
  }
  emitLanes(frame, left);
  const a = toLocal(frame);
  emitLanes(frame, right);
  const b = toLocal(frame);
  if (divisor === undefined || divisor === 0) {
    // x / 0 = x and x % 0 = 0: as if the divisor were 1. A zero lane minus its mask (-1) is 1.
    code
      .get(b)
      .get(b)
      .v128(bytesOf('i32', [0, 0, 0, 0]))
      .simd(SIMD.i32x4Eq)
      .simd(SIMD.i32x4Sub)
      .set(b);
  }
  emitQuotient(frame, type, a, b);
  if (type === 'i32' && (divisor === undefined || divisor === -1)) {
    // MIN / -1 = MIN, where the conversion saturates; every x / -1 is -x.
    const quotient = toLocal(frame);
    code.get(a).simd(SIMD.i32x4Neg).get(quotient);
    code
      .get(b)
      .v128(bytesOf('i32', [-1, -1, -1, -1]))
      .simd(SIMD.i32x4Eq)
      .simd(SIMD.v128Bitselect);
  }
  if (operator === 'rem') {
    const quotient = toLocal(frame);
    code.get(a).get(quotient).get(b).simd(SIMD.i32x4Mul).simd(SIMD.i32x4Sub);
  }
}

function constantOf(value: VExpr): number | undefined {
  if (value.op !== 'splat' || value.value.op !== 'leaf' || value.value.expr.op !== 'literal') return undefined;
  return typeof value.value.expr.value === 'number' ? value.value.expr.value : undefined;
}

/** Two lanes at a time, because f64 takes the room of two. */
function emitQuotient(frame: VectorFrame, type: 'i32' | 'u32', a: number, b: number): void {
  const { code } = frame.frame;
  const toDouble = type === 'i32' ? SIMD.f64x2ConvertLowI32x4S : SIMD.f64x2ConvertLowI32x4U;
  const toInteger = type === 'i32' ? SIMD.i32x4TruncSatF64x2SZero : SIMD.i32x4TruncSatF64x2UZero;
  code.get(a).simd(toDouble).get(b).simd(toDouble).simd(SIMD.f64x2Div).simd(toInteger);
  for (const operand of [a, b]) {
    code.get(operand).get(operand);
    shuffle(frame, [2, 3, 2, 3]);
    code.simd(toDouble);
  }
  code.simd(SIMD.f64x2Div).simd(toInteger);
  shuffle(frame, [0, 1, 4, 5]);
}

/** Picks lanes of two vectors on the stack: 0 to 3 of the first, 4 to 7 of the second. */
function shuffle(frame: VectorFrame, lanes: readonly number[]): void {
  const { code } = frame.frame;
  code.simd(SIMD.i8x16Shuffle).op(...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]));
}
