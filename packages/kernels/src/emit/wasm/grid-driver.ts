import type { Axis, Stmt } from '../../ir/nodes.js';
import type { KernelPlan } from '../plan.js';
import type { Code } from './code.js';
import { emitIdBody, emitUpTo, missing } from './driver.js';
import type { Driver } from './driver.js';
import type { Frame, Surroundings } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { vectorOf } from './simd/vector-items.js';
import type { EmittedVector } from './simd/vector-items.js';
import { HEADER, RUN, Slots, found, slotOf } from './slots.js';
import { emitStmts } from './statements.js';

const { add, sub, div, rem } = ARITHMETIC.u32;

/** Independent ids one after the other, x fastest. */
export class GridDriver implements Driver {
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
    items: (frame, items) => {
      this.enterRange();
      this.rows(
        () => {
          emitIdBody(frame, items.body);
        },
        vectorOf(frame, items, missing),
      );
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

  /** Ids of one row at a time: those that stand side by side share y and z, and only a row's end asks for the next. */
  private rows(each: () => void, vector: EmittedVector | null): void {
    const { code, ids, sizes } = this;
    const left = code.local('i32');
    const end = code.local('i32');
    const done = code.open(OP.block);
    code.get(RUN.count).tee(left).op(OP.i32Eqz).brIf(done);
    const again = code.open(OP.loop);
    // The row ends with its last id, or with the last of the range.
    code.get(ids.x).get(left).op(add).get(sizes.x);
    code.get(left).get(sizes.x).get(ids.x).op(sub, COMPARE.u32.lt, OP.select).set(end);
    code.get(left).get(end).get(ids.x).op(sub, sub).set(left);
    emitUpTo(code, ids.x, { local: end }, each, vector);
    code.get(left).op(OP.i32Eqz).brIf(done);
    code.i32(0).set(ids.x);
    if (this.depth > 1) this.nextRow();
    code.br(again).end().end();
  }

  private nextRow(): void {
    const { code, ids, sizes } = this;
    code.get(ids.y).i32(1).op(add).tee(ids.y).get(sizes.y).op(COMPARE.u32.eq).open(OP.if);
    code.i32(0).set(ids.y);
    if (this.depth > 2) code.get(ids.z).i32(1).op(add).set(ids.z);
    code.end();
  }
}
