import type { Expr, If, Loop, Stmt, Store } from '../../ir/nodes.js';
import { countNodes, isImpure, walkStmts } from '../../ir/walk.js';
import { valOf } from './code.js';
import {
  emitAddress,
  emitBranchIf,
  emitBranchUnless,
  emitExpr,
  emitIndexOnce,
  emitInside,
  emitLoaded,
  emitReady,
  emitScaled,
  emitViolation,
  localOf,
} from './expressions.js';
import type { Frame } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { emitBinary } from './operators.js';

/** Loop conditions up to this size are emitted twice, so that a round needs one branch. */
const SMALL_CONDITION_NODES = 40;

export function emitStmts(frame: Frame, stmts: readonly Stmt[]): void {
  for (const stmt of stmts) emitStmt(frame, stmt);
}

export function emitStmt(frame: Frame, stmt: Stmt): void {
  const { code } = frame;
  switch (stmt.op) {
    case 'let':
    case 'set':
      emitExpr(frame, stmt.value);
      code.set(localOf(frame, stmt.local));
      return;
    case 'store':
      emitStore(frame, stmt);
      return;
    case 'storeItem': {
      // The address depends on nothing the value could change.
      frame.around.itemAddress(code, stmt.slot);
      emitExpr(frame, stmt.value);
      code.access('store', stmt.value.type);
      return;
    }
    case 'push':
      emitPush(frame, stmt);
      return;
    case 'if':
      emitIf(frame, stmt);
      return;
    case 'loop':
      emitLoop(frame, stmt);
      return;
    case 'break':
      code.br(last(frame.breaks));
      return;
    case 'continue':
      code.br(last(frame.continues));
      return;
    case 'return':
      for (const value of stmt.values) emitExpr(frame, value);
      for (const local of [...(frame.results ?? [])].reverse()) code.set(local);
      if (frame.exit === undefined) code.op(OP.return);
      else code.br(frame.exit);
      return;
    case 'callInto':
      frame.module.callInto(
        frame,
        stmt.call,
        stmt.locals.map((local) => localOf(frame, local)),
      );
      return;
    case 'items':
      frame.around.items(frame, stmt);
      return;
    case 'barrier':
      throw new Error('barriers are gone by now');
    case 'do':
      emitExpr(frame, stmt.value);
      if (stmt.value.type !== null) code.op(OP.drop);
  }
}

function last(labels: readonly number[]): number {
  const label = labels.at(-1);
  if (label === undefined) throw new Error('jump outside a loop');
  return label;
}

function emitStore(frame: Frame, stmt: Store): void {
  const { code } = frame;
  const { dtype } = stmt.array;
  const place = frame.around.place(stmt.array);
  if (!stmt.check && stmt.operator === null) {
    code.get(place.address);
    emitExpr(frame, stmt.index);
    emitScaled(code, dtype);
    emitExpr(frame, stmt.value);
    code.access('store', dtype);
    return;
  }
  let index = emitIndexOnce(frame, stmt.index);
  if (isImpure(stmt.value)) {
    // The value may change the local that holds the index.
    const kept = code.local('i32');
    code.get(index).set(kept);
    index = kept;
  }
  const value = emitValueOnce(frame, stmt.value);
  if (stmt.check) {
    emitInside(code, index, place.length);
    code.open(OP.if);
  }
  emitAddress(code, place.address, index, dtype);
  if (stmt.operator !== null) {
    const address = code.local('i32');
    code.tee(address).get(address);
    emitLoaded(code, dtype);
  }
  value();
  if (stmt.operator !== null) emitBinary(code, stmt.operator, dtype);
  code.access('store', dtype);
  if (stmt.check) {
    code.else();
    emitViolation(code);
    code.end();
  }
}

/** Evaluates now, gives a way to push the value later; constants and locals are pushed only then. */
function emitValueOnce(frame: Frame, value: Expr): () => void {
  if (value.op === 'literal' || value.op === 'local') return () => emitExpr(frame, value);
  emitExpr(frame, value);
  const local = frame.code.local(valOf(value.type));
  frame.code.set(local);
  return () => void frame.code.get(local);
}

function emitPush(frame: Frame, stmt: Stmt & { op: 'push' }): void {
  const { code } = frame;
  const count = frame.around.count(stmt.list);
  const values = stmt.values.map((value) => {
    // Later fields may change locals, so each is taken now.
    emitExpr(frame, value);
    const local = code.local(valOf(value.type));
    code.set(local);
    return local;
  });
  code.get(count);
  emitReady(code, frame.around.length({ kind: 'capacity', slot: stmt.list }));
  code.op(COMPARE.u32.lt).open(OP.if);
  stmt.slots.forEach((slot, i) => {
    const { type: dtype } = stmt.values[i] ?? { type: 'u32' as const };
    const { address } = frame.around.place({
      kind: 'outList',
      slot,
      length: { kind: 'outList', slot: stmt.list },
      dtype,
    });
    emitAddress(code, address, count, dtype);
    code.get(values[i] ?? 0).access('store', dtype);
  });
  code.get(count).i32(1).op(ARITHMETIC.u32.add).set(count);
  code.else();
  emitViolation(code);
  code.end();
}

function emitIf(frame: Frame, stmt: If): void {
  const { code } = frame;
  if (stmt.condition.op !== 'logical') {
    emitExpr(frame, stmt.condition);
    code.open(OP.if);
    emitStmts(frame, stmt.then);
    if (stmt.else.length > 0) {
      code.else();
      emitStmts(frame, stmt.else);
    }
    code.end();
    return;
  }
  // A chain of && and || becomes branches, without computing its value.
  const end = code.open(OP.block);
  const otherwise = stmt.else.length > 0 ? code.open(OP.block) : end;
  emitBranchUnless(frame, stmt.condition, otherwise);
  emitStmts(frame, stmt.then);
  if (stmt.else.length > 0) {
    code.br(end).end();
    emitStmts(frame, stmt.else);
  }
  code.end();
}

function emitLoop(frame: Frame, stmt: Loop): void {
  const { code } = frame;
  const { condition } = stmt;
  const twice = condition !== null && stmt.test === 'before' && isSmall(condition);
  const out = code.open(OP.block);
  if (condition !== null && twice) emitBranchUnless(frame, condition, out);
  const again = code.open(OP.loop);
  if (condition !== null && stmt.test === 'before' && !twice) emitBranchUnless(frame, condition, out);
  const next = hasContinue(stmt.body) ? code.open(OP.block) : undefined;
  frame.breaks.push(out);
  frame.continues.push(next ?? again);
  emitStmts(frame, stmt.body);
  frame.breaks.pop();
  frame.continues.pop();
  if (next !== undefined) code.end();
  emitStmts(frame, stmt.update);
  if (condition !== null && (twice || stmt.test === 'after')) emitBranchIf(frame, condition, again);
  else code.br(again);
  code.end().end();
}

function isSmall(condition: Expr): boolean {
  return countNodes([{ op: 'do', value: condition, at: 0 }]) <= SMALL_CONDITION_NODES;
}

function hasContinue(body: readonly Stmt[]): boolean {
  let found = false;
  walkStmts(body, { stmt: (s) => (found ||= s.op === 'continue') });
  return found;
}
