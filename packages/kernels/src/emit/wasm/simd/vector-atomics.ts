import type { VExpr, VStmt } from '../../../passes/vectorize/vector-form.js';
import { emitAtomicIn } from '../atomics.js';
import { valOf } from '../code.js';
import { OP } from '../opcodes.js';
import { SIMD } from './simd-opcodes.js';
import { emitWanted, forEachLane } from './lane-accesses.js';
import { bytesOf, eachPart, extract, laneType, toLocal, varOf } from './vector-frame.js';
import type { LaneType, VectorFrame } from './vector-frame.js';
import { emitValue } from './vector-values.js';

type Atomic = VStmt & { op: 'atomic' };

/** One lane after the other, in their order. */
export function emitVectorAtomic(frame: VectorFrame, stmt: Atomic): void {
  eachPart(frame, (inPart) => {
    emitPart(inPart, stmt);
  });
}

function emitPart(frame: VectorFrame, stmt: Atomic): void {
  const { code } = frame.frame;
  const type = laneType(stmt.array.dtype);
  const index = lanesOf(frame, stmt.index);
  const expected = stmt.expected && lanesOf(frame, stmt.expected);
  const value = stmt.value && lanesOf(frame, stmt.value);
  const wanted = emitWanted(frame, frame.frame.around.place(stmt.array), index, stmt.mask, stmt.check);
  const old = stmt.id === null ? null : varOf(frame, stmt.id);
  if (old !== null) code.v128(bytesOf(type, [0, 0, 0, 0])).set(old);
  forEachLane(frame, wanted, (lane) => {
    if (old !== null) code.get(old);
    const operand = (vector: number | null): number => (vector === null ? -1 : scalarOf(frame, vector, type, lane));
    emitAtomicIn(
      frame.frame,
      { ...stmt, type },
      scalarOf(frame, index, 'u32', lane),
      operand(value),
      operand(expected),
    );
    if (old === null) code.op(OP.drop);
    else code.simd(SIMD.i32x4ReplaceLane, lane).set(old);
  });
}

function lanesOf(frame: VectorFrame, value: VExpr): number {
  emitValue(frame, value);
  return toLocal(frame);
}

function scalarOf(frame: VectorFrame, vector: number, type: LaneType, lane: number): number {
  const { code } = frame.frame;
  extract(frame, vector, type, lane);
  const local = code.local(valOf(type));
  code.set(local);
  return local;
}
