import type { Expr, Stmt } from '../../ir/nodes.js';
import { blocksOf, expressionsOf, operandsOf } from '../../ir/walk.js';
import type { CallExpr } from '../../ir/nodes.js';

/**
 * Locals that can be declared where they are first set, because everything that names them comes later in the same block
 * or inside it. The others are declared before the body.
 */
export function blockLocals(body: readonly Stmt[]): Set<number> {
  const scopes = new Scopes();
  scopes.block(body);
  return scopes.result();
}

class Scopes {
  private readonly homes = new Map<number, object>();
  private readonly open = new Set<object>();
  private readonly wide = new Set<number>();

  result(): Set<number> {
    return new Set([...this.homes.keys()].filter((local) => !this.wide.has(local)));
  }

  block(stmts: readonly Stmt[]): void {
    const scope = {};
    this.open.add(scope);
    for (const stmt of stmts) this.stmt(stmt, scope);
    this.open.delete(scope);
  }

  private stmt(stmt: Stmt, scope: object): void {
    for (const expr of expressionsOf(stmt)) this.expr(expr);
    if (stmt.op === 'let') this.declare(stmt.local, scope);
    if (stmt.op === 'callInto') for (const local of stmt.locals) this.declare(local, scope);
    if (stmt.op === 'set') this.name(stmt.local);
    for (const block of blocksOf(stmt)) this.block(block);
    // The update may be printed several times, once for each `continue`.
    if (stmt.op === 'loop') this.spread(stmt.update);
  }

  private declare(local: number, scope: object): void {
    if (this.homes.has(local)) this.name(local);
    else this.homes.set(local, scope);
  }

  private name(local: number): void {
    const home = this.homes.get(local);
    if (home === undefined || !this.open.has(home)) this.wide.add(local);
  }

  private expr(expr: Expr | CallExpr): void {
    if (expr.op === 'local') this.name(expr.local);
    if (expr.op === 'sequence') {
      this.block(expr.body);
      this.spread(expr.body);
    }
    for (const operand of operandsOf(expr)) this.expr(operand);
  }

  /** What these statements declare is declared before the body. */
  private spread(stmts: readonly Stmt[]): void {
    for (const stmt of stmts) {
      if (stmt.op === 'let') this.wide.add(stmt.local);
      if (stmt.op === 'callInto') for (const local of stmt.locals) this.wide.add(local);
      for (const block of blocksOf(stmt)) this.spread(block);
    }
  }
}
