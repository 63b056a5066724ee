import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, Axis } from '../../ir/nodes.js';
import type { KernelPlan } from '../plan.js';
import { valOf } from './code.js';
import type { Code } from './code.js';
import { ARITHMETIC, COMPARE } from './opcodes.js';

/** Parameters of `run`. */
export const RUN = { block: 0, first: 1, count: 2, executor: 3 } as const;

/** Where the header of the argument block has the global size. */
export const HEADER: Readonly<Record<Axis, number>> = { x: 4, y: 8, z: 12 };

const slotAddress = (slot: number): number => ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot;

/** Locals loaded from the argument block at function entry. */
export class Slots {
  private readonly bases = new Map<number, number>();
  private readonly uniforms = new Map<number, number>();

  constructor(
    readonly code: Code,
    readonly plan: KernelPlan,
  ) {}

  /** Pushes a field of the block. */
  load(offset: number, dtype: DType = 'u32'): Code {
    return this.code.get(RUN.block).access('load', dtype, offset);
  }

  /** Loads a field of the block into a new local. */
  field(offset: number, dtype: DType = 'u32'): number {
    const local = this.code.local(valOf(dtype));
    this.load(offset, dtype).set(local);
    return local;
  }

  /** Loads the byte address of this executor's workspace into a new local. */
  workspace(bytes: number): number {
    const local = this.field(slotAddress(this.plan.slots.length) + 8);
    this.code.get(local).get(RUN.executor).i32(bytes).op(ARITHMETIC.u32.mul, ARITHMETIC.u32.add).set(local);
    return local;
  }

  /** Byte address of a slot's element 0; memory is 32-bit, so the low word is all of it. */
  base(slot: number): number {
    const known = this.bases.get(slot);
    if (known !== undefined) return known;
    const local = this.field(slotAddress(slot) + 8);
    this.bases.set(slot, local);
    return local;
  }

  /** Number of elements of a slot. */
  elements(slot: number): number {
    return this.field(slotAddress(slot) + 4);
  }

  loadUniforms(): void {
    for (const slot of this.plan.uniforms) {
      const dtype = this.dtype(slot);
      const local = this.field(slotAddress(slot), dtype);
      if (dtype === 'bool') this.code.get(local).i32(0).op(COMPARE.i32.ne).set(local);
      this.uniforms.set(slot, local);
    }
  }

  uniform(slot: number): number {
    return found(this.uniforms.get(slot), `uniform ${slot}`);
  }

  dtype(slot: number): DType {
    return found(this.plan.slots[slot], `slot ${slot}`).dtype;
  }

  /** Base-2 logarithm of an element's bytes. */
  shift(slot: number): number {
    return sizeOf(this.dtype(slot)) === 8 ? 3 : 2;
  }
}

export function slotOf(array: ArrayRef): number {
  if (array.kind === 'arg' || array.kind === 'shared') throw new Error(`no slot for an array of kind ${array.kind}`);
  return array.slot;
}

export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} was not planned`);
  return value;
}
