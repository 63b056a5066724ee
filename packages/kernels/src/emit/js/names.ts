import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot } from '@gpu-bridge/abstractions';
import type { ArrayRef, IrKernel, IrLocal } from '../../ir/nodes.js';
import type { KernelPlan } from '../plan.js';
import { VIEW } from './expressions.js';
import type { JsNames } from './expressions.js';

export const missing = (): never => {
  throw new Error('not reachable from here');
};

export function localNames(locals: readonly IrLocal[]): (local: number) => string {
  // The dollar sign keeps locals apart from every name that is built from parameters.
  return (local) => `${locals[local]?.name ?? 'local'}$${local}`;
}

export function declareLocals(name: (local: number) => string, locals: readonly number[], indent: string): string[] {
  return locals.length === 0 ? [] : [`${indent}let ${locals.map(name).join(', ')};`];
}

export function helperName(kernel: IrKernel, index: number): string {
  return `helper_${kernel.helpers[index]?.name.replace(/\W/g, '_') ?? ''}_${index}`;
}

export function slotName(slots: readonly ArgumentSlot[], slot: number): string {
  const { param, part, column } = slots[slot] ?? { param: 'slot', part: slot, column: '' };
  return `s${slot}_${param}_${part === 'column' ? column : part}`;
}

export const slotOffset = (slot: number): number => ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot;

/** Element index in its view where a slot's data starts; memory is 32-bit, so the low word of the offset is all. */
export function baseText(plan: KernelPlan, slot: number): string {
  const dtype = plan.slots[slot]?.dtype ?? 'u32';
  return `u32s[(block + ${slotOffset(slot) + 8}) >>> 2] >>> ${sizeOf(dtype) === 8 ? 3 : 2}`;
}

export function uniformLines(plan: KernelPlan): string[] {
  return plan.uniforms.map((slot) => {
    const dtype = plan.slots[slot]?.dtype ?? 'u32';
    const text = `${VIEW[dtype]}[(block + ${slotOffset(slot)}) >>> ${sizeOf(dtype) === 8 ? 3 : 2}]`;
    return `    const ${slotName(plan.slots, slot)} = ${text}${dtype === 'bool' ? ' !== 0' : ''};`;
  });
}

/** Whole arrays of a grid kernel, their lengths, and the global size. */
export function gridEntryLines(plan: KernelPlan): string[] {
  const name = (slot: number): string => slotName(plan.slots, slot);
  return [
    ...uniformLines(plan),
    ...plan.columns.map((slot) => `    const ${name(slot)} = ${baseText(plan, slot)};`),
    ...plan.columnLengths.map(
      (slot) => `    const ${name(slot)}_length = u32s[(block + ${slotOffset(slot) + 4}) >>> 2];`,
    ),
    ...(['x', 'y', 'z'] as const).map(
      (axis, i) => `    const globalSize_${axis} = u32s[(block + ${4 + 4 * i}) >>> 2];`,
    ),
  ];
}

type CommonNames = Pick<JsNames, 'local' | 'inRange' | 'uniform' | 'helper' | 'leave' | 'items' | 'column' | 'count'>;

/** What the bodies of all kernels share; a kernel that has more says so itself. */
export function commonNames(kernel: IrKernel, plan: KernelPlan): CommonNames {
  return {
    local: localNames(kernel.main.locals),
    inRange: 'true',
    uniform: (slot) => slotName(plan.slots, slot),
    helper: (i) => helperName(kernel, i),
    leave: () => 'break body;',
    items: missing,
    column: missing,
    count: missing,
  };
}

export function slotOf(array: ArrayRef): number {
  return array.kind === 'arg' || array.kind === 'shared' ? missing() : array.slot;
}
