import type { Expr, If, Stmt } from '../../ir/nodes.js';

/**
 * The body with what an `else` holds put behind the `if`, where the other branch always jumps away. The canonical form
 * nests such code; here a nested branch would need a mask of its own, and lanes that have jumped would count as lanes
 * that may come back.
 */
export function unnested(stmts: readonly Stmt[]): readonly Stmt[] {
  return stmts.flatMap((stmt): readonly Stmt[] => {
    if (stmt.op === 'loop') return [{ ...stmt, body: unnested(stmt.body), update: unnested(stmt.update) }];
    if (stmt.op !== 'if') return [stmt];
    const [then, otherwise] = [unnested(stmt.then), unnested(stmt.else)];
    if (otherwise.length > 0 && jumpsAway(then)) return [{ ...stmt, then, else: [] }, ...otherwise];
    if (jumpsAway(otherwise)) return [{ ...stmt, condition: opposite(stmt), then: otherwise, else: [] }, ...then];
    return [{ ...stmt, then, else: otherwise }];
  });
}

function jumpsAway(stmts: readonly Stmt[]): boolean {
  const last = stmts.at(-1);
  if (last === undefined) return false;
  if (last.op === 'if') return jumpsAway(last.then) && jumpsAway(last.else);
  return last.op === 'break' || last.op === 'continue' || last.op === 'return';
}

function opposite({ condition, at }: If): Expr {
  return { op: 'unary', type: 'bool', operator: 'not', value: condition, at };
}
