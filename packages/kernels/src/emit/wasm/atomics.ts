import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, AtomicExpr, Expr } from '../../ir/nodes.js';
import { isImpure } from '../../ir/walk.js';
import { valOf } from './code.js';
import type { Code } from './code.js';
import { emitAddress, emitExpr, emitIndexOnce, emitInside, emitViolation } from './expressions.js';
import type { Frame } from './frame.js';
import { ATOMIC, COMPARE, OP } from './opcodes.js';
import { emitBinary, emitBitcast } from './operators.js';

type Operation = Pick<AtomicExpr, 'operator' | 'type'>;

/** Leaves the element's value from before (0 after a store) on the stack. */
export function emitAtomic(frame: Frame, expr: AtomicExpr): void {
  const { code } = frame;
  const { type } = expr;
  const place = frame.around.place(expr.array);
  let index = emitIndexOnce(frame, expr.index);
  if ([expr.expected, expr.value].some((operand) => operand !== null && isImpure(operand))) {
    const kept = code.local('i32');
    code.get(index).set(kept);
    index = kept;
  }
  const operand = (value: Expr | null): number => {
    if (value === null) return -1;
    emitExpr(frame, value);
    const local = code.local(valOf(type));
    code.set(local);
    return local;
  };
  const expected = operand(expr.expected);
  const value = operand(expr.value);
  if (expr.check) {
    emitInside(code, index, place.length);
    code.open(OP.if, valOf(type));
  }
  emitAtomicIn(frame, expr, index, value, expected);
  if (expr.check) {
    code.else();
    emitViolation(code);
    code.constant(type, isWide(type) ? 0n : 0).end();
  }
}

/** The same for an element that is inside, with its operands in locals (-1: none). */
export function emitAtomicIn(
  frame: Frame,
  operation: Operation & Pick<AtomicExpr, 'array'>,
  index: number,
  value: number,
  expected: number,
): void {
  const { code } = frame;
  const own = ownedBy(frame, operation.array);
  emitAddress(code, own ?? frame.around.place(operation.array).address, index, operation.type);
  if (own === null) emitAtomicAt(code, operation, value, expected);
  else emitAlone(code, operation, value, expected);
}

/** Where the array lies if nobody else can reach it while this code runs; null if others can. */
function ownedBy(frame: Frame, array: ArrayRef): number | null {
  if (array.kind === 'shared') return frame.around.place(array).address;
  return array.kind === 'column' ? (frame.copies.get(array.slot) ?? null) : null;
}

/** A plain read and write; the address is on the stack, the old value is left there. */
function emitAlone(code: Code, { operator, type }: Operation, value: number, expected: number): void {
  if (operator === 'load') {
    code.access('load', type);
    return;
  }
  const address = code.local('i32');
  const old = code.local(valOf(type));
  code.tee(address).access('load', type).set(old);
  code.get(address);
  if (operator === 'store' || operator === 'exchange') code.get(value);
  else if (operator === 'compareExchange')
    code.get(value).get(old).get(old).get(expected).op(COMPARE[type].eq, OP.select);
  else {
    code.get(old).get(value);
    emitBinary(code, operator, type);
  }
  code.access('store', type);
  if (operator === 'store') code.constant(type, isWide(type) ? 0n : 0);
  else code.get(old);
}

/** An atomic operation; the address is on the stack, the old value is left there. */
export function emitAtomicAt(code: Code, { operator, type }: Operation, value: number, expected: number): void {
  const wide = isWide(type) ? 1 : 0;
  switch (operator) {
    case 'load':
      code.atomic(ATOMIC.load[wide], type);
      fromBits(code, type);
      return;
    case 'store':
      code.get(value);
      toBits(code, type);
      code.atomic(ATOMIC.store[wide], type).constant(type, isWide(type) ? 0n : 0);
      return;
    case 'exchange':
      code.get(value);
      toBits(code, type);
      code.atomic(ATOMIC.exchange[wide], type);
      fromBits(code, type);
      return;
    case 'compareExchange':
      code.get(expected).get(value).atomic(ATOMIC.cmpxchg[wide], type);
      return;
    case 'min':
    case 'max':
      emitExchangeLoop(code, type, (seen) => {
        code
          .get(value)
          .get(seen)
          .get(value)
          .get(seen)
          .op(COMPARE[type][operator === 'min' ? 'lt' : 'gt'], OP.select);
      });
      return;
    default:
      if (type !== 'f32') {
        code.get(value).atomic(ATOMIC[operator][wide], type);
        return;
      }
      emitExchangeLoop(code, type, (seen) => {
        code.get(seen);
        fromBits(code, type);
        code.get(value);
        emitBinary(code, operator, type);
        toBits(code, type);
      });
      fromBits(code, type);
  }
}

/**
 * Replaces the element by what `next` computes from the bits in its local, repeated until nobody changed the element
 * between reading and writing it. Compares bits, so that a NaN ends it too. Leaves the old bits.
 */
function emitExchangeLoop(code: Code, type: DType, next: (seen: number) => void): void {
  const wide = isWide(type) ? 1 : 0;
  const bits = wide ? 'i64' : 'i32';
  const [address, seen, found] = [code.local('i32'), code.local(bits), code.local(bits)];
  code.tee(address).atomic(ATOMIC.load[wide], type).set(found);
  const again = code.open(OP.loop);
  code.get(found).set(seen);
  code.get(address).get(seen);
  next(seen);
  code.atomic(ATOMIC.cmpxchg[wide], type).tee(found);
  code.get(seen).op(COMPARE[bits].ne).brIf(again).end();
  code.get(seen);
}

/** Atomic instructions exist for integers only. */
function fromBits(code: Code, type: DType): void {
  if (type === 'f32') emitBitcast(code, 'u32', 'f32');
}

function toBits(code: Code, type: DType): void {
  if (type === 'f32') emitBitcast(code, 'f32', 'u32');
}
