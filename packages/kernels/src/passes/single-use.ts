import type { CallExpr, Expr, IrArg, IrFunction, Stmt } from '../ir/nodes.js';
import { isFree } from './fold.js';
import { expressionsOf, isImpure, operandsOf, rewriteBlock, walkStmts } from '../ir/walk.js';

/**
 * Puts the value of a local into the next statement where that is its only use and the statement evaluates it exactly
 * once, before anything that could change what it reads. Minifiers do the same, so both forms become one.
 */
export function inlineSingleUses(body: readonly Stmt[]): readonly Stmt[] {
  const { uses, writes } = countLocals(body);
  const inlined = (stmts: readonly Stmt[]): readonly Stmt[] => {
    const out: Stmt[] = [];
    // From the end, so that chains of such locals collapse in one go.
    for (let i = stmts.length - 1; i >= 0; i--) {
      const stmt = stmts[i];
      const next = out[0];
      if (stmt === undefined) break;
      if (
        stmt.op === 'let' &&
        next &&
        uses.get(stmt.local) === 1 &&
        writes.get(stmt.local) === 1 &&
        reachesFirst(next, stmt.local, isImpure(stmt.value))
      ) {
        out[0] = substitute(next, stmt.local, stmt.value);
      } else {
        out.unshift(stmt);
      }
    }
    return out;
  };
  return rewriteBlock(body, { expr: (e) => e, block: inlined });
}

/**
 * Puts literals, and locals that never change, in the place of locals that only ever hold them, and drops locals that
 * nothing reads where their value costs no access. So a constant that is given a name decides branches as well.
 */
export function propagateCopies(body: readonly Stmt[], argLocals: readonly number[]): readonly Stmt[] {
  const { uses, writes } = countLocals(body);
  for (const local of argLocals) writes.set(local, (writes.get(local) ?? 0) + 1);
  const values = new Map<number, Expr>();
  walkStmts(body, {
    stmt: (s) => {
      if (s.op !== 'let' || writes.get(s.local) !== 1) return;
      const { value } = s;
      if (value.op === 'literal' || (value.op === 'local' && writes.get(value.local) === 1)) values.set(s.local, value);
    },
  });
  const valueOf = (expr: Expr): Expr => {
    const value = expr.op === 'local' ? values.get(expr.local) : undefined;
    return value === undefined ? expr : { ...valueOf(value), at: expr.at };
  };
  const isUnused = (s: Stmt): boolean =>
    s.op === 'let' && writes.get(s.local) === 1 && (values.has(s.local) || (!uses.has(s.local) && isFree(s.value)));
  return rewriteBlock(body, { expr: valueOf, block: (stmts) => stmts.filter((s) => !isUnused(s)) });
}

function countLocals(body: readonly Stmt[]): { uses: Map<number, number>; writes: Map<number, number> } {
  const uses = new Map<number, number>();
  const writes = new Map<number, number>();
  const add = (map: Map<number, number>, local: number): void => void map.set(local, (map.get(local) ?? 0) + 1);
  walkStmts(body, {
    expr: (e) => {
      if (e.op === 'local') add(uses, e.local);
    },
    stmt: (s) => {
      if (s.op === 'let' || s.op === 'set') add(writes, s.local);
      if (s.op === 'callInto') for (const local of s.locals) add(writes, local);
    },
  });
  return { uses, writes };
}

/**
 * Whether a statement evaluates the local once and unconditionally, with nothing before it that has an effect; for an
 * impure value, with nothing before it at all that an effect could change.
 */
function reachesFirst(stmt: Stmt, local: number, impure: boolean): boolean {
  if (stmt.op === 'loop') return false;
  for (const expr of expressionsOf(stmt)) {
    const found = search(expr, local, impure);
    if (found !== 'absent') return found === 'first';
  }
  return false;
}

/** `absent`: not inside and nothing in the way; `first`: reached; `blocked`: something is in the way. */
function search(expr: Expr | CallExpr, local: number, impure: boolean): 'absent' | 'first' | 'blocked' {
  if (expr.op === 'local') return expr.local === local ? 'first' : impure ? 'blocked' : 'absent';
  if (expr.op === 'sequence') return 'blocked';
  const operands = operandsOf(expr);
  const conditional = expr.op === 'logical' || expr.op === 'conditional';
  for (const [i, operand] of operands.entries()) {
    const found = search(operand, local, impure);
    if (conditional && i > 0 && found === 'first') return 'blocked';
    if (found !== 'absent') return found;
  }
  if (expr.op === 'call' || expr.op === 'atomic') return 'blocked';
  const reads = expr.op === 'load' || expr.op === 'loadItem' || expr.op === 'length';
  return impure && reads ? 'blocked' : 'absent';
}

function substitute(stmt: Stmt, local: number, value: Expr): Stmt {
  const [done] = rewriteBlock([stmt], {
    expr: (e) => (e.op === 'local' && e.local === local ? value : e),
    block: (stmts) => stmts,
  });
  return done ?? stmt;
}

/** Numbers locals in the order of their first appearance and drops those that are gone; arguments keep their places. */
export function renumberLocals(fn: IrFunction): IrFunction {
  const numbers = new Map<number, number>();
  const number = (local: number): number => {
    const known = numbers.get(local) ?? numbers.size;
    numbers.set(local, known);
    return known;
  };
  for (const arg of fn.args) if (arg.kind === 'scalar') number(arg.local);
  walkStmts(fn.body, {
    expr: (e) => {
      if (e.op === 'local') number(e.local);
    },
    stmt: (s) => {
      if (s.op === 'let' || s.op === 'set') number(s.local);
      if (s.op === 'callInto') s.locals.forEach(number);
    },
  });
  const body = rewriteBlock(fn.body, {
    expr: (e) => (e.op === 'local' ? { ...e, local: number(e.local) } : e),
    block: (stmts) =>
      stmts.map((s) => {
        if (s.op === 'let' || s.op === 'set') return { ...s, local: number(s.local) };
        return s.op === 'callInto' ? { ...s, locals: s.locals.map(number) } : s;
      }),
  });
  const locals = [...numbers.keys()].flatMap((old) => fn.locals[old] ?? []);
  const args = fn.args.map((arg): IrArg => (arg.kind === 'scalar' ? { ...arg, local: number(arg.local) } : arg));
  return { ...fn, args, body, locals };
}
