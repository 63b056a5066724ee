import type { CallExpr, Expr, IrFunction, IrKernel, Stmt } from '../../ir/nodes.js';
import { blocksOf, expressionsOf, operandsOf } from '../../ir/walk.js';

/** What evaluating may read or change. Bits of a set, so that C's free order of operands can be judged. */
export const EFFECT = { readsMemory: 1, writesMemory: 2, readsLocals: 4, writesLocals: 8, counts: 16 } as const;

/** Whether evaluating `a` before `b` can differ from evaluating it after `b`. */
export function orderMatters(a: number, b: number): boolean {
  const conflict = (reads: number, writes: number): boolean =>
    ((a & writes) !== 0 && (b & (reads | writes)) !== 0) || ((a & reads) !== 0 && (b & writes) !== 0);
  return conflict(EFFECT.readsMemory, EFFECT.writesMemory) || conflict(EFFECT.readsLocals, EFFECT.writesLocals);
}

/** Answers for the expressions of one kernel. */
export class Effects {
  private readonly helpers: number[] = [];

  constructor(kernel: IrKernel) {
    for (const fn of kernel.helpers) this.helpers.push(this.ofFunction(fn));
  }

  /** What a call of the helper does to the caller's world: its own locals are not part of that. */
  ofHelper(helper: number): number {
    return this.helpers[helper] ?? 0;
  }

  private ofFunction(fn: IrFunction): number {
    return this.ofStmts(fn.body) & (EFFECT.readsMemory | EFFECT.writesMemory | EFFECT.counts);
  }

  private ofStmts(stmts: readonly Stmt[]): number {
    return stmts.reduce((all, stmt) => all | this.ofStmt(stmt), 0);
  }

  private ofStmt(stmt: Stmt): number {
    let all = expressionsOf(stmt).reduce((sum, expr) => sum | this.of(expr), 0);
    for (const block of blocksOf(stmt)) all |= this.ofStmts(block);
    if (stmt.op === 'let' || stmt.op === 'set' || stmt.op === 'callInto') all |= EFFECT.writesLocals;
    if (stmt.op === 'store' && stmt.check) all |= EFFECT.counts;
    if (stmt.op === 'push') all |= EFFECT.counts | EFFECT.writesMemory;
    if (stmt.op === 'store' || stmt.op === 'storeItem') all |= EFFECT.writesMemory;
    if (stmt.op === 'store' && stmt.operator !== null) all |= EFFECT.readsMemory;
    return all;
  }

  of(expr: Expr | CallExpr): number {
    let all = operandsOf(expr).reduce((sum, operand) => sum | this.of(operand), 0);
    switch (expr.op) {
      case 'local':
        return EFFECT.readsLocals;
      case 'load':
        return all | EFFECT.readsMemory | (expr.check ? EFFECT.counts : 0);
      case 'loadItem':
        return EFFECT.readsMemory;
      case 'length':
        return expr.of.kind === 'outList' ? EFFECT.readsMemory : 0;
      case 'atomic':
        return all | EFFECT.readsMemory | EFFECT.writesMemory | (expr.check ? EFFECT.counts : 0);
      case 'call':
        return all | this.ofHelper(expr.helper);
      case 'sequence':
        all |= this.ofStmts(expr.body);
        return all;
      default:
        return all;
    }
  }
}
