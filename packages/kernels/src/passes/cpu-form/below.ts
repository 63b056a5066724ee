import type { Expr, IrKernel, Items, Stmt } from '../../ir/nodes.js';
import { isForGroup } from './group-level.js';
import { hasEffect } from './kept-locals.js';

/**
 * `if (k.local.x < n) …` around all that ids do becomes a bound on the ids that run, for an n that the group can evaluate;
 * a tree reduction then visits only the ids that work.
 */
export function boundItems(kernel: IrKernel, items: Items, groupLocals: ReadonlySet<number>): Items {
  const at = items.body.findIndex((stmt) => stmt.op === 'if');
  const stmt = items.body[at];
  if (stmt?.op !== 'if' || stmt.else.length > 0 || at !== items.body.length - 1) return items;
  // What stands before it must serve the body only, and nothing may be kept by ids that do not run.
  const lets = items.body.slice(0, at);
  if (items.stores.length > 0 || hasEffect(lets, groupLocals)) return items;
  const isLocalX = (expr: Expr): boolean => {
    if (expr.op === 'id') return expr.which === 'local' && expr.axis === 'x';
    if (expr.op !== 'local') return false;
    const sets = lets.filter((s) => s.op === 'let' && s.local === expr.local);
    return sets.length === 1 && sets[0]?.op === 'let' && isLocalX(sets[0].value);
  };
  const [first, rest] =
    stmt.condition.op === 'logical' && stmt.condition.operator === 'and'
      ? [stmt.condition.left, stmt.condition.right]
      : [stmt.condition, null];
  const below = boundOf(first, isLocalX);
  if (below === null || !isForGroup(kernel, below, groupLocals)) return items;
  const body: readonly Stmt[] = rest === null ? stmt.then : [{ ...stmt, condition: rest }];
  return { ...items, below, body: [...lets, ...body] };
}

/** The n of a condition that says `k.local.x < n`. */
function boundOf(condition: Expr, isLocalX: (expr: Expr) => boolean): Expr | null {
  if (condition.op !== 'binary') return null;
  const { operator, left, right, at } = condition;
  if (operator === 'lt' && isLocalX(left)) return right;
  if (operator === 'gt' && isLocalX(right)) return left;
  const isFirst = operator === 'eq' && isLocalX(left) && right.op === 'literal' && right.value === 0;
  return isFirst ? { op: 'literal', type: 'u32', value: 1, at } : null;
}
