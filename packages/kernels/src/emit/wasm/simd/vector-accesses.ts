import { isWide } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, ArrayRef } from '../../../ir/nodes.js';
import type { Mask, VExpr, VStmt } from '../../../passes/vectorize/vector-form.js';
import { valOf } from '../code.js';
import { emitInside, emitLoaded, emitReady, emitScaled, emitViolation } from '../expressions.js';
import type { ArrayPlace } from '../frame.js';
import { VIOLATIONS } from '../frame.js';
import { ARITHMETIC, COMPARE, OP } from '../opcodes.js';
import { emitBinary } from '../operators.js';
import { SIMD, SIMD_ARITHMETIC } from './simd-opcodes.js';
import { emitValue } from './vector-values.js';
import { LANES, bytesOf, extract, keyOf, laneType, toLocal, varOf } from './vector-frame.js';
import type { LaneType, VectorFrame } from './vector-frame.js';

type Load = VStmt & { op: 'load' };
type Store = VStmt & { op: 'store' };

/** An address at which any memory has at least 16 bytes: that of the argument block. */
const SAFE_ADDRESS = 0;

export function emitVectorLoad(frame: VectorFrame, stmt: Load): void {
  const { code, around } = frame.frame;
  const place = around.place(stmt.array);
  if (stmt.access === 'uniform') {
    emitUniformLoad(frame, stmt, place);
    code.set(varOf(frame, stmt.id));
    return;
  }
  const type = laneType(stmt.array.dtype);
  emitValue(frame, stmt.index);
  if (stmt.access === 'lanes') {
    const index = toLocal(frame);
    emitGather(frame, place, type, index, stmt.mask, stmt.check);
  } else if (!stmt.check && stmt.mask === null) {
    const index = scalarToLocal(frame);
    emitQuadAddress(frame, place, index);
    emitLoadedQuad(frame, type);
  } else {
    const index = scalarToLocal(frame);
    emitIsQuadInside(frame, stmt.array, index);
    code.open(OP.if, 'v128');
    emitQuadAddress(frame, place, index);
    emitLoadedQuad(frame, type);
    code.else();
    emitNeighbours(frame, index);
    emitGather(frame, place, type, toLocal(frame), stmt.mask, stmt.check);
    code.end();
  }
  code.set(varOf(frame, stmt.id));
}

function emitUniformLoad(frame: VectorFrame, { array, index, mask, check }: Load, place: ArrayPlace): void {
  const { code } = frame.frame;
  emitValue(frame, index);
  if (!check) {
    const at = scalarToLocal(frame);
    code.get(place.address).get(at);
    emitScaled(code, array.dtype);
    emitLoaded(code, array.dtype);
    return;
  }
  const at = scalarToLocal(frame);
  emitInside(code, at, place.length);
  code.open(OP.if, valOf(array.dtype));
  code.get(place.address).get(at);
  emitScaled(code, array.dtype);
  emitLoaded(code, array.dtype);
  code.else();
  emitViolations(frame, mask);
  code.constant(array.dtype, isWide(array.dtype) ? 0n : 0).end();
}

/** The index vector is in a local; leaves the elements, zeros where a lane is outside. */
function emitGather(
  frame: VectorFrame,
  place: ArrayPlace,
  type: LaneType,
  index: number,
  mask: Mask,
  check: boolean,
): void {
  const { code } = frame.frame;
  const wanted = check ? emitWanted(frame, place, index, mask) : maskLocal(frame, mask);
  code.get(place.address).simd(SIMD.i32x4Splat).get(index).i32(2).simd(SIMD.i32x4Shl).simd(SIMD.i32x4Add);
  if (wanted !== null) {
    // Other lanes read, for nothing, where they cannot fault.
    code.get(SAFE_ADDRESS).simd(SIMD.i32x4Splat).get(wanted).simd(SIMD.v128Bitselect);
  }
  const addresses = toLocal(frame);
  const gathered = code.local('v128');
  code.v128(bytesOf('u32', [0, 0, 0, 0])).set(gathered);
  for (let lane = 0; lane < LANES; lane++) {
    extract(frame, addresses, 'u32', lane);
    code.get(gathered).simdAccess(SIMD.v128Load32Lane, 0, lane).set(gathered);
  }
  code.get(gathered);
  if (wanted !== null) code.get(wanted).simd(SIMD.v128And);
  if (type === 'bool') emitAsMask(frame);
}

/** Counts the lanes that take part and lie outside; leaves in a local those that lie inside. */
function emitWanted(frame: VectorFrame, { length }: ArrayPlace, index: number, mask: Mask): number {
  const { code } = frame.frame;
  code.get(index);
  emitReady(code, length);
  code.simd(SIMD.i32x4Splat).simd(SIMD.i32x4LtU);
  const inside = toLocal(frame);
  const taking = maskLocal(frame, mask);
  if (taking === null) code.get(inside).simd(SIMD.i32x4AllTrue).op(OP.i32Eqz);
  else code.get(taking).get(inside).simd(SIMD.v128AndNot).simd(SIMD.v128AnyTrue);
  code.open(OP.if);
  if (taking === null) code.get(inside).simd(SIMD.v128Not);
  else code.get(taking).get(inside).simd(SIMD.v128AndNot);
  addLanes(frame);
  code.end();
  if (taking === null) return inside;
  code.get(inside).get(taking).simd(SIMD.v128And);
  return toLocal(frame);
}

function maskLocal(frame: VectorFrame, mask: Mask): number | null {
  if (mask === null) return null;
  if (mask.op === 'var') return varOf(frame, mask.id);
  emitValue(frame, mask);
  return toLocal(frame);
}

/** Counts one violation for every lane of a mask on the stack. */
function addLanes(frame: VectorFrame): void {
  const { code } = frame.frame;
  code.simd(SIMD.i32x4Bitmask).op(ARITHMETIC.u32.popcount, I64_EXTEND);
  code.global(OP.globalGet, VIOLATIONS).op(ARITHMETIC.u64.add).global(OP.globalSet, VIOLATIONS);
}

const I64_EXTEND = 0xad;

/** Counts a violation for every lane that takes part. */
function emitViolations(frame: VectorFrame, mask: Mask): void {
  const { code } = frame.frame;
  if (mask !== null) {
    emitValue(frame, mask);
    addLanes(frame);
    return;
  }
  for (let lane = 0; lane < LANES; lane++) emitViolation(code);
}

export function emitVectorStore(frame: VectorFrame, stmt: Store): void {
  const { code, around } = frame.frame;
  const place = around.place(stmt.array);
  emitValue(frame, stmt.index);
  if (stmt.access === 'uniform') {
    emitUniformStore(frame, stmt, place);
    return;
  }
  const type = laneType(stmt.array.dtype);
  if (stmt.access === 'lanes') {
    const index = toLocal(frame);
    emitValue(frame, stmt.value);
    emitScatter(frame, stmt, place, type, index, toLocal(frame));
    return;
  }
  const index = scalarToLocal(frame);
  emitValue(frame, stmt.value);
  const value = toLocal(frame);
  const isOneOp = stmt.operator === null || quadOperator(stmt.operator, type) !== undefined;
  if (isOneOp && !stmt.check && stmt.mask === null) {
    emitQuadStore(frame, stmt, place, type, index, value);
    return;
  }
  // Elements of lanes that do not take part may be those of other ids, which other threads run; arrays of the workgroup
  // are this thread's alone.
  const mayBlend = stmt.array.kind === 'shared';
  emitIsQuadInside(frame, stmt.array, index);
  if (stmt.mask !== null && !mayBlend) {
    emitValue(frame, stmt.mask);
    code.simd(SIMD.i32x4AllTrue).op(ARITHMETIC.u32.and);
  }
  if (isOneOp) {
    code.open(OP.if);
    emitQuadStore(frame, stmt, place, type, index, value);
    code.else();
  } else {
    code.op(OP.drop);
  }
  emitNeighbours(frame, index);
  emitScatter(frame, stmt, place, type, toLocal(frame), value);
  if (isOneOp) code.end();
}

function quadOperator(operator: ArithmeticOperator, type: LaneType): number | undefined {
  if (type === 'bool') return undefined;
  return (SIMD_ARITHMETIC[type] as Partial<Record<ArithmeticOperator, number>>)[operator];
}

/** Four neighbours at once, all of them inside; lanes outside the mask get back what they had. */
function emitQuadStore(
  frame: VectorFrame,
  { operator, mask }: Store,
  place: ArrayPlace,
  type: LaneType,
  index: number,
  value: number,
): void {
  const { code } = frame.frame;
  emitQuadAddress(frame, place, index);
  const address = scalarToLocal(frame);
  code.get(address);
  if (operator !== null) code.get(address).simdAccess(SIMD.v128Load);
  code.get(value);
  if (operator !== null) code.simd(quadOperator(operator, type) ?? 0);
  if (type === 'bool') code.v128(bytesOf('u32', [1, 1, 1, 1])).simd(SIMD.v128And);
  if (mask !== null) {
    code.get(address).simdAccess(SIMD.v128Load);
    emitValue(frame, mask);
    code.simd(SIMD.v128Bitselect);
  }
  code.simdAccess(SIMD.v128Store);
}

/** Lane by lane, in their order: a later one sees what an earlier one wrote. */
function emitScatter(
  frame: VectorFrame,
  { operator, mask, check }: Store,
  place: ArrayPlace,
  type: LaneType,
  index: number,
  value: number,
): void {
  const { code } = frame.frame;
  const wanted = check ? emitWanted(frame, place, index, mask) : maskLocal(frame, mask);
  forEachLane(frame, wanted, (lane) => {
    code.get(place.address);
    extract(frame, index, 'u32', lane);
    emitScaled(code, type);
    if (operator !== null) {
      const address = scalarToLocal(frame);
      code.get(address).get(address);
      emitLoaded(code, type);
    }
    extract(frame, value, type, lane);
    if (type === 'bool') code.i32(1).op(ARITHMETIC.u32.and);
    if (operator !== null) emitBinary(code, operator, type);
    code.access('store', type);
  });
}

/** Emits code for every lane, behind a test of the mask in a local if there is one. */
export function forEachLane(frame: VectorFrame, mask: number | null, emitLane: (lane: number) => void): void {
  const { code } = frame.frame;
  const bits = mask === null ? null : code.local('i32');
  if (mask !== null && bits !== null) code.get(mask).simd(SIMD.i32x4Bitmask).set(bits);
  for (let lane = 0; lane < LANES; lane++) {
    if (bits !== null) {
      code
        .get(bits)
        .i32(1 << lane)
        .op(ARITHMETIC.u32.and)
        .open(OP.if);
    }
    emitLane(lane);
    if (bits !== null) code.end();
  }
}

/** The lanes inside an array among those of a mask, after counting the others. */
export function emitWantedLanes(
  frame: VectorFrame,
  array: ArrayRef,
  index: number,
  mask: Mask,
  check: boolean,
): number | null {
  return check ? emitWanted(frame, frame.frame.around.place(array), index, mask) : maskLocal(frame, mask);
}

/** One element, once: all lanes would write the same. */
function emitUniformStore(frame: VectorFrame, stmt: Store, place: ArrayPlace): void {
  const { code } = frame.frame;
  const { dtype } = stmt.array;
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

/** Pushes whether lane 0's index and its three successors are inside. */
function emitIsQuadInside(frame: VectorFrame, array: ArrayRef, index: number): void {
  const { code } = frame.frame;
  const quads = frame.quads.get(keyOf(array.length));
  if (quads === undefined) throw new Error('a length was not prepared');
  code.get(index);
  emitReady(code, quads);
  code.op(COMPARE.u32.lt);
}

function emitQuadAddress(frame: VectorFrame, place: ArrayPlace, index: number): void {
  const { code } = frame.frame;
  code.get(place.address).get(index);
  emitScaled(code, 'u32');
}

function emitNeighbours(frame: VectorFrame, index: number): void {
  frame.frame.code
    .get(index)
    .simd(SIMD.i32x4Splat)
    .v128(bytesOf('u32', [0, 1, 2, 3]))
    .simd(SIMD.i32x4Add);
}

/** The address is on the stack. Memory may hold any word where a bool is expected. */
function emitLoadedQuad(frame: VectorFrame, type: LaneType): void {
  frame.frame.code.simdAccess(SIMD.v128Load);
  if (type === 'bool') emitAsMask(frame);
}

function emitAsMask(frame: VectorFrame): void {
  frame.frame.code.v128(bytesOf('u32', [0, 0, 0, 0])).simd(SIMD.i32x4Ne);
}

function scalarToLocal(frame: VectorFrame): number {
  const local = frame.frame.code.local('i32');
  frame.frame.code.set(local);
  return local;
}

/** Four neighbours that are inside and belong to these ids alone; the address is on the stack. */
export function emitOwnLoad(frame: VectorFrame, id: number, type: LaneType): void {
  emitLoadedQuad(frame, type);
  frame.frame.code.set(varOf(frame, id));
}

export function emitOwnStore(frame: VectorFrame, value: VExpr, mask: Mask): void {
  const { code } = frame.frame;
  const address = scalarToLocal(frame);
  code.get(address);
  emitValue(frame, value);
  if (value.type === 'bool') code.v128(bytesOf('u32', [1, 1, 1, 1])).simd(SIMD.v128And);
  if (mask !== null) {
    code.get(address).simdAccess(SIMD.v128Load);
    emitValue(frame, mask);
    code.simd(SIMD.v128Bitselect);
  }
  code.simdAccess(SIMD.v128Store);
}
