import type { CpuForm } from '../../ir/cpu-form.js';
import type { Axis, IrKernel, Items, Stmt } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { KernelPlan } from '../plan.js';
import type { Code } from './code.js';
import { emitIdBody, emitRange, emitUpTo, missing } from './driver.js';
import type { Driver } from './driver.js';
import { emitExpr, emitLoaded, localOf } from './expressions.js';
import type { Frame, Surroundings } from './frame.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { vectorOf } from './simd/vector-items.js';
import type { EmittedVector } from './simd/vector-items.js';
import { HEADER, Slots, found, slotOf } from './slots.js';
import { emitStmts } from './statements.js';

const { add, sub, mul, div, rem, shl } = ARITHMETIC.u32;
const AXES = ['x', 'y', 'z'] as const;
type PerAxis = Readonly<Record<Axis, number>>;

/** Groups one after the other; in a group, code of the group with loops over its ids, x innermost. */
export class GroupDriver implements Driver {
  private readonly slots: Slots;
  private readonly lengths = new Map<number, number>();
  private readonly kernel: IrKernel;
  private readonly workgroup: PerAxis;
  private readonly current: number;
  private readonly sizes: PerAxis;
  private readonly counts: PerAxis;
  private readonly groups: PerAxis;
  /** Global id of the group's first id. */
  private readonly bases: PerAxis;
  private readonly locals: PerAxis;
  private readonly globals: PerAxis;
  /** Byte address of this executor's workspace, and of each shared array. */
  private readonly workspace: number;
  private readonly shared: readonly number[];

  constructor(
    private readonly code: Code,
    private readonly plan: KernelPlan,
    private readonly form: CpuForm,
    workspace: number,
  ) {
    const three = (): PerAxis => ({ x: code.local('i32'), y: code.local('i32'), z: code.local('i32') });
    this.kernel = form.kernel;
    const [x, y, z] = form.kernel.workgroup ?? missing();
    this.workgroup = { x, y, z };
    this.slots = new Slots(code, plan);
    this.current = code.local('i32');
    this.sizes = three();
    this.counts = three();
    this.groups = three();
    this.bases = three();
    this.locals = three();
    this.globals = three();
    this.workspace = workspace;
    this.shared = form.kernel.shared.map(() => code.local('i32'));
  }

  readonly around: Surroundings = {
    place: (array) => ({
      address: array.kind === 'shared' ? found(this.shared[array.shared], 'shared') : this.slots.base(slotOf(array)),
      length: this.around.length(array.length),
    }),
    length: (length) => {
      if (length.kind === 'shared') return { value: found(this.kernel.shared[length.shared], 'shared').length };
      if (length.kind === 'column') return { local: found(this.lengths.get(length.slot), `column ${length.slot}`) };
      return missing();
    },
    uniform: (slot) => this.slots.uniform(slot),
    item: missing,
    id: (which, axis) => {
      const of = { global: this.globals, globalSize: this.sizes, local: this.locals, group: this.groups };
      return which === 'groupCount' ? this.counts[axis] : of[which][axis];
    },
    inRange: (code) => {
      // Along an axis with one id per group every group has its id inside.
      const axes = AXES.filter((axis) => this.workgroup[axis] > 1);
      if (axes.length === 0) code.i32(1);
      axes.forEach((axis, i) => {
        code.get(this.globals[axis]).get(this.sizes[axis]).op(COMPARE.u32.lt);
        if (i > 0) code.op(ARITHMETIC.u32.and);
      });
    },
    itemAddress: missing,
    count: missing,
    items: (frame, items) => {
      this.items(frame, items);
    },
  };

  enter(): void {
    const { code, plan, slots } = this;
    slots.loadUniforms();
    for (const slot of plan.columns) slots.base(slot);
    for (const slot of plan.columnLengths) this.lengths.set(slot, slots.elements(slot));
    for (const axis of AXES) {
      slots.load(HEADER[axis]).set(this.sizes[axis]);
      const width = this.workgroup[axis];
      // Rounded up without overflow: quotient, and one more where something remains.
      code.get(this.sizes[axis]).i32(width).op(div);
      code.get(this.sizes[axis]).i32(width).op(rem).i32(0).op(COMPARE.u32.ne, add).set(this.counts[axis]);
    }
    this.shared.forEach((local, i) => {
      code
        .get(this.workspace)
        .i32(this.form.workspace.shared[i] ?? 0)
        .op(add)
        .set(local);
    });
  }

  run(frame: Frame, body: readonly Stmt[]): void {
    const { code } = this;
    emitRange(code, this.current, () => {
      this.beginGroup();
      const exit = code.open(OP.block);
      emitStmts({ ...frame, exit }, body);
      code.end();
    });
  }

  private beginGroup(): void {
    const { code, counts, groups } = this;
    const row = code.local('i32');
    code.get(this.current).get(counts.x).op(rem).set(groups.x);
    code.get(this.current).get(counts.x).op(div).tee(row).get(counts.y).op(rem).set(groups.y);
    code.get(row).get(counts.y).op(div).set(groups.z);
    for (const axis of AXES) {
      code.get(groups[axis]).i32(this.workgroup[axis]).op(mul).tee(this.bases[axis]);
      code.set(this.globals[axis]);
    }
    const [first] = this.shared;
    if (first === undefined) return;
    const last = found(this.kernel.shared.at(-1), 'shared');
    const end = (this.form.workspace.shared.at(-1) ?? 0) + last.length * sizeOf(last.dtype);
    code
      .get(first)
      .i32(0)
      .i32(end)
      .op(...OP.memoryFill);
  }

  private items(frame: Frame, items: Items): void {
    const axes = AXES.filter((axis) => this.workgroup[axis] > 1 || axis === 'x').reverse();
    const used = idsUsed(items);
    const vector = vectorOf(frame, items, (local) => this.keptAddress(local));
    const open = (rest: readonly Axis[]): void => {
      const [axis, ...inner] = rest;
      if (axis === undefined) this.id(frame, items);
      else this.axis(frame, axis, axis === 'x' ? items : null, used, () => open(inner), axis === 'x' ? vector : null);
    };
    open(axes);
  }

  /** A loop over the ids along one axis; `bounded` is the statement on the axis its bound is about. */
  private axis(
    frame: Frame,
    axis: Axis,
    bounded: Items | null,
    used: ReadonlySet<Axis>,
    each: () => void,
    vector: EmittedVector | null,
  ): void {
    const { code } = this;
    const local = this.locals[axis];
    const limits: (() => void)[] = [];
    const below = bounded?.below ?? null;
    if (below !== null) limits.push(() => emitExpr(frame, below));
    // Ids beyond the global size do not run.
    if (!this.kernel.fullGroups) limits.push(() => code.get(this.sizes[axis]).get(this.bases[axis]).op(sub));
    const end = limits.length > 0 ? code.local('i32') : null;
    const out = code.open(OP.block);
    if (end !== null) {
      code.i32(this.workgroup[axis]).set(end);
      for (const limit of limits) {
        const other = code.local('i32');
        limit();
        code.tee(other).get(end).get(other).get(end).op(COMPARE.u32.lt, OP.select).set(end);
      }
      code.get(end).op(OP.i32Eqz).brIf(out);
    }
    code.i32(0).set(local);
    const withGlobal = (emit: () => void) => (): void => {
      if (used.has(axis)) code.get(this.bases[axis]).get(local).op(add).set(this.globals[axis]);
      emit();
    };
    if (vector !== null) {
      const last = end === null ? { value: this.workgroup[axis] } : { local: end };
      emitUpTo(code, local, last, withGlobal(each), { ...vector, emit: withGlobal(vector.emit) });
      code.end();
      return;
    }
    const again = code.open(OP.loop);
    withGlobal(each)();
    code.get(local).i32(1).op(add).tee(local);
    if (end === null) code.i32(this.workgroup[axis]);
    else code.get(end);
    code.op(COMPARE.u32.lt).brIf(again).end().end();
  }

  private id(frame: Frame, items: Items): void {
    const { code } = this;
    const { spills } = this.form.workspace;
    if (items.loads.length + items.stores.length === 0) {
      emitIdBody(frame, items.body);
      return;
    }
    const linear = code.local('i32');
    this.pushLinearId();
    code.set(linear);
    const at = (dtype: DType): Code => {
      code.get(this.workspace).get(linear);
      return code.i32(sizeOf(dtype) === 8 ? 3 : 2).op(shl, add);
    };
    for (const local of items.loads) {
      const dtype = this.typeOf(local);
      at(dtype);
      emitLoaded(code, dtype, spills.get(local));
      code.set(localOf(frame, local));
    }
    emitIdBody(frame, items.body);
    for (const local of items.stores) {
      const dtype = this.typeOf(local);
      at(dtype).get(localOf(frame, local)).access('store', dtype, spills.get(local));
    }
  }

  private pushLinearId(): void {
    const { code } = this;
    const { x, y, z } = this.locals;
    code.get(x);
    if (this.workgroup.y > 1 || this.workgroup.z > 1) {
      code.get(z).i32(this.workgroup.y).op(mul).get(y).op(add).i32(this.workgroup.x).op(mul, add);
    }
  }

  /** Pushes the address at which the current id keeps a local of 32 bits. */
  private keptAddress(local: number): void {
    const { code } = this;
    code.get(this.workspace);
    this.pushLinearId();
    code
      .i32(2)
      .op(shl, add)
      .i32(this.form.workspace.spills.get(local) ?? 0)
      .op(add);
  }

  private typeOf(local: number): DType {
    return found(this.kernel.main.locals[local], `local ${local}`).type;
  }
}

/** Axes along which the body asks for its global id. */
function idsUsed(items: Items): ReadonlySet<Axis> {
  const used = new Set<Axis>();
  walkStmts(items.body, {
    expr: (e) => {
      if (e.op === 'id' && e.which === 'global') used.add(e.axis);
      if (e.op === 'inRange') for (const axis of AXES) used.add(axis);
    },
  });
  return used;
}
