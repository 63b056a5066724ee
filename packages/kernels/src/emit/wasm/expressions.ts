import { isWide, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { CallExpr, Expr, Load } from '../../ir/nodes.js';
import { valOf } from './code.js';
import type { Code, Label } from './code.js';
import { VIOLATIONS } from './frame.js';
import type { Frame, Ready } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { emitBinary, emitBitcast, emitCast, emitUnary } from './operators.js';

/** Leaves the value of an expression on the stack. */
export function emitExpr(frame: Frame, expr: Expr | CallExpr): void {
  const { code } = frame;
  switch (expr.op) {
    case 'literal':
      code.constant(expr.type, expr.value);
      return;
    case 'local':
      code.get(localOf(frame, expr.local));
      return;
    case 'uniform':
      code.get(frame.around.uniform(expr.slot));
      return;
    case 'item':
      code.get(frame.around.item());
      return;
    case 'inRange':
      frame.around.inRange(code);
      return;
    case 'math':
      throw new Error('math functions are helpers by now');
    case 'id':
      code.get(frame.around.id(expr.which, expr.axis));
      return;
    case 'unary':
      emitExpr(frame, expr.value);
      emitUnary(code, expr.operator, expr.type);
      return;
    case 'binary': {
      emitExpr(frame, expr.left);
      emitExpr(frame, expr.right);
      const divisor =
        expr.right.op === 'literal' && typeof expr.right.value !== 'boolean' ? expr.right.value : undefined;
      emitBinary(code, expr.operator, expr.left.type, divisor);
      return;
    }
    case 'logical':
      emitExpr(frame, expr.left);
      code.open(OP.if, 'i32');
      if (expr.operator === 'and') emitExpr(frame, expr.right);
      else code.i32(1);
      code.else();
      if (expr.operator === 'and') code.i32(0);
      else emitExpr(frame, expr.right);
      code.end();
      return;
    case 'conditional':
      emitConditional(frame, expr);
      return;
    case 'select':
      emitSelect(frame, expr);
      return;
    case 'cast':
      emitExpr(frame, expr.value);
      emitCast(code, expr.value.type, expr.type);
      return;
    case 'bitcast':
      emitExpr(frame, expr.value);
      emitBitcast(code, expr.value.type, expr.type);
      return;
    case 'load':
      emitLoad(frame, expr);
      return;
    case 'loadItem':
      frame.around.itemAddress(code, expr.slot);
      emitLoaded(code, expr.type);
      return;
    case 'length':
      emitReady(code, frame.around.length(expr.of));
      return;
    case 'call':
      frame.module.call(frame, expr);
      return;
    case 'atomic':
      frame.module.atomic(frame, expr);
      return;
    case 'sequence':
      for (const stmt of expr.body) frame.module.stmt(frame, stmt);
      emitExpr(frame, expr.value);
  }
}

export function localOf(frame: Frame, local: number): number {
  const found = frame.locals[local];
  if (found === undefined) throw new Error(`local ${local} of ${frame.fn.name} has no home`);
  return found;
}

export function emitReady(code: Code, ready: Ready): void {
  if ('local' in ready) code.get(ready.local);
  else code.i32(ready.value);
}

function emitConditional(frame: Frame, expr: Expr & { op: 'conditional' }): void {
  const { code } = frame;
  // Values that cost nothing and cannot fail are cheaper computed than branched around.
  if (isFree(expr.whenTrue) && isFree(expr.whenFalse)) {
    emitExpr(frame, expr.whenTrue);
    emitExpr(frame, expr.whenFalse);
    emitExpr(frame, expr.condition);
    code.op(OP.select);
    return;
  }
  emitExpr(frame, expr.condition);
  code.open(OP.if, valOf(expr.type));
  emitExpr(frame, expr.whenTrue);
  code.else();
  emitExpr(frame, expr.whenFalse);
  code.end();
}

/** The condition may be evaluated after it without a difference. */
function isFree(expr: Expr): boolean {
  return expr.op === 'literal' || expr.op === 'uniform' || expr.op === 'item';
}

function emitSelect(frame: Frame, expr: Expr & { op: 'select' }): void {
  const { code } = frame;
  emitExpr(frame, expr.condition);
  // WebAssembly wants the condition last; source order only matters where something has an effect.
  const condition = code.local('i32');
  code.set(condition);
  emitExpr(frame, expr.whenTrue);
  emitExpr(frame, expr.whenFalse);
  code.get(condition).op(OP.select);
}

/** The address is on the stack. Memory may hold any word where a bool is expected. */
export function emitLoaded(code: Code, dtype: DType, offset = 0): void {
  code.access('load', dtype, offset);
  if (dtype === 'bool') code.i32(0).op(COMPARE.i32.ne);
}

function emitLoad(frame: Frame, expr: Load): void {
  const { code } = frame;
  const place = frame.around.place(expr.array);
  if (!expr.check) {
    code.get(place.address);
    emitExpr(frame, expr.index);
    emitScaled(code, expr.type);
    emitLoaded(code, expr.type);
    return;
  }
  const index = emitIndexOnce(frame, expr.index);
  emitInside(code, index, place.length);
  code.open(OP.if, valOf(expr.type));
  emitAddress(code, place.address, index, expr.type);
  emitLoaded(code, expr.type);
  code.else();
  emitViolation(code);
  code.constant(expr.type, isWide(expr.type) ? 0n : 0).end();
}

/** Evaluates an index into a local; a plain local is used as it is. */
export function emitIndexOnce(frame: Frame, index: Expr): number {
  if (index.op === 'local') return localOf(frame, index.local);
  emitExpr(frame, index);
  const local = frame.code.local('i32');
  frame.code.set(local);
  return local;
}

/** Pushes whether an index is inside: negative ones are not, as unsigned numbers they are too large. */
export function emitInside(code: Code, index: number, length: Ready): void {
  code.get(index);
  emitReady(code, length);
  code.op(COMPARE.u32.lt);
}

export function emitAddress(code: Code, base: number, index: number, dtype: DType): void {
  code.get(base).get(index);
  emitScaled(code, dtype);
}

/** Adds an index, in elements, to a base address; both are on the stack. */
export function emitScaled(code: Code, dtype: DType): void {
  code.i32(sizeOf(dtype) === 8 ? 3 : 2).op(ARITHMETIC.u32.shl, ARITHMETIC.u32.add);
}

/** Counts one access outside its array; 64 bits, so it cannot overflow within a run. */
export function emitViolation(code: Code): void {
  code.global(OP.globalGet, VIOLATIONS).constant('i64', 1n).op(ARITHMETIC.u64.add).global(OP.globalSet, VIOLATIONS);
}

/** Branches when the condition is false; falls through when it is true. */
export function emitBranchUnless(frame: Frame, condition: Expr, label: Label): void {
  const { code } = frame;
  if (condition.op === 'logical' && condition.operator === 'and') {
    emitBranchUnless(frame, condition.left, label);
    emitBranchUnless(frame, condition.right, label);
  } else if (condition.op === 'logical') {
    const pass = code.open(OP.block);
    emitBranchIf(frame, condition.left, pass);
    emitBranchUnless(frame, condition.right, label);
    code.end();
  } else if (condition.op === 'unary' && condition.operator === 'not') {
    emitBranchIf(frame, condition.value, label);
  } else {
    emitExpr(frame, condition);
    code.op(OP.i32Eqz).brIf(label);
  }
}

/** Branches when the condition is true; falls through when it is false. */
export function emitBranchIf(frame: Frame, condition: Expr, label: Label): void {
  const { code } = frame;
  if (condition.op === 'logical' && condition.operator === 'or') {
    emitBranchIf(frame, condition.left, label);
    emitBranchIf(frame, condition.right, label);
  } else if (condition.op === 'logical') {
    const fail = code.open(OP.block);
    emitBranchUnless(frame, condition.left, fail);
    emitBranchIf(frame, condition.right, label);
    code.end();
  } else if (condition.op === 'unary' && condition.operator === 'not') {
    emitBranchUnless(frame, condition.value, label);
  } else {
    emitExpr(frame, condition);
    code.brIf(label);
  }
}
