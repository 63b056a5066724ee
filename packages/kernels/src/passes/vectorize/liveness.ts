import type { CallExpr, Expr, If, Loop, Stmt } from '../../ir/nodes.js';
import { expressionsOf, walkStmts } from '../../ir/walk.js';

type Locals = ReadonlySet<number>;

/**
 * Which locals may still be read before they are written, at the places where lanes that were masked off join in again.
 * Only these have to be kept for such lanes; all other assignments may overwrite whole registers.
 */
export interface Liveness {
  readonly atStart: Locals;
  readonly after: (stmt: If | Loop) => Locals;
  readonly atElse: (stmt: If) => Locals;
  /** Where a `continue` goes. */
  readonly atContinue: (stmt: Loop) => Locals;
}

interface Jumps {
  readonly onBreak: Locals;
  readonly onContinue: Locals;
}

/** @param atEnd - locals that are read after the body. */
export function livenessOf(body: readonly Stmt[], atEnd: Locals): Liveness {
  const after = new Map<Stmt, Locals>();
  const atElse = new Map<Stmt, Locals>();
  const atContinue = new Map<Stmt, Locals>();

  const block = (stmts: readonly Stmt[], out: Locals, jumps: Jumps): Locals => {
    let live = out;
    for (const stmt of [...stmts].reverse()) live = before(stmt, live, jumps);
    return live;
  };

  const before = (stmt: Stmt, out: Locals, jumps: Jumps): Locals => {
    switch (stmt.op) {
      case 'let':
      case 'set':
        return union(without(out, [stmt.local]), usesOf([stmt.value]));
      case 'callInto':
        return union(without(out, stmt.locals), usesOf([stmt.call]));
      case 'if': {
        after.set(stmt, out);
        const otherwise = block(stmt.else, out, jumps);
        atElse.set(stmt, otherwise);
        return union(union(block(stmt.then, out, jumps), otherwise), usesOf([stmt.condition]));
      }
      case 'loop':
        return loop(stmt, out);
      case 'break':
        return jumps.onBreak;
      case 'continue':
        return jumps.onContinue;
      case 'return':
        return union(atEnd, usesOf(stmt.values));
      default:
        return union(out, usesOf(expressionsOf(stmt)));
    }
  };

  const loop = (stmt: Loop, out: Locals): Locals => {
    after.set(stmt, out);
    // Without a condition only a break leads out.
    const condition = stmt.condition === null ? new Set<number>() : union(out, usesOf([stmt.condition]));
    // What is live at the head flows round into the end of the body, until nothing is added.
    let head: Locals = stmt.test === 'before' ? condition : new Set();
    for (;;) {
      const tested = stmt.test === 'before' ? head : union(condition, head);
      const next = block(stmt.update, tested, { onBreak: out, onContinue: tested });
      atContinue.set(stmt, next);
      const start = block(stmt.body, next, { onBreak: out, onContinue: next });
      const grown = union(head, start);
      if (grown.size === head.size) return head;
      head = grown;
    }
  };

  const found = (map: ReadonlyMap<Stmt, Locals>, stmt: Stmt): Locals => map.get(stmt) ?? new Set();
  const atStart = block(body, atEnd, { onBreak: new Set(), onContinue: new Set() });
  return {
    atStart,
    after: (stmt) => found(after, stmt),
    atElse: (stmt) => found(atElse, stmt),
    atContinue: (stmt) => found(atContinue, stmt),
  };
}

/** Locals that are read; those a sequence assigns first count, too, which is only careful. */
function usesOf(exprs: readonly (Expr | CallExpr)[]): Locals {
  const uses = new Set<number>();
  for (const value of exprs) {
    walkStmts([{ op: 'do', value, at: 0 }], {
      expr: (e) => {
        if (e.op === 'local') uses.add(e.local);
      },
    });
  }
  return uses;
}

function without(locals: Locals, gone: readonly number[]): Locals {
  return gone.some((local) => locals.has(local)) ? new Set([...locals].filter((l) => !gone.includes(l))) : locals;
}

export function union(a: Locals, b: Locals): Locals {
  if (b.size === 0 || a === b) return a;
  return a.size === 0 ? b : new Set([...a, ...b]);
}
