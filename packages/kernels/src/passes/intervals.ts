import type { DType } from '@gpu-bridge/abstractions';
import type { Expr, IrKernel } from '../ir/nodes.js';
import { termOf } from './facts.js';
import type { Facts } from './facts.js';

/** Least and greatest value an expression can have. */
export interface Interval {
  readonly min: number;
  readonly max: number;
}

interface Known {
  readonly facts: Facts;
  readonly workgroup: IrKernel['workgroup'];
}

/** No array has more elements: a memory is at most 2^32 bytes. */
const MAX_ELEMENTS = 2 ** 30;
const I32: Interval = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const U32: Interval = { min: 0, max: 2 ** 32 - 1 };

/** Bounds of a 32-bit integer expression; all of its type's values where nothing is known or it could wrap. */
export function intervalOf(expr: Expr, known: Known): Interval {
  const all = ofType(expr.type);
  if (expr.type !== 'i32' && expr.type !== 'u32') return all;
  const found = compute(expr, known);
  // What does not fit into the type wraps, and then anything is possible.
  return found.min >= all.min && found.max <= all.max ? found : all;
}

const EVERYTHING: Interval = { min: -Infinity, max: Infinity };

function ofType(type: DType): Interval {
  if (type === 'bool') return { min: 0, max: 1 };
  if (type === 'i32') return I32;
  return type === 'u32' ? U32 : EVERYTHING;
}

function compute(expr: Expr, known: Known): Interval {
  const of = (e: Expr): Interval => intervalOf(e, known);
  switch (expr.op) {
    case 'literal':
      return { min: Number(expr.value), max: Number(expr.value) };
    case 'local':
    case 'uniform':
    case 'item':
    case 'id': {
      const term = termOf(expr);
      const all = ofType(expr.type);
      if (term === undefined) return all;
      const ids =
        expr.op === 'id' && expr.which === 'local' ? known.workgroup?.[{ x: 0, y: 1, z: 2 }[expr.axis]] : null;
      const most = ids == null ? all.max : ids - 1;
      return { min: Math.max(known.facts.lower(term), all.min), max: Math.min(known.facts.upper(term), most) };
    }
    case 'length':
      return { min: 0, max: MAX_ELEMENTS };
    case 'unary':
      return expr.operator === 'popcount' || expr.operator === 'clz' || expr.operator === 'ctz'
        ? { min: 0, max: 32 }
        : EVERYTHING;
    case 'conditional':
    case 'select': {
      const [a, b] = [of(expr.whenTrue), of(expr.whenFalse)];
      return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
    }
    case 'cast':
      return of(expr.value);
    case 'binary':
      return ofBinary(expr, of(expr.left), of(expr.right), known);
    default:
      return EVERYTHING;
  }
}

function ofBinary(expr: Expr & { op: 'binary' }, a: Interval, b: Interval, { facts }: Known): Interval {
  const { left, right, operator } = expr;
  const positive = a.min >= 0 && b.min >= 0;
  switch (operator) {
    case 'add':
      return { min: a.min + b.min, max: a.max + b.max };
    case 'sub': {
      const [large, small] = [termOf(left), termOf(right)];
      const ordered = large !== undefined && small !== undefined && facts.isAtMost(small, large);
      return { min: ordered ? Math.max(0, a.min - b.max) : a.min - b.max, max: a.max - b.min };
    }
    case 'mul':
      return positive ? { min: a.min * b.min, max: a.max * b.max } : EVERYTHING;
    case 'min':
      return { min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) };
    case 'max':
      return { min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) };
    case 'and':
      // The result has no bit that a non-negative operand has not.
      if (positive) return { min: 0, max: Math.min(a.max, b.max) };
      if (a.min >= 0) return { min: 0, max: a.max };
      return b.min >= 0 ? { min: 0, max: b.max } : EVERYTHING;
    case 'or':
    case 'xor':
      return positive ? { min: 0, max: 2 ** Math.ceil(Math.log2(Math.max(a.max, b.max) + 1)) - 1 } : EVERYTHING;
    case 'shl':
      return isShift(b) && a.min >= 0 ? { min: a.min * 2 ** b.min, max: a.max * 2 ** b.max } : EVERYTHING;
    case 'shr':
    case 'ushr':
      if (a.min < 0) return EVERYTHING;
      return isShift(b)
        ? { min: Math.floor(a.min / 2 ** b.max), max: Math.floor(a.max / 2 ** b.min) }
        : { min: 0, max: a.max };
    case 'div':
      // Division by zero gives the dividend.
      if (!positive) return EVERYTHING;
      return { min: Math.floor(a.min / Math.max(1, b.max)), max: Math.floor(a.max / Math.max(1, b.min)) };
    case 'rem':
      // Of zero: 0. Else smaller than the divisor, with the dividend's sign.
      if (b.min < 0) return EVERYTHING;
      if (a.min >= 0) return { min: 0, max: Math.min(a.max, Math.max(0, b.max - 1)) };
      return { min: -Math.max(0, b.max - 1), max: Math.max(0, b.max - 1) };
    default:
      return EVERYTHING;
  }
}

/** Shift counts are masked by the width; these are the ones that are not changed by it. */
function isShift({ min, max }: Interval): boolean {
  return min >= 0 && max <= 31;
}
