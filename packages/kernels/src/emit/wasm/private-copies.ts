import type { CpuForm, PrivateCopy } from '../../ir/cpu-form.js';
import type { KernelPlan } from '../plan.js';
import { emitAtomicAt } from './atomics.js';
import type { Code } from './code.js';
import { valOf } from './code.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { RUN, Slots } from './slots.js';

const { add, shl, mul, and } = ARITHMETIC.u32;
/** A copy is not worth clearing for fewer ids than it has elements, unless it is this small. */
const SMALL_ELEMENTS = 64;

/** Copies of atomic arrays that belong to one run: by slot, the local with the address of element 0. */
export type Copies = ReadonlyMap<number, number>;

/**
 * Emits the code of the range twice, behind one test: with updates in copies that are added up at the end, where the
 * arrays are small, and with atomics in place.
 */
export function emitWithCopies(
  code: Code,
  form: CpuForm,
  plan: KernelPlan,
  workspace: number,
  emit: (copies: Copies) => void,
): void {
  const { privates } = form.workspace;
  if (privates.size === 0) {
    emit(new Map());
    return;
  }
  const slots = new Slots(code, plan);
  const copies = [...privates].map(([slot, copy]) => ({
    slot,
    copy,
    elements: slots.elements(slot),
    real: slots.base(slot),
    address: code.local('i32'),
  }));
  const [x, y, z] = form.kernel.workgroup ?? [1, 1, 1];
  copies.forEach(({ elements, copy }, i) => {
    code.get(elements).i32(copy.elements).op(COMPARE.u32.le);
    code
      .get(elements)
      .get(RUN.count)
      .i32(x * y * z)
      .op(mul)
      .i32(SMALL_ELEMENTS)
      .op(ARITHMETIC.u32.or, COMPARE.u32.le);
    code.op(and);
    if (i > 0) code.op(and);
  });
  code.open(OP.if);
  for (const { slot, copy, elements, address } of copies) {
    const dtype = slots.dtype(slot);
    code.get(workspace).i32(copy.offset).op(add).set(address);
    eachElement(code, elements, (index) => {
      code.get(address).get(index).i32(slots.shift(slot)).op(shl, add);
      code.constant(dtype, copy.identity).access('store', dtype);
    });
  }
  emit(new Map(copies.map(({ slot, address }) => [slot, address])));
  for (const { slot, copy, elements, address, real } of copies) {
    eachElement(code, elements, (index) => {
      mergeElement(code, slots, slot, copy, index, address, real);
    });
  }
  code.else();
  emit(new Map());
  code.end();
}

function mergeElement(
  code: Code,
  slots: Slots,
  slot: number,
  copy: PrivateCopy,
  index: number,
  address: number,
  real: number,
): void {
  const type = slots.dtype(slot);
  const value = code.local(valOf(type));
  const element = (base: number): Code => code.get(base).get(index).i32(slots.shift(slot)).op(shl, add);
  element(address).access('load', type).tee(value).constant(type, copy.identity).op(COMPARE[type].ne).open(OP.if);
  element(real);
  emitAtomicAt(code, { operator: copy.operator, type }, value, -1);
  code.op(OP.drop).end();
}

function eachElement(code: Code, elements: number, each: (index: number) => void): void {
  const index = code.local('i32');
  const done = code.open(OP.block);
  code.i32(0).set(index).get(elements).op(OP.i32Eqz).brIf(done);
  const again = code.open(OP.loop);
  each(index);
  code.get(index).i32(1).op(add).tee(index).get(elements).op(COMPARE.u32.lt).brIf(again);
  code.end().end();
}
