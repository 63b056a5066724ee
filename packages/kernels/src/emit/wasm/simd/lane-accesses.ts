import type { Mask, VStmt } from '../../../passes/vectorize/vector-form.js';
import { emitLoaded, emitReady, emitScaled } from '../expressions.js';
import type { ArrayPlace } from '../frame.js';
import { ARITHMETIC, OP } from '../opcodes.js';
import { emitBinary } from '../operators.js';
import { RUN } from '../slots.js';
import { SIMD } from './simd-opcodes.js';
import { QUAD, bytesOf, extract, toLocal, varOf } from './vector-frame.js';
import type { LaneType, VectorFrame } from './vector-frame.js';
import { emitValue } from './vector-values.js';
import { emitLaneViolations } from './violations.js';

/** Loads the elements at the indexes in a local, lane by lane; lanes that do not take part or lie outside get zero. */
export function emitGather(
  frame: VectorFrame,
  place: ArrayPlace,
  type: LaneType,
  index: number,
  mask: Mask,
  check: boolean,
): void {
  const { code } = frame.frame;
  const wanted = emitWanted(frame, place, index, mask, check);
  code.get(place.address).simd(SIMD.i32x4Splat).get(index).i32(2).simd(SIMD.i32x4Shl).simd(SIMD.i32x4Add);
  if (wanted !== null) {
    // Other lanes read, for nothing, where they cannot fault: in the argument block.
    code.get(RUN.block).simd(SIMD.i32x4Splat).get(wanted).simd(SIMD.v128Bitselect);
  }
  const addresses = toLocal(frame);
  const gathered = code.local('v128');
  code.v128(bytesOf('u32', [0, 0, 0, 0])).set(gathered);
  for (let lane = 0; lane < QUAD; lane++) {
    extract(frame, addresses, 'u32', lane);
    code.get(gathered).simdAccess(SIMD.v128Load32Lane, 0, lane).set(gathered);
  }
  code.get(gathered);
  if (wanted !== null) code.get(wanted).simd(SIMD.v128And);
  if (type === 'bool') emitAsMask(frame);
}

/** Stores lane by lane, in their order: a later one sees what an earlier one wrote. */
export function emitScatter(
  frame: VectorFrame,
  { operator, mask, check }: VStmt & { op: 'store' },
  place: ArrayPlace,
  type: LaneType,
  index: number,
  value: number,
): void {
  const { code } = frame.frame;
  const wanted = emitWanted(frame, place, index, mask, check);
  forEachLane(frame, wanted, (lane) => {
    code.get(place.address);
    extract(frame, index, 'u32', lane);
    emitScaled(code, type);
    if (operator !== null) {
      const address = code.local('i32');
      code.tee(address).get(address);
      emitLoaded(code, type);
    }
    extract(frame, value, type, lane);
    if (type === 'bool') code.i32(1).op(ARITHMETIC.u32.and);
    if (operator !== null) emitBinary(code, operator, type);
    code.access('store', type);
  });
}

/**
 * Counts the lanes that take part and lie outside; answers the local of a mask of those that lie inside, null if that
 * is all of them for certain.
 */
export function emitWanted(
  frame: VectorFrame,
  { length }: ArrayPlace,
  index: number,
  mask: Mask,
  check: boolean,
): number | null {
  const { code } = frame.frame;
  const taking = maskLocal(frame, mask);
  if (!check) return taking;
  code.get(index);
  emitReady(code, length);
  code.simd(SIMD.i32x4Splat).simd(SIMD.i32x4LtU);
  const inside = toLocal(frame);
  const outside = code.local('v128');
  if (taking === null) code.get(inside).simd(SIMD.v128Not);
  else code.get(taking).get(inside).simd(SIMD.v128AndNot);
  code.tee(outside).simd(SIMD.v128AnyTrue).open(OP.if);
  code.get(outside);
  emitLaneViolations(frame);
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

/** Emits code for every lane, behind a test of the mask in a local if there is one. */
export function forEachLane(frame: VectorFrame, mask: number | null, emitLane: (lane: number) => void): void {
  const { code } = frame.frame;
  const bits = mask === null ? null : code.local('i32');
  if (mask !== null && bits !== null) code.get(mask).simd(SIMD.i32x4Bitmask).set(bits);
  for (let lane = 0; lane < QUAD; lane++) {
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

/** Any word but 0 on the stack becomes true. */
export function emitAsMask(frame: VectorFrame): void {
  frame.frame.code.v128(bytesOf('u32', [0, 0, 0, 0])).simd(SIMD.i32x4Ne);
}
