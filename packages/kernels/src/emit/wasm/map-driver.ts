import { SCRATCH_ALIGN_BYTES } from '@gpu-bridge/abstractions';
import type { Stmt } from '../../ir/nodes.js';
import type { BoundPlan, KernelPlan } from '../plan.js';
import type { Code } from './code.js';
import { emitIdBody, emitRange, missing } from './driver.js';
import type { Driver } from './driver.js';
import type { Frame, Ready, Surroundings } from './frame.js';
import { ARITHMETIC } from './opcodes.js';
import { vectorOf } from './simd/vector-items.js';
import { RUN, Slots, found, slotOf } from './slots.js';
import { emitStmts } from './statements.js';

const { add, sub, mul, shl } = ARITHMETIC.u32;

/** Items one after the other. */
export class MapDriver implements Driver {
  /** Local that runs over the items. */
  private readonly current: number;
  private readonly slots: Slots;
  /** Per item: start and length of each list, in elements. */
  private readonly lists = new Map<number, { readonly start: number; readonly length: number }>();
  /** Per item: byte address of element 0 of each list or scratch array. */
  private readonly addresses = new Map<number, number>();
  private readonly counts = new Map<number, { readonly count: number; readonly capacity: Ready }>();
  private readonly scratchLengths = new Map<number, Ready>();

  constructor(
    private readonly code: Code,
    private readonly plan: KernelPlan,
  ) {
    this.slots = new Slots(code, plan);
    this.current = code.local('i32');
  }

  readonly around: Surroundings = {
    place: (array) => ({
      address: found(this.addresses.get(slotOf(array)), `array ${slotOf(array)}`),
      length: this.around.length(array.length),
    }),
    length: (length) => {
      if (length.kind === 'list') return { local: found(this.lists.get(length.slot), `list ${length.slot}`).length };
      if (length.kind === 'outList') return { local: found(this.counts.get(length.slot), `list ${length.slot}`).count };
      if (length.kind === 'capacity') return found(this.counts.get(length.slot), `list ${length.slot}`).capacity;
      if (length.kind === 'scratch') return found(this.scratchLengths.get(length.slot), `scratch ${length.slot}`);
      throw new Error(`${length.kind} in a map kernel`);
    },
    uniform: (slot) => this.slots.uniform(slot),
    item: () => this.current,
    id: missing,
    inRange: missing,
    items: (frame, items) => {
      const one = (): void => {
        this.beginItem();
        emitIdBody(frame, items.body);
        this.endItem();
      };
      // Kernels with lists have no vector form, so it needs nothing around it.
      emitRange(frame.code, this.current, one, vectorOf(frame, items, missing));
    },
    itemAddress: (code, slot) => {
      code.get(this.slots.base(slot)).get(this.current).i32(this.slots.shift(slot)).op(shl, add);
    },
    count: (slot) => found(this.counts.get(slot), `list ${slot}`).count,
  };

  run(frame: Frame, body: readonly Stmt[]): void {
    emitStmts(frame, body);
  }

  enter(): void {
    const { code, plan, slots } = this;
    slots.loadUniforms();
    for (const slot of plan.columns) slots.base(slot);
    for (const list of plan.lists) {
      slots.base(list.offsets);
      for (const column of list.columns) {
        slots.base(column);
        this.addresses.set(column, code.local('i32'));
      }
      this.lists.set(list.offsets, { start: code.local('i32'), length: code.local('i32') });
    }
    for (const list of plan.outLists) {
      slots.base(list.counts);
      for (const column of list.columns) {
        slots.base(column);
        this.addresses.set(column, code.local('i32'));
      }
      this.counts.set(list.counts, { count: code.local('i32'), capacity: this.readyBound(list.bound) });
    }
    for (const { slot, bound } of plan.scratches) {
      this.scratchLengths.set(slot, this.readyBound(bound));
      const address = slots.base(slot);
      const align = SCRATCH_ALIGN_BYTES;
      // Executor g starts g * roundUp(elements * size, 64) bytes after executor 0.
      code.get(address).get(RUN.executor).get(slots.elements(slot)).i32(slots.shift(slot)).op(shl);
      code
        .i32(align - 1)
        .op(add)
        .i32(-align)
        .op(ARITHMETIC.u32.and, mul, add)
        .set(address);
      this.addresses.set(slot, address);
    }
  }

  /** Where `a * length + b` will be for each item: a constant, the list's own length, or a local of its own. */
  private readyBound({ a, b, offsets }: BoundPlan): Ready {
    if (offsets === null) return { value: b };
    if (a === 1 && b === 0) return { local: found(this.lists.get(offsets), `list ${offsets}`).length };
    return { local: this.code.local('i32') };
  }

  private beginItem(): void {
    const { code, plan, slots } = this;
    for (const { offsets, columns } of plan.lists) {
      const { start, length } = found(this.lists.get(offsets), `list ${offsets}`);
      const at = code.local('i32');
      code.get(slots.base(offsets)).get(this.current).i32(2).op(shl, add).tee(at);
      code.access('load', 'u32').set(start).get(at).access('load', 'u32', 4).get(start).op(sub).set(length);
      for (const column of columns) {
        code.get(slots.base(column)).get(start).i32(slots.shift(column)).op(shl, add);
        code.set(found(this.addresses.get(column), `column ${column}`));
      }
    }
    for (const { counts, columns, bound } of plan.outLists) {
      const list = found(this.counts.get(counts), `list ${counts}`);
      code.i32(0).set(list.count);
      this.setBound(bound, list.capacity);
      const position = code.local('i32');
      // First element: a * offsets[i] + b * i.
      code.get(this.current).i32(bound.b).op(mul);
      if (bound.offsets !== null)
        code
          .get(found(this.lists.get(bound.offsets), 'driver').start)
          .i32(bound.a)
          .op(mul, add);
      code.set(position);
      for (const column of columns) {
        code.get(slots.base(column)).get(position).i32(slots.shift(column)).op(shl, add);
        code.set(found(this.addresses.get(column), `column ${column}`));
      }
    }
    for (const { slot, bound } of plan.scratches)
      this.setBound(bound, found(this.scratchLengths.get(slot), `scratch ${slot}`));
  }

  private setBound({ a, b, offsets }: BoundPlan, ready: Ready): void {
    if (offsets === null || (a === 1 && b === 0) || !('local' in ready)) return;
    const { length } = found(this.lists.get(offsets), `list ${offsets}`);
    this.code.get(length).i32(a).op(mul).i32(b).op(add).set(ready.local);
  }

  private endItem(): void {
    for (const { counts } of this.plan.outLists) {
      this.around.itemAddress(this.code, counts);
      this.code.get(this.around.count(counts)).access('store', 'u32');
    }
  }
}
