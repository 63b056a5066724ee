import type { Expr, Loop } from '../ir/nodes.js';
import { walkStmts } from '../ir/walk.js';
import { linear } from './facts.js';

/** Locals that a loop changes only by counting, and in which direction. */
export function directions(stmt: Loop, assigned: ReadonlySet<number>): Map<number, 'up' | 'down'> {
  const found = new Map<number, 'up' | 'down' | 'mixed'>();
  walkStmts([stmt], {
    stmt: (s) => {
      if (s.op !== 'let' && s.op !== 'set') return;
      const direction = s.op === 'set' ? directionOf(s.local, s.value) : 'mixed';
      found.set(s.local, (found.get(s.local) ?? direction) === direction ? direction : 'mixed');
    },
  });
  return new Map([...found].filter((e): e is [number, 'up' | 'down'] => e[1] !== 'mixed' && assigned.has(e[0])));
}

function directionOf(local: number, value: Expr): 'up' | 'down' | 'mixed' {
  if (isShrinking(local, value)) return 'down';
  const step = linear(value);
  if (step?.local !== local || step.offset === 0) return 'mixed';
  return step.offset > 0 ? 'up' : 'down';
}

/** `n >> literal` and `n / literal`, which never grow an unsigned n. */
function isShrinking(local: number, value: Expr): boolean {
  return (
    value.op === 'binary' &&
    value.type === 'u32' &&
    value.left.op === 'local' &&
    value.left.local === local &&
    value.right.op === 'literal' &&
    (value.operator === 'shr' || value.operator === 'ushr' || value.operator === 'div')
  );
}
