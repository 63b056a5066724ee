import type { Axis, Stmt } from '../../ir/nodes.js';
import type { KernelPlan } from '../plan.js';
import type { Code } from './code.js';
import { emitIdBody, emitRange, missing } from './driver.js';
import type { Driver } from './driver.js';
import type { Frame, Surroundings } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { HEADER, RUN, Slots, found, slotOf } from './slots.js';
import { emitStmts } from './statements.js';

const { add, div, rem } = ARITHMETIC.u32;

/** Independent ids one after the other, x fastest. */
export class GridDriver implements Driver {
  /** Local that runs over the linear ids. */
  private readonly current: number;
  private readonly slots: Slots;
  private readonly lengths = new Map<number, number>();
  private readonly ids: Record<Axis, number>;
  private readonly sizes: Record<Axis, number>;
  private readonly depth: 1 | 2 | 3;

  constructor(
    private readonly code: Code,
    private readonly plan: KernelPlan,
  ) {
    this.slots = new Slots(code, plan);
    const three = (): Record<Axis, number> => ({ x: code.local('i32'), y: code.local('i32'), z: code.local('i32') });
    this.current = code.local('i32');
    this.ids = three();
    this.sizes = three();
    // Axes the body does not ask for are not kept.
    this.depth = plan.axes.has('z') ? 3 : plan.axes.has('y') ? 2 : 1;
  }

  readonly around: Surroundings = {
    place: (array) => ({ address: this.slots.base(slotOf(array)), length: this.around.length(array.length) }),
    length: (length) => {
      if (length.kind === 'column') return { local: found(this.lengths.get(length.slot), `column ${length.slot}`) };
      throw new Error(`${length.kind} in a grid kernel`);
    },
    uniform: (slot) => this.slots.uniform(slot),
    item: missing,
    id: (which, axis) => (which === 'global' ? this.ids : this.sizes)[axis],
    inRange: missing,
    itemAddress: missing,
    count: missing,
    items: (frame, { body }) => {
      this.enterRange();
      emitRange(frame.code, this.current, () => {
        emitIdBody(frame, body);
        this.nextId();
      });
    },
  };

  run(frame: Frame, body: readonly Stmt[]): void {
    emitStmts(frame, body);
  }

  enter(): void {
    const { plan, slots, sizes } = this;
    slots.loadUniforms();
    for (const slot of plan.columns) slots.base(slot);
    for (const slot of plan.columnLengths) this.lengths.set(slot, slots.elements(slot));
    for (const axis of ['x', 'y', 'z'] as const) slots.load(HEADER[axis]).set(sizes[axis]);
  }

  private enterRange(): void {
    const { code, ids, sizes } = this;
    // The only divisions: later ids follow by counting.
    const row = code.local('i32');
    code.get(RUN.count).open(OP.if);
    code.get(RUN.first).get(sizes.x).op(rem).set(ids.x);
    if (this.depth > 1) {
      code.get(RUN.first).get(sizes.x).op(div).tee(row).get(sizes.y).op(rem).set(ids.y);
      code.get(row).get(sizes.y).op(div).set(ids.z);
    }
    code.end();
  }

  private nextId(): void {
    const { code, ids, sizes } = this;
    if (this.plan.axes.size === 0) return;
    const step = (axis: Axis): void => {
      code.get(ids[axis]).i32(1).op(add).tee(ids[axis]).get(sizes[axis]).op(COMPARE.u32.eq).open(OP.if);
      code.i32(0).set(ids[axis]);
    };
    step('x');
    if (this.depth > 1) {
      step('y');
      if (this.depth > 2) code.get(ids.z).i32(1).op(add).set(ids.z);
      code.end();
    }
    code.end();
  }
}
