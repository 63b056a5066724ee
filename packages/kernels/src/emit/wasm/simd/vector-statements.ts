import type { VStmt, VectorBody } from '../../../passes/vectorize/vector-form.js';
import { localOf } from '../expressions.js';
import { OP } from '../opcodes.js';
import { emitOwnLoad, emitOwnStore, emitVectorLoad, emitVectorStore } from './vector-accesses.js';
import { emitVectorAtomic } from './vector-atomics.js';
import { eachPart, laneType, varOf } from './vector-frame.js';
import type { VectorFrame } from './vector-frame.js';
import { emitValue } from './vector-values.js';

/** Emits the vector form for the ids from the current one on. */
export function emitVector(frame: VectorFrame, { vars, body }: VectorBody): void {
  emitBlock(frame, vars, body);
}

function emitBlock(frame: VectorFrame, vars: VectorBody['vars'], stmts: readonly VStmt[]): void {
  for (const stmt of stmts) emitStmt(frame, vars, stmt);
}

function emitStmt(frame: VectorFrame, vars: VectorBody['vars'], stmt: VStmt): void {
  const { code, around } = frame.frame;
  switch (stmt.op) {
    case 'set':
      emitSet(frame, stmt);
      return;
    case 'setGroup':
      emitValue(frame, stmt.value);
      code.set(localOf(frame.frame, stmt.local));
      return;
    case 'load':
      emitVectorLoad(frame, stmt);
      return;
    case 'store':
      emitVectorStore(frame, stmt);
      return;
    case 'loadItem':
      around.itemAddress(code, stmt.slot);
      emitOwnLoad(frame, stmt.id, laneType(vars[stmt.id]?.type ?? 'u32'));
      return;
    case 'storeItem':
      around.itemAddress(code, stmt.slot);
      emitOwnStore(frame, stmt.value, stmt.mask);
      return;
    case 'loadSpill':
      frame.spillAddress(stmt.local);
      emitOwnLoad(frame, stmt.id, laneType(vars[stmt.id]?.type ?? 'u32'));
      return;
    case 'storeSpill':
      frame.spillAddress(stmt.local);
      emitOwnStore(frame, stmt.value, null);
      return;
    case 'atomic':
      emitVectorAtomic(frame, stmt);
      return;
    case 'if':
      emitValue(frame, stmt.condition);
      code.open(OP.if);
      emitBlock(frame, vars, stmt.then);
      if (stmt.else.length > 0) {
        code.else();
        emitBlock(frame, vars, stmt.else);
      }
      code.end();
      return;
    case 'loop': {
      const again = code.open(OP.loop);
      emitBlock(frame, vars, stmt.body);
      code.br(again).end();
      return;
    }
    case 'block':
      frame.labels.set(stmt.label, code.open(OP.block));
      emitBlock(frame, vars, stmt.body);
      code.end();
      return;
    case 'leave':
      emitLeave(frame, stmt);
  }
}

function emitSet(frame: VectorFrame, { id, value }: VStmt & { op: 'set' }): void {
  const { code } = frame.frame;
  if (!value.varying) {
    emitValue(frame, value);
    code.set(varOf(frame, id));
    return;
  }
  eachPart(frame, (inPart) => {
    emitValue(inPart, value);
    code.set(varOf(inPart, id));
  });
}

function emitLeave(frame: VectorFrame, { label, when }: VStmt & { op: 'leave' }): void {
  const { code } = frame.frame;
  const target = frame.labels.get(label);
  if (target === undefined) throw new Error(`no block ${label}`);
  if (when === null) {
    code.br(target);
    return;
  }
  emitValue(frame, when);
  code.brIf(target);
}
