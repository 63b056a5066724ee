import type { Expr, IrFunction, IrKernel, Stmt } from '../../ir/nodes.js';
import { blocksOf, countNodesInPlace, expressionsOf, walkStmts } from '../../ir/walk.js';

/**
 * Why a kernel has no vector form, or null. Ids are independent of each other, so several may run side by side, except:
 *
 * - lists and scratch memory belong to one item at a time;
 * - sums of f32 depend on their order, and forms give the same bits;
 * - an id that waits in a loop for what another does to an atomic would wait for a lane beside it, for ever;
 * - helpers are put in place of their calls, so a kernel that would grow beyond all bounds by that stays scalar.
 *
 * Otherwise atomics are done in the order of the lanes, statement by statement; which id sees which old value is
 * unspecified anyway.
 */
export function vectorRefusal(kernel: IrKernel): string | null {
  if (sizeInPlace(kernel) > MAX_NODES) return 'its helpers are too large to be put in place of every call';
  for (const fn of [kernel.main, ...kernel.helpers]) {
    const reason = refusalOf(kernel, fn);
    if (reason !== null) return reason;
  }
  return null;
}

const MAX_NODES = 20_000;

/** Nodes of the kernel's body with helpers in place of their calls. */
function sizeInPlace(kernel: IrKernel): number {
  const sizes: number[] = [];
  // A helper stands after those it calls.
  for (const helper of kernel.helpers) sizes.push(countNodesInPlace(helper.body, sizes));
  return countNodesInPlace(kernel.main.body, sizes);
}

function refusalOf(kernel: IrKernel, fn: IrFunction): string | null {
  const reasons: string[] = [];
  const array = (kind: string): void => {
    if (kind === 'list' || kind === 'outList' || kind === 'scratch')
      reasons.push('it works on lists or scratch memory');
  };
  walkStmts(fn.body, {
    expr: (e) => {
      if (e.op === 'load' || e.op === 'atomic') array(e.array.kind);
      if (e.op === 'length') array(e.of.kind === 'capacity' ? 'list' : e.of.kind);
      if (e.op === 'call') for (const arg of e.args) if (arg.kind === 'array') array(arg.array.kind);
      if (e.op === 'atomic' && e.type === 'f32')
        reasons.push('the order of atomic operations on f32 shows in its results');
    },
    stmt: (s) => {
      if (s.op === 'push') array('outList');
      if (s.op === 'store') array(s.array.kind);
      if (s.op === 'loop' && readsAtomics(kernel, [s])) reasons.push('it reads atomic arrays in a loop');
    },
  });
  return reasons[0] ?? null;
}

/** Whether the old value of an atomic is used, here or in helpers that are called. */
function readsAtomics(kernel: IrKernel, stmts: readonly Stmt[]): boolean {
  return stmts.some(
    (stmt) =>
      expressionsOf(stmt).some((expr) => {
        const unused = stmt.op === 'do' && expr.op === 'atomic';
        const parts = unused ? [expr.index, ...(expr.value ? [expr.value] : [])] : [expr];
        return parts.some((part) => hasAtomic(kernel, part as Expr));
      }) || blocksOf(stmt).some((block) => readsAtomics(kernel, block)),
  );
}

function hasAtomic(kernel: IrKernel, expr: Expr): boolean {
  let found = false;
  walkStmts([{ op: 'do', value: expr, at: 0 }], {
    expr: (e) => {
      if (e.op === 'atomic') found = true;
      if (e.op === 'call') found ||= readsAtomics(kernel, kernel.helpers[e.helper]?.body ?? []);
    },
  });
  return found;
}
