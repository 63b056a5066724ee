import { planOf } from '../emit/plan.js';
import type { ArrayRef, IrFunction, IrKernel } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';

/** What declarations say about lengths and values. */
export interface Lengths {
  /** Other limits that a limit does not exceed: a list's length and that of scratch sized by it. */
  readonly within: ReadonlyMap<string, readonly string[]>;
  /** Slots of index columns: their values are below the limit, or `inclusive` at most equal to it. */
  readonly indexes: ReadonlyMap<number, { readonly limit: string; readonly inclusive: boolean }>;
}

export function lengthsOf(kernel: IrKernel): Lengths {
  const plan = planOf(kernel);
  const within = new Map<string, string[]>();
  for (const { slot, bound } of plan.scratches) {
    const list = bound.offsets === null ? undefined : `list:${bound.offsets}`;
    // a * length + b with a ≥ 1 is at least the list's length.
    if (list !== undefined && bound.a >= 1) within.set(list, [...(within.get(list) ?? []), `scratch:${slot}`]);
    // Whatever the list, there are at least b elements.
    if (bound.b > 0) within.set(`const:${bound.b}`, [...(within.get(`const:${bound.b}`) ?? []), `scratch:${slot}`]);
  }
  kernel.shared.forEach(({ length }, i) => {
    within.set(`const:${length}`, [...(within.get(`const:${length}`) ?? []), `shared:${i}`]);
  });
  const indexes = new Map<number, { limit: string; inclusive: boolean }>();
  plan.slots.forEach((slot, i) => {
    const param = kernel.params[slot.param];
    if (param?.role !== 'input' || param.indexes === undefined) return;
    const target = plan.slots.findIndex((s) => s.param === param.indexes);
    indexes.set(i, { limit: `column:${target}`, inclusive: param.inclusive ?? false });
  });
  return { within, indexes };
}

/** Per helper and argument: how many elements an array given there has at least, whoever calls. */
export function leastArgLengths(kernel: IrKernel): readonly (readonly number[])[] {
  const scratches = new Map(planOf(kernel).scratches.map(({ slot, bound }) => [slot, bound.b]));
  const known = (array: ArrayRef, own: readonly number[]): number | undefined => {
    if (array.kind === 'arg') return own[array.arg];
    if (array.kind === 'shared') return kernel.shared[array.shared]?.length;
    return array.kind === 'scratch' ? scratches.get(array.slot) : 0;
  };
  const least = kernel.helpers.map((fn) => fn.args.map(() => Infinity));
  const visit = (fn: IrFunction, own: readonly number[]): void => {
    walkStmts(fn.body, {
      expr: (e) => {
        if (e.op !== 'call') return;
        e.args.forEach((arg, i) => {
          if (arg.kind !== 'array') return;
          const lengths = least[e.helper];
          if (lengths !== undefined) lengths[i] = Math.min(lengths[i] ?? 0, known(arg.array, own) ?? 0);
        });
      },
    });
  };
  visit(kernel.main, []);
  // A helper stands after those it calls: backwards, all callers of a helper come before it.
  for (let i = kernel.helpers.length - 1; i >= 0; i--) {
    const fn = kernel.helpers[i];
    if (fn !== undefined) visit(fn, least[i] ?? []);
  }
  return least;
}

export function withArgs(lengths: Lengths, least: readonly number[]): Lengths {
  const within = new Map(lengths.within);
  least.forEach((elements, arg) => {
    if (elements === 0 || elements === Infinity) return;
    const key = `const:${elements}`;
    within.set(key, [...(within.get(key) ?? []), `arg:${arg}`]);
  });
  return { ...lengths, within };
}

/** Whether being below the limit `known` implies being below `wanted`. */
export function reaches({ within }: Lengths, known: string, wanted: string): boolean {
  if (known === wanted) return true;
  if ((within.get(known) ?? []).includes(wanted)) return true;
  if (!known.startsWith('const:')) return false;
  const value = Number(known.slice(6));
  for (const [limit, wider] of within) {
    if (limit.startsWith('const:') && value <= Number(limit.slice(6)) && wider.includes(wanted)) return true;
  }
  return false;
}
