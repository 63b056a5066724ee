import type { DType } from '@gpu-bridge/abstractions';
import type { LengthRef } from '../../../ir/nodes.js';
import type { VectorBody } from '../../../passes/vectorize/vector-form.js';
import { valOf } from '../code.js';
import type { Frame, Ready } from '../frame.js';
import { emitReady } from '../expressions.js';
import { ARITHMETIC, COMPARE, OP } from '../opcodes.js';
import { SIMD } from './simd-opcodes.js';

/** Lanes of a v128 with elements of 32 bits. */
export const QUAD = 4;
/** Bytes of a v128. */
export const QUAD_BYTES = 16;

/** A type whose values fit a lane. */
export type LaneType = Exclude<DType, 'f64' | 'i64' | 'u64'>;

export function laneType(type: DType): LaneType {
  if (type === 'f64' || type === 'i64' || type === 'u64') throw new Error(`lanes hold no ${type}`);
  return type;
}

/** A body in the vector form in the course of being printed. Ids and items in `frame.around` are those of lane 0. */
export interface VectorFrame {
  readonly frame: Frame;
  /** How many v128 make up one value of the form, lanes in their order. */
  readonly parts: number;
  /** The part that code is emitted for. */
  readonly part: number;
  /** WebAssembly locals of the form's variables: one for each part of a varying one. */
  readonly vars: readonly (readonly number[])[];
  /** One more than the last index at which as many neighbours as there are lanes lie inside, by length. */
  readonly limits: ReadonlyMap<string, Ready>;
  /** Labels of blocks, by the form's labels. */
  readonly labels: Map<number, number>;
  /** Pushes the address of what lane 0 keeps of a local; those of the other lanes follow. */
  readonly spillAddress: (local: number) => void;
}

/** Emits what is computed once before the loop over the ids. */
export function enterVector(
  frame: Frame,
  { vars, body }: VectorBody,
  parts: number,
  spillAddress: VectorFrame['spillAddress'],
): VectorFrame {
  const { code } = frame;
  const limits = new Map<string, Ready>();
  const others = QUAD * parts - 1;
  for (const length of unitLengths(body)) {
    const key = keyOf(length);
    if (limits.has(key)) continue;
    const ready = frame.around.length(length);
    if ('value' in ready) {
      limits.set(key, { value: Math.max(0, ready.value - others) });
      continue;
    }
    const local = code.local('i32');
    code.get(ready.local).i32(others).op(ARITHMETIC.u32.sub).i32(0);
    emitReady(code, ready);
    code.i32(others).op(COMPARE.u32.gt, OP.select).set(local);
    limits.set(key, { local });
  }
  return {
    frame,
    parts,
    part: 0,
    vars: vars.map(({ type, varying }) =>
      varying ? Array.from({ length: parts }, () => code.local('v128')) : [code.local(valOf(type))],
    ),
    limits,
    labels: new Map(),
    spillAddress,
  };
}

/** Lengths of the arrays that are accessed at neighbouring indexes. */
function unitLengths(body: VectorBody['body']): LengthRef[] {
  return body.flatMap((s) => {
    if ((s.op === 'load' || s.op === 'store') && s.access === 'unit') return [s.array.length];
    if (s.op === 'if') return [...unitLengths(s.then), ...unitLengths(s.else)];
    return s.op === 'loop' || s.op === 'block' ? unitLengths(s.body) : [];
  });
}

export function keyOf(length: LengthRef): string {
  return JSON.stringify(length);
}

/** Emits code for one part of the lanes after the other. */
export function eachPart(frame: VectorFrame, emit: (frame: VectorFrame) => void): void {
  for (let part = 0; part < frame.parts; part++) emit({ ...frame, part });
}

/** The local of a variable: of a varying one, for the part at hand. */
export function varOf(frame: VectorFrame, id: number): number {
  const locals = frame.vars[id];
  const local = locals?.[frame.part] ?? locals?.[0];
  if (local === undefined) throw new Error(`no variable ${id}`);
  return local;
}

/** Lets code use a vector on the stack several times. */
export function toLocal(frame: VectorFrame): number {
  const local = frame.frame.code.local('v128');
  frame.frame.code.set(local);
  return local;
}

export function extract(frame: VectorFrame, vector: number, type: LaneType, lane: number): void {
  frame.frame.code.get(vector).simd(type === 'f32' ? SIMD.f32x4ExtractLane : SIMD.i32x4ExtractLane, lane);
}

/** Builds a vector from four scalars of the type. */
export function perLane(frame: VectorFrame, type: LaneType, emitLane: (lane: number) => void): void {
  const { code } = frame.frame;
  for (let lane = 0; lane < QUAD; lane++) {
    emitLane(lane);
    if (lane === 0) code.simd(type === 'f32' ? SIMD.f32x4Splat : SIMD.i32x4Splat);
    else code.simd(type === 'f32' ? SIMD.f32x4ReplaceLane : SIMD.i32x4ReplaceLane, lane);
  }
}

/** Four equal lanes, or the numbers of the lanes, as bytes. */
export function bytesOf(type: LaneType, values: readonly (number | boolean)[]): number[] {
  const view = new DataView(new ArrayBuffer(16));
  values.forEach((value, lane) => {
    if (type === 'f32') view.setFloat32(4 * lane, Number(value), true);
    else if (type === 'bool') view.setInt32(4 * lane, value === true ? -1 : 0, true);
    else view.setInt32(4 * lane, Number(value) | 0, true);
  });
  return [...new Uint8Array(view.buffer)];
}

/** What the lanes of the part add to the first lane's id. */
export function laneNumbers({ part }: VectorFrame): number[] {
  return bytesOf(
    'u32',
    [0, 1, 2, 3].map((lane) => lane + QUAD * part),
  );
}
