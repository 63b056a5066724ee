import { isWide } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, ArrayRef } from '../../../ir/nodes.js';
import type { Mask, VExpr, VStmt } from '../../../passes/vectorize/vector-form.js';
import { valOf } from '../code.js';
import { emitInside, emitLoaded, emitReady, emitScaled } from '../expressions.js';
import type { ArrayPlace } from '../frame.js';
import { ARITHMETIC, COMPARE, OP } from '../opcodes.js';
import { emitScatter, emitGather, emitAsMask } from './lane-accesses.js';
import { SIMD, SIMD_ARITHMETIC } from './simd-opcodes.js';
import { QUAD_BYTES, bytesOf, eachPart, keyOf, laneNumbers, laneType, toLocal, varOf } from './vector-frame.js';
import type { LaneType, VectorFrame } from './vector-frame.js';
import { emitValue } from './vector-values.js';
import { emitViolations } from './violations.js';

type Load = VStmt & { op: 'load' };
type Store = VStmt & { op: 'store' };

export function emitVectorLoad(frame: VectorFrame, stmt: Load): void {
  const { code, around } = frame.frame;
  const place = around.place(stmt.array);
  if (stmt.access === 'uniform') {
    emitUniformLoad(frame, stmt, place);
    code.set(varOf(frame, stmt.id));
    return;
  }
  const type = laneType(stmt.array.dtype);
  if (stmt.access === 'lanes') {
    eachPart(frame, (inPart) => {
      emitValue(inPart, stmt.index);
      emitGather(inPart, place, type, toLocal(inPart), stmt.mask, stmt.check);
      code.set(varOf(inPart, stmt.id));
    });
    return;
  }
  emitValue(frame, stmt.index);
  const index = scalarToLocal(frame);
  const isSafe = !stmt.check && stmt.mask === null;
  if (!isSafe) {
    emitAreInside(frame, stmt.array, index);
    code.open(OP.if);
  }
  emitAddressOf(frame, place, index);
  const address = scalarToLocal(frame);
  eachPart(frame, (inPart) => {
    code.get(address);
    emitLoadedQuad(inPart, type);
    code.set(varOf(inPart, stmt.id));
  });
  if (isSafe) return;
  code.else();
  eachPart(frame, (inPart) => {
    emitNeighbours(inPart, index);
    emitGather(inPart, place, type, toLocal(inPart), stmt.mask, stmt.check);
    code.set(varOf(inPart, stmt.id));
  });
  code.end();
}

function emitUniformLoad(frame: VectorFrame, { array, index, mask, check }: Load, place: ArrayPlace): void {
  const { code } = frame.frame;
  emitValue(frame, index);
  const at = scalarToLocal(frame);
  if (check) {
    emitInside(code, at, place.length);
    code.open(OP.if, valOf(array.dtype));
  }
  code.get(place.address).get(at);
  emitScaled(code, array.dtype);
  emitLoaded(code, array.dtype);
  if (!check) return;
  code.else();
  emitViolations(frame, mask);
  code.constant(array.dtype, isWide(array.dtype) ? 0n : 0).end();
}

export function emitVectorStore(frame: VectorFrame, stmt: Store): void {
  const { around } = frame.frame;
  const place = around.place(stmt.array);
  if (stmt.access === 'uniform') {
    emitUniformStore(frame, stmt, place);
    return;
  }
  const type = laneType(stmt.array.dtype);
  if (stmt.access === 'lanes') {
    eachPart(frame, (inPart) => {
      emitValue(inPart, stmt.index);
      const index = toLocal(inPart);
      emitValue(inPart, stmt.value);
      emitScatter(inPart, stmt, place, type, index, toLocal(inPart));
    });
    return;
  }
  emitValue(frame, stmt.index);
  emitNeighbourStore(frame, stmt, place, type, scalarToLocal(frame));
}

/** All lanes at once where all lie inside and take part, else lane by lane. */
function emitNeighbourStore(frame: VectorFrame, stmt: Store, place: ArrayPlace, type: LaneType, index: number): void {
  const { code } = frame.frame;
  const { operator, mask } = stmt;
  const isOneOp = operator === null || quadOperator(operator, type) !== undefined;
  const isSafe = isOneOp && !stmt.check && mask === null;
  if (isOneOp && !isSafe) {
    emitAreInside(frame, stmt.array, index);
    if (mask !== null && !mayBlend(stmt)) {
      eachPart(frame, (inPart) => {
        emitValue(inPart, mask);
        code.simd(SIMD.i32x4AllTrue).op(ARITHMETIC.u32.and);
      });
    }
    code.open(OP.if);
  }
  if (isOneOp) {
    emitAddressOf(frame, place, index);
    const address = scalarToLocal(frame);
    eachPart(frame, (inPart) => {
      emitQuadStore(inPart, stmt, type, address);
    });
  }
  if (isSafe) return;
  if (isOneOp) code.else();
  eachPart(frame, (inPart) => {
    emitNeighbours(inPart, index);
    const indexes = toLocal(inPart);
    emitValue(inPart, stmt.value);
    emitScatter(inPart, stmt, place, type, indexes, toLocal(inPart));
  });
  if (isOneOp) code.end();
}

/**
 * Elements of lanes that do not take part may be those of other ids, which other threads run at the same time; arrays of
 * the workgroup are this thread's alone, so there such lanes may be given back what they had.
 */
function mayBlend({ array }: Store): boolean {
  return array.kind === 'shared';
}

function quadOperator(operator: ArithmeticOperator, type: LaneType): number | undefined {
  if (type === 'bool') return undefined;
  return (SIMD_ARITHMETIC[type] as Partial<Record<ArithmeticOperator, number>>)[operator];
}

function emitQuadStore(frame: VectorFrame, stmt: Store, type: LaneType, address: number): void {
  const { code } = frame.frame;
  const offset = QUAD_BYTES * frame.part;
  const blends = stmt.mask !== null && mayBlend(stmt);
  code.get(address);
  if (stmt.operator !== null) code.get(address).simdAccess(SIMD.v128Load, offset);
  emitValue(frame, stmt.value);
  if (stmt.operator !== null) code.simd(quadOperator(stmt.operator, type) ?? 0);
  emitOwnedStore(frame, address, type, blends ? stmt.mask : null);
}

/** One element, once: all lanes would write the same. */
function emitUniformStore(frame: VectorFrame, stmt: Store, place: ArrayPlace): void {
  const { code } = frame.frame;
  const { dtype } = stmt.array;
  emitValue(frame, stmt.index);
  const index = scalarToLocal(frame);
  if (stmt.check) {
    emitInside(code, index, place.length);
    code.open(OP.if);
  }
  code.get(place.address).get(index);
  emitScaled(code, dtype);
  emitValue(frame, stmt.value);
  code.access('store', dtype);
  if (stmt.check) {
    code.else();
    emitViolations(frame, stmt.mask);
    code.end();
  }
}

/** Pushes whether lane 0's index and those of the other lanes after it are inside. */
function emitAreInside(frame: VectorFrame, array: ArrayRef, index: number): void {
  const { code } = frame.frame;
  const limit = frame.limits.get(keyOf(array.length));
  if (limit === undefined) throw new Error('a length was not prepared');
  code.get(index);
  emitReady(code, limit);
  code.op(COMPARE.u32.lt);
}

function emitAddressOf(frame: VectorFrame, place: ArrayPlace, index: number): void {
  const { code } = frame.frame;
  code.get(place.address).get(index);
  emitScaled(code, 'u32');
}

/** Pushes the indexes of the part's lanes. */
function emitNeighbours(frame: VectorFrame, index: number): void {
  frame.frame.code.get(index).simd(SIMD.i32x4Splat).v128(laneNumbers(frame)).simd(SIMD.i32x4Add);
}

/** The address of lane 0's element is on the stack. Memory may hold any word where a bool is expected. */
function emitLoadedQuad(frame: VectorFrame, type: LaneType): void {
  frame.frame.code.simdAccess(SIMD.v128Load, QUAD_BYTES * frame.part);
  if (type === 'bool') emitAsMask(frame);
}

function scalarToLocal(frame: VectorFrame): number {
  const local = frame.frame.code.local('i32');
  frame.frame.code.set(local);
  return local;
}

/** Neighbours that are inside and belong to these ids alone; the address of lane 0's is on the stack. */
export function emitOwnLoad(frame: VectorFrame, id: number, type: LaneType): void {
  const { code } = frame.frame;
  const address = scalarToLocal(frame);
  eachPart(frame, (inPart) => {
    code.get(address);
    emitLoadedQuad(inPart, type);
    code.set(varOf(inPart, id));
  });
}

export function emitOwnStore(frame: VectorFrame, value: VExpr, mask: Mask): void {
  const { code } = frame.frame;
  const address = scalarToLocal(frame);
  eachPart(frame, (inPart) => {
    code.get(address);
    emitValue(inPart, value);
    emitOwnedStore(inPart, address, laneType(value.type), mask);
  });
}

/** The address and the value are on the stack; lanes outside the mask get back what they had. */
function emitOwnedStore(frame: VectorFrame, address: number, type: LaneType, mask: Mask): void {
  const { code } = frame.frame;
  const offset = QUAD_BYTES * frame.part;
  if (type === 'bool') code.v128(bytesOf('u32', [1, 1, 1, 1])).simd(SIMD.v128And);
  if (mask !== null) {
    code.get(address).simdAccess(SIMD.v128Load, offset);
    emitValue(frame, mask);
    code.simd(SIMD.v128Bitselect);
  }
  code.simdAccess(SIMD.v128Store, offset);
}
