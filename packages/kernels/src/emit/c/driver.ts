import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES, sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { Axis, IdKind, IrKernel, IrShared } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import { planOf } from '../plan.js';
import type { BoundPlan, KernelPlan } from '../plan.js';
import { BodyPrinter } from './body.js';
import type { Surroundings } from './body.js';
import { storageOf } from './dialect.js';
import type { Dialect } from './dialect.js';
import type { Effects } from './effects.js';
import { localName, plain, slotDetail, slotName } from './names.js';
import { literal, primary } from './operators.js';
import type { Piece } from './operators.js';

const AXES: readonly Axis[] = ['x', 'y', 'z'];

export interface Declared {
  readonly type: string;
  readonly name: string;
  /** What the run gives for it; its own name where that is what it is called there too. */
  readonly given?: string;
}

/** Position of a word of a slot, in words from the start of the argument block. */
export function slotWord(slot: number, word: number): number {
  return (ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * slot) / 4 + word;
}

/** What the code of one id asks for, and the names under which it gets it. */
export class Driver {
  readonly plan: KernelPlan;
  readonly ids = new Set<`${IdKind}_${Axis}`>();
  readonly readsInRange: boolean;

  constructor(
    readonly dialect: Dialect,
    readonly kernel: IrKernel,
    /** Slots of atomic arrays that a run may update in a copy of its own. */
    private readonly privates: readonly number[] = [],
  ) {
    this.plan = planOf(kernel);
    let inRange = false;
    walkStmts(kernel.main.body, {
      expr: (e) => {
        if (e.op === 'id') this.ids.add(`${e.which}_${e.axis}`);
        inRange ||= e.op === 'inRange';
      },
    });
    this.readsInRange = inRange;
  }

  /** Names for the body; `helper` names helpers. */
  surroundings(helper: Surroundings['helper']): Surroundings {
    const { slots } = this.plan;
    return {
      local: (local) => localName(this.kernel.main, local),
      pointer: (array) => {
        if (array.kind === 'arg') return unreachable();
        return array.kind === 'shared' ? this.sharedName(array.shared) : slotName(slots, array.slot);
      },
      space: (array) => (array.kind === 'shared' ? 'shared' : 'global'),
      length: (length) => {
        switch (length.kind) {
          case 'column':
          case 'list':
            return primary(slotDetail(slots, length.slot, 'length'));
          case 'outList':
            return primary(`*${slotDetail(slots, length.slot, 'count')}`);
          case 'capacity':
            return this.boundPiece(length.slot, 'capacity');
          case 'scratch':
            return this.boundPiece(length.slot, 'length');
          case 'shared':
            return literal(this.dialect, 'u32', this.shared(length.shared).length);
          case 'arg':
            return unreachable();
        }
      },
      uniform: (slot) => slotName(slots, slot),
      item: 'item',
      id: (which, axis) => `${which}_${axis}`,
      inRange: 'inRange',
      element: (slot) => `${slotName(slots, slot)}[item]`,
      count: (list) => `*${slotDetail(slots, list, 'count')}`,
      helper,
      isCombined: (array) => array.kind === 'column' && this.privates.includes(array.slot),
      leave: () => ['return;'],
      items: unreachable,
    };
  }

  sharedName(shared: number): string {
    return `${plain(this.shared(shared).name)}_g${shared}`;
  }

  shared(shared: number): IrShared {
    const found = this.kernel.shared[shared];
    if (found === undefined) throw new Error(`no shared array ${shared}`);
    return found;
  }

  private boundOf(slot: number): BoundPlan {
    const { outLists, scratches } = this.plan;
    const found = outLists.find((l) => l.counts === slot) ?? scratches.find((s) => s.slot === slot);
    if (found === undefined) throw new Error(`slot ${slot} has no bound`);
    return found.bound;
  }

  private boundPiece(slot: number, detail: 'capacity' | 'length'): Piece {
    const { a, b, offsets } = this.boundOf(slot);
    if (offsets === null) return literal(this.dialect, 'u32', b);
    if (a === 1 && b === 0) return primary(slotDetail(this.plan.slots, offsets, 'length'));
    return primary(slotDetail(this.plan.slots, slot, detail));
  }

  /** Parameters of the function that runs one id. */
  bodyParams(): Declared[] {
    const { u32, bool } = this.dialect.types;
    const ids =
      this.kernel.kind === 'map' ? [{ type: u32, name: 'item' }] : [...this.ids].map((name) => ({ type: u32, name }));
    return [
      ...this.arrayParams(),
      ...ids,
      ...(this.readsInRange ? [{ type: bool, name: 'inRange' }] : []),
      ...this.lastParams(),
    ];
  }

  /** How a body counts violations, and whether it updates its own copy of atomic arrays. */
  lastParams(): Declared[] {
    const isPrivate = { type: `const ${this.dialect.types.bool}`, name: 'isPrivate' };
    return [
      { type: `${this.dialect.types.u64}*`, name: 'violations' },
      ...(this.privates.length > 0 ? [isPrivate] : []),
    ];
  }

  /** Parameters for what lies in the argument block and what follows from it. */
  arrayParams(): Declared[] {
    const { plan, dialect } = this;
    const { slots } = plan;
    const { u32 } = dialect.types;
    const columnOf = (slot: number): Declared => ({ type: this.pointerType(slot), name: slotName(slots, slot) });
    const length = (slot: number): Declared => ({ type: u32, name: slotDetail(slots, slot, 'length') });
    return [
      ...plan.uniforms.map((slot) => ({ type: dialect.types[this.dtype(slot)], name: slotName(slots, slot) })),
      ...plan.columns.map(columnOf),
      ...plan.columnLengths.map(length),
      ...plan.lists.flatMap(({ offsets, columns }) => [
        length(offsets),
        ...columns.map((slot) => ({
          ...columnOf(slot),
          given: `${slotName(slots, slot)} + ${slotDetail(slots, offsets, 'start')}`,
        })),
      ]),
      ...plan.outLists.flatMap(({ counts, columns }) => [
        { type: `${u32}*`, name: slotDetail(slots, counts, 'count'), given: `&${slotDetail(slots, counts, 'count')}` },
        ...this.ownBound(counts, 'capacity'),
        ...columns.map((slot) => ({
          ...columnOf(slot),
          given: `${slotName(slots, slot)} + ${slotDetail(slots, counts, 'start')}`,
        })),
      ]),
      ...plan.scratches.flatMap(({ slot }) => [columnOf(slot), ...this.ownBound(slot, 'length')]),
      ...this.kernel.shared.map((array, i) => ({
        type: BodyPrinter.arrayType(dialect, 'shared', array.dtype, true),
        name: this.sharedName(i),
      })),
    ];
  }

  private ownBound(slot: number, detail: 'capacity' | 'length'): Declared[] {
    const { a, b, offsets } = this.boundOf(slot);
    if (offsets === null || (a === 1 && b === 0)) return [];
    return [{ type: this.dialect.types.u32, name: slotDetail(this.plan.slots, slot, detail) }];
  }

  dtype(slot: number): DType {
    return this.plan.slots[slot]?.dtype ?? 'u32';
  }

  /** Type of an element in memory. */
  storage(dtype: DType): string {
    return storageOf(this.dialect, dtype);
  }

  pointerType(slot: number): string {
    const { param, part } = this.plan.slots[slot] ?? { param: '', part: 'column' };
    const isRead = part === 'offsets' || this.kernel.params[param]?.role === 'input';
    return `${BodyPrinter.arrayType(this.dialect, 'global', this.dtype(slot), !isRead)} ${this.dialect.restrict}`;
  }

  /** Declaration of a uniform's value. */
  uniformLine(slot: number): string {
    const { types, spaces } = this.dialect;
    const dtype = this.dtype(slot);
    const value = `*(${spaces.global}const ${this.storage(dtype)}*)(block + ${slotWord(slot, 0)})`;
    const name = slotName(this.plan.slots, slot);
    return `const ${types[dtype]} ${name} = ${value}${dtype === 'bool' ? ' != 0' : ''};`;
  }

  /** Declaration of the pointer to element 0 of what a slot points at, or `behind` it. */
  columnLine(slot: number, behind = ''): string {
    const { types, spaces } = this.dialect;
    const { slots } = this.plan;
    const type = this.pointerType(slot);
    const cast = type.slice(0, type.lastIndexOf(' '));
    // What a run updates in a copy of its own gets its name when that is decided.
    const name = this.privates.includes(slot) ? slotDetail(slots, slot, 'all') : slotName(slots, slot);
    const offset = `*(${spaces.global}const ${types.u64}*)(block + ${slotWord(slot, 2)})`;
    return `${cast} ${name} = (${cast})(memory + ${offset}${behind});`;
  }

  /** Declaration of the element count of a slot. */
  lengthLine(slot: number): string {
    return `const ${this.dialect.types.u32} ${slotDetail(this.plan.slots, slot, 'length')} = block[${slotWord(slot, 1)}];`;
  }

  /** Statements that load everything a run needs from its argument block. */
  enter(region: string): string[] {
    const { plan, dialect } = this;
    const { u32, u64 } = dialect.types;
    const global = dialect.spaces.global;
    const listSlots = plan.lists.flatMap((l) => [l.offsets, ...l.columns]);
    const outSlots = plan.outLists.flatMap((l) => [l.counts, ...l.columns]);
    const scratch = (slot: number): string => {
      const perLine = SCRATCH_ALIGN_BYTES / sizeOf(this.dtype(slot));
      const lines = `(${u64})((block[${slotWord(slot, 1)}] + ${perLine - 1}u) / ${perLine}u)`;
      return this.columnLine(slot, ` + ${region} * ${lines} * ${SCRATCH_ALIGN_BYTES}`);
    };
    const sizes = AXES.map((axis, i) => `const ${u32} globalSize_${axis} = block[${1 + i}];`);
    return [
      `${global}const ${u32}* block = (${global}const ${u32}*)(memory + argumentBlock);`,
      ...plan.uniforms.map((slot) => this.uniformLine(slot)),
      ...[...plan.columns, ...listSlots, ...outSlots].map((slot) => this.columnLine(slot)),
      ...plan.columnLengths.map((slot) => this.lengthLine(slot)),
      ...plan.scratches.map(({ slot }) => scratch(slot)),
      ...(this.kernel.kind === 'grid' ? sizes : []),
    ];
  }

  /** Map kernels: statements before and after the body of each item. */
  aroundItem(): { readonly before: readonly string[]; readonly after: readonly string[] } {
    const { plan, dialect } = this;
    const { slots } = plan;
    const { u32, u64 } = dialect.types;
    const detail = (slot: number, what: string): string => slotDetail(slots, slot, what);
    const bound = (slot: number, what: 'capacity' | 'length', { a, b, offsets }: BoundPlan): string[] =>
      this.ownBound(slot, what).map(
        ({ type, name }) => `const ${type} ${name} = ${a}u * ${detail(offsets ?? 0, 'length')} + ${b}u;`,
      );
    const before = [
      ...plan.lists.flatMap(({ offsets }) => [
        `const ${u32} ${detail(offsets, 'start')} = ${slotName(slots, offsets)}[item];`,
        `const ${u32} ${detail(offsets, 'length')} = ${slotName(slots, offsets)}[item + 1u] - ${detail(offsets, 'start')};`,
      ]),
      ...plan.outLists.flatMap(({ counts, bound: room }) => {
        const parts = [
          ...(room.offsets === null ? [] : [`(${u64})${room.a} * ${detail(room.offsets, 'start')}`]),
          ...(room.b === 0 ? [] : [`(${u64})${room.b} * item`]),
        ];
        return [
          `const ${u64} ${detail(counts, 'start')} = ${parts.join(' + ') || '0'};`,
          ...bound(counts, 'capacity', room),
          `${u32} ${detail(counts, 'count')} = 0;`,
        ];
      }),
      ...plan.scratches.flatMap(({ slot, bound: room }) => bound(slot, 'length', room)),
    ];
    const after = plan.outLists.map(({ counts }) => `${slotName(slots, counts)}[item] = ${detail(counts, 'count')};`);
    return { before, after };
  }

  /** Grid kernels without a workgroup: ids from the linear `id`. */
  linearIds(): string[] {
    const { u32 } = this.dialect.types;
    return [
      // Most grids have one row, and a comparison costs less than a division.
      `const ${u32} global_x = id < globalSize_x ? id : id % globalSize_x;`,
      `const ${u32} global_y = id / globalSize_x % globalSize_y;`,
      `const ${u32} global_z = id / globalSize_x / globalSize_y;`,
    ];
  }

  /** Kernels with a workgroup: how many groups there are. */
  groupCounts(): string[] {
    const { u32 } = this.dialect.types;
    return AXES.map((axis, i) => {
      const size = this.workgroup()[i] ?? 1;
      // Written so that it cannot wrap.
      const count = `globalSize_${axis} / ${size}u + (globalSize_${axis} % ${size}u != 0)`;
      return `const ${u32} groupCount_${axis} = ${size === 1 ? `globalSize_${axis}` : count};`;
    });
  }

  /** Kernels with a workgroup: its place from the linear `groupIndex`. */
  groupIds(): string[] {
    const { u32 } = this.dialect.types;
    return [
      `const ${u32} group_x = groupIndex % groupCount_x;`,
      `const ${u32} group_y = groupIndex / groupCount_x % groupCount_y;`,
      `const ${u32} group_z = groupIndex / groupCount_x / groupCount_y;`,
    ];
  }

  /** Ids within the group from the linear `lane`. */
  laneIds(): string[] {
    const { u32 } = this.dialect.types;
    const [sx, sy, sz] = this.workgroup();
    return [
      `const ${u32} local_x = ${sy * sz === 1 ? 'lane' : `lane % ${sx}u`};`,
      `const ${u32} local_y = ${sz === 1 ? `lane / ${sx}u` : `lane / ${sx}u % ${sy}u`};`,
      `const ${u32} local_z = lane / ${sx * sy}u;`,
    ];
  }

  /** Ids of the grid and whether they are inside it, from those of the group and within it. */
  globalIds(): string[] {
    const { u32, bool } = this.dialect.types;
    return [
      ...AXES.map(
        (axis, i) => `const ${u32} global_${axis} = group_${axis} * ${this.workgroup()[i] ?? 1}u + local_${axis};`,
      ),
      `const ${bool} inRange = ${AXES.map((axis) => `global_${axis} < globalSize_${axis}`).join(' && ')};`,
    ];
  }

  workgroup(): readonly [number, number, number] {
    const { workgroup } = this.kernel;
    if (workgroup === null) throw new Error(`${this.kernel.name} has no workgroup`);
    return workgroup;
  }

  bodyFunction(name: string, effects: Effects, helper: Surroundings['helper']): string[] {
    const { dialect, kernel } = this;
    const params = this.bodyParams().map(({ type, name: param }) => `${type} ${param}`);
    return [
      `${dialect.functionPrefix} void ${name}(${params.join(', ')}) {`,
      ...new BodyPrinter(dialect, kernel.main, this.surroundings(helper), effects, new Set()).print(),
      '}',
    ];
  }

  bodyCall(name: string): string {
    return `${name}(${this.bodyParams()
      .map((param) => param.given ?? param.name)
      .join(', ')});`;
  }
}

/** The lines without declarations of constants that neither a later line nor one of `uses` names. */
export function withoutUnused(lines: readonly string[], uses: readonly string[] = []): string[] {
  const kept: string[] = [];
  const named = new Set<string>(uses.join('\n').match(/\w+/g));
  for (const line of [...lines].reverse()) {
    const declared = /^\s*(?:\w+ )*?const [\w *]+ (\w+) = /.exec(line)?.[1];
    if (declared !== undefined && !named.has(declared)) continue;
    for (const [word] of line.matchAll(/\w+/g)) if (word !== declared) named.add(word);
    kept.unshift(line);
  }
  return kept;
}

function unreachable(): never {
  throw new Error('not reachable from here');
}
