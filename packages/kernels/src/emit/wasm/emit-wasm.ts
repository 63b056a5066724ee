import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArrayRef, Axis, IrKernel } from '../../ir/nodes.js';
import { planOf } from '../plan.js';
import type { BoundPlan, KernelPlan } from '../plan.js';
import { emitCall, emitHelper, isInlined } from './calls.js';
import { Code, valOf } from './code.js';
import { VIOLATIONS } from './frame.js';
import type { HelperCode, ModuleContext, Ready, Surroundings } from './frame.js';
import { encodeModule } from './module.js';
import type { WasmFunction } from './module.js';
import { ARITHMETIC, COMPARE, OP } from './opcodes.js';
import { emitStmt, emitStmts } from './statements.js';

const { add, sub, mul, shl, div, rem } = ARITHMETIC.u32;

// Parameters of `run`.
const BLOCK = 0;
const FIRST = 1;
const COUNT = 2;
const GROUP = 3;

/** The kernel as a WebAssembly module; see `KernelArtifact`. */
export function emitWasm(kernel: IrKernel): Uint8Array<ArrayBuffer> {
  let next = 0;
  const helpers = kernel.helpers.map((fn): HelperCode => ({ fn, index: isInlined(fn) ? null : next++ }));
  const module: ModuleContext = { stmt: emitStmt, call: emitCall, helpers };
  const functions = helpers.flatMap(({ fn, index }) => (index === null ? [] : [emitHelper(fn, module)]));
  return encodeModule([...functions, emitRun(kernel, module)], next);
}

function emitRun(kernel: IrKernel, module: ModuleContext): WasmFunction {
  const plan = planOf(kernel);
  const code = new Code(4);
  const driver = kernel.kind === 'map' ? new MapDriver(code, plan) : new GridDriver(code, plan);
  const end = code.local('i32');
  code.constant('i64', 0n).global(OP.globalSet, VIOLATIONS);
  driver.enter();
  code.get(FIRST).get(COUNT).op(add).set(end);
  const done = code.open(OP.block);
  code.get(COUNT).op(OP.i32Eqz).brIf(done);
  const again = code.open(OP.loop);
  driver.beginItem();
  const exit = code.open(OP.block);
  const locals = kernel.main.locals.map((local) => code.local(valOf(local.type)));
  emitStmts(
    { code, fn: kernel.main, locals, around: driver.around, exit, breaks: [], continues: [], module },
    kernel.main.body,
  );
  code.end();
  driver.endItem();
  code.get(driver.current).i32(1).op(add).tee(driver.current).get(end).op(COMPARE.u32.ne).brIf(again);
  code.end().end();
  saturatedViolations(code);
  return { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], code: code.finish() };
}

function saturatedViolations(code: Code): void {
  const limit = 0x7fff_ffffn;
  code.global(OP.globalGet, VIOLATIONS).constant('u64', limit);
  code.global(OP.globalGet, VIOLATIONS).constant('u64', limit).op(COMPARE.u64.lt, OP.select, OP.i32WrapI64);
}

/** What the two kinds of kernel do around a body, and where their bodies find things. */
interface Driver {
  readonly around: Surroundings;
  /** Local that runs from the first item to the last. */
  readonly current: number;
  enter(): void;
  beginItem(): void;
  endItem(): void;
}

const slotAddress = (slot: number): number => ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot;

/** Locals loaded from the argument block at function entry. */
class Slots {
  private readonly bases = new Map<number, number>();
  private readonly uniforms = new Map<number, number>();

  constructor(
    readonly code: Code,
    readonly plan: KernelPlan,
  ) {}

  /** Loads a field of the block into a new local. */
  field(offset: number, dtype: DType = 'u32'): number {
    const local = this.code.local(valOf(dtype));
    this.code.get(BLOCK).access('load', dtype, offset).set(local);
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

  shift(slot: number): number {
    return sizeOf(this.dtype(slot)) === 8 ? 3 : 2;
  }
}

class MapDriver implements Driver {
  readonly current: number;
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
    id: () => {
      throw new Error('ids belong to grid kernels');
    },
    itemAddress: (code, slot) => {
      code.get(this.slots.base(slot)).get(this.current).i32(this.slots.shift(slot)).op(shl, add);
    },
    count: (slot) => found(this.counts.get(slot), `list ${slot}`).count,
  };

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
      // Group g starts g * roundUp(elements * size, 64) bytes after group 0.
      code.get(address).get(GROUP).get(slots.elements(slot)).i32(slots.shift(slot)).op(shl);
      code
        .i32(align - 1)
        .op(add)
        .i32(-align)
        .op(ARITHMETIC.u32.and, mul, add)
        .set(address);
      this.addresses.set(slot, address);
    }
    code.get(FIRST).set(this.current);
  }

  /** Where `a * length + b` will be for each item: a constant, the list's own length, or a local of its own. */
  private readyBound({ a, b, offsets }: BoundPlan): Ready {
    if (offsets === null) return { value: b };
    if (a === 1 && b === 0) return { local: found(this.lists.get(offsets), `list ${offsets}`).length };
    return { local: this.code.local('i32') };
  }

  beginItem(): void {
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

  endItem(): void {
    for (const { counts } of this.plan.outLists) {
      this.around.itemAddress(this.code, counts);
      this.code.get(this.around.count(counts)).access('store', 'u32');
    }
  }
}

const HEADER: Readonly<Record<Axis, number>> = { x: 4, y: 8, z: 12 };

class GridDriver implements Driver {
  readonly current: number;
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
    item: () => {
      throw new Error('items belong to map kernels');
    },
    id: (which, axis) => (which === 'global' ? this.ids : this.sizes)[axis],
    itemAddress: () => {
      throw new Error('items belong to map kernels');
    },
    count: () => {
      throw new Error('lists belong to map kernels');
    },
  };

  enter(): void {
    const { code, plan, slots, ids, sizes } = this;
    slots.loadUniforms();
    for (const slot of plan.columns) slots.base(slot);
    for (const slot of plan.columnLengths) this.lengths.set(slot, slots.elements(slot));
    for (const axis of ['x', 'y', 'z'] as const) code.get(BLOCK).access('load', 'u32', HEADER[axis]).set(sizes[axis]);
    code.get(FIRST).set(this.current);
    // The only divisions: later ids follow by counting.
    const row = code.local('i32');
    code.get(COUNT).open(OP.if);
    code.get(FIRST).get(sizes.x).op(rem).set(ids.x);
    if (this.depth > 1) {
      code.get(FIRST).get(sizes.x).op(div).tee(row).get(sizes.y).op(rem).set(ids.y);
      code.get(row).get(sizes.y).op(div).set(ids.z);
    }
    code.end();
  }

  beginItem(): void {
    // Ids are already those of the current item.
  }

  endItem(): void {
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

function slotOf(array: ArrayRef): number {
  if (array.kind === 'arg' || array.kind === 'shared') throw new Error(`no slot for an array of kind ${array.kind}`);
  return array.slot;
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} was not planned`);
  return value;
}
