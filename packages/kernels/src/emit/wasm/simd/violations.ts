import type { Mask } from '../../../passes/vectorize/vector-form.js';
import { VIOLATIONS } from '../frame.js';
import { ARITHMETIC, CAST, OP } from '../opcodes.js';
import { SIMD } from './simd-opcodes.js';
import { QUAD, eachPart } from './vector-frame.js';
import type { VectorFrame } from './vector-frame.js';
import { emitValue } from './vector-values.js';

/** Counts one violation for every lane of a mask on the stack. */
export function emitLaneViolations(frame: VectorFrame): void {
  const { code } = frame.frame;
  code.simd(SIMD.i32x4Bitmask).op(ARITHMETIC.u32.popcount, CAST.i64ExtendU32);
  code.global(OP.globalGet, VIOLATIONS).op(ARITHMETIC.u64.add).global(OP.globalSet, VIOLATIONS);
}

/** Counts a violation for every lane that takes part. */
export function emitViolations(frame: VectorFrame, mask: Mask): void {
  const { code } = frame.frame;
  if (mask !== null) {
    eachPart(frame, (inPart) => {
      emitValue(inPart, mask);
      emitLaneViolations(inPart);
    });
    return;
  }
  code.global(OP.globalGet, VIOLATIONS).constant('i64', BigInt(QUAD * frame.parts));
  code.op(ARITHMETIC.u64.add).global(OP.globalSet, VIOLATIONS);
}
