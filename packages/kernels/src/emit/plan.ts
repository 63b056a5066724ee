import { argumentLayout } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, Extent, KernelParam } from '@gpu-bridge/abstractions';
import { driverOf } from '../authoring/validate-definition.js';
import type { ArrayRef, Axis, IrKernel, LengthRef } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';

/** A bound `a * length + b`; `offsets` is the slot of the list it counts, null where a is 0. */
export interface BoundPlan {
  readonly a: number;
  readonly b: number;
  readonly offsets: number | null;
}

/** What the code around a body has to prepare: the same for every target. */
export interface KernelPlan {
  readonly slots: readonly ArgumentSlot[];
  /** Uniform slots that are read. */
  readonly uniforms: readonly number[];
  /** Slots of whole columns: grid arrays, and item columns of map kernels. */
  readonly columns: readonly number[];
  /** Grid: slots whose element count is read, the first column of a parameter. */
  readonly columnLengths: readonly number[];
  /** Offsets slots of the ragged inputs whose lists matter, each with the columns that are read. */
  readonly lists: readonly { readonly offsets: number; readonly columns: readonly number[] }[];
  /** Ragged outputs; every one is here, because its count is always written. */
  readonly outLists: readonly {
    readonly counts: number;
    readonly columns: readonly number[];
    readonly bound: BoundPlan;
  }[];
  readonly scratches: readonly { readonly slot: number; readonly bound: BoundPlan }[];
  readonly axes: ReadonlySet<Axis>;
  readonly sizes: ReadonlySet<Axis>;
}

export function planOf(kernel: IrKernel): KernelPlan {
  const { slots } = argumentLayout(kernel.params);
  const uniforms = new Set<number>();
  const columns = new Set<number>();
  const columnLengths = new Set<number>();
  const listColumns = new Map<number, Set<number>>();
  const scratches = new Set<number>();
  const axes = new Set<Axis>();
  const sizes = new Set<Axis>();
  const needList = (offsets: number): Set<number> => {
    const found = listColumns.get(offsets) ?? new Set<number>();
    listColumns.set(offsets, found);
    return found;
  };
  const needLength = (length: LengthRef): void => {
    if (length.kind === 'column') columnLengths.add(length.slot);
    if (length.kind === 'list') needList(length.slot);
    if (length.kind === 'scratch') scratches.add(length.slot);
  };
  const needArray = (array: ArrayRef): void => {
    needLength(array.length);
    if (array.kind === 'column') columns.add(array.slot);
    if (array.kind === 'list') needList(array.length.kind === 'list' ? array.length.slot : array.slot).add(array.slot);
    if (array.kind === 'scratch') scratches.add(array.slot);
  };
  walkStmts(kernel.main.body, {
    expr: (e) => {
      if (e.op === 'uniform') uniforms.add(e.slot);
      if (e.op === 'load' || e.op === 'atomic') needArray(e.array);
      if (e.op === 'loadItem') columns.add(e.slot);
      if (e.op === 'length') needLength(e.of);
      if (e.op === 'id' && e.which === 'global') axes.add(e.axis);
      if (e.op === 'id' && e.which === 'globalSize') sizes.add(e.axis);
      if (e.op === 'call') for (const arg of e.args) if (arg.kind === 'array') needArray(arg.array);
    },
    stmt: (s) => {
      if (s.op === 'store') needArray(s.array);
      if (s.op === 'storeItem') columns.add(s.slot);
    },
  });
  const firstSlot = (param: string): number => slots.findIndex((slot) => slot.param === param);
  const boundOf = (param: string, max: Extent, per: string | undefined): BoundPlan => {
    const driver = driverOf(kernel.params, `params.${param}`, max, per);
    return { a: max[0], b: max[1], offsets: driver === undefined || max[0] === 0 ? null : firstSlot(driver) };
  };
  const outLists = Object.entries(kernel.params).flatMap(([name, param]) => {
    const bound = outputBound(param);
    if (bound === undefined) return [];
    const counts = firstSlot(name);
    const owned = slots.flatMap((slot, i) => (slot.param === name && slot.part === 'column' ? [i] : []));
    return [{ counts, columns: owned, bound: boundOf(name, bound.max, bound.per) }];
  });
  const scratchPlans = [...scratches].map((slot) => {
    const name = slots[slot]?.param ?? '';
    const param = kernel.params[name];
    if (param?.role !== 'scratch') throw new Error(`slot ${slot} is not scratch`);
    return { slot, bound: boundOf(name, param.max, param.per) };
  });
  for (const { bound } of [...outLists, ...scratchPlans]) if (bound.offsets !== null) needList(bound.offsets);
  const ascending = (set: Iterable<number>): number[] => [...set].sort((x, y) => x - y);
  return {
    slots,
    uniforms: ascending(uniforms),
    columns: ascending(columns),
    columnLengths: ascending(columnLengths),
    lists: ascending(listColumns.keys()).map((offsets) => ({ offsets, columns: ascending(needList(offsets)) })),
    outLists,
    scratches: scratchPlans.sort((x, y) => x.slot - y.slot),
    axes,
    sizes,
  };
}

function outputBound(param: KernelParam): { readonly max: Extent; readonly per?: string } | undefined {
  if (param.role !== 'output' || param.type.kind !== 'ragged') return undefined;
  return param.type;
}
