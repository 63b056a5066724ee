import type { Expr } from '../ir/nodes.js';
import { isSameTree } from '../ir/same-tree.js';

/** Two branches under a condition: blocks of an `if`, or values of a conditional. */
export interface Choice<T> {
  readonly condition: Expr;
  readonly whenTrue: T;
  readonly whenFalse: T;
}

/**
 * `a ? x : b ? x : y` is `a || b ? x : y`, and the three forms like it: a choice in one branch that has the other branch
 * among its own. Minifiers write either.
 *
 * @param inner - the choice that a branch consists of, if it does.
 */
export function joinChoices<T>(
  { condition, whenTrue, whenFalse }: Choice<T>,
  inner: (branch: T) => Choice<T> | undefined,
  negate: (condition: Expr) => Expr,
): Choice<T> | undefined {
  const logical = (operator: 'and' | 'or', right: Expr): Expr => ({
    ...{ op: 'logical', type: 'bool', operator, left: condition, right, at: condition.at },
  });
  const no = inner(whenFalse);
  if (no && isSameTree(no.whenTrue, whenTrue))
    return { condition: logical('or', no.condition), whenTrue, whenFalse: no.whenFalse };
  if (no && isSameTree(no.whenFalse, whenTrue))
    return { condition: logical('or', negate(no.condition)), whenTrue, whenFalse: no.whenTrue };
  const yes = inner(whenTrue);
  if (yes && isSameTree(yes.whenFalse, whenFalse))
    return { condition: logical('and', yes.condition), whenTrue: yes.whenTrue, whenFalse };
  if (yes && isSameTree(yes.whenTrue, whenFalse))
    return { condition: logical('and', negate(yes.condition)), whenTrue: yes.whenFalse, whenFalse };
  return undefined;
}
