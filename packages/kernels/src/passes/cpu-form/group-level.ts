import type { Expr, IrFunction, IrKernel, Loop, Stmt } from '../../ir/nodes.js';
import { blocksOf, expressionsOf, walkStmts } from '../../ir/walk.js';
import type { Uniformity } from '../uniformity.js';

/** What of a body is done once per group, between the statements that every id runs. */
export interface GroupLevel {
  /** Statements of the group: they hold a barrier, decide about one, or set a group's local. */
  readonly stmts: ReadonlySet<Stmt>;
  /** Locals that code of the group sets. */
  readonly locals: ReadonlySet<number>;
}

/**
 * Finds the least set of statements and locals that must belong to the group: barriers and what stands around them,
 * uniform jumps out of those, the locals their conditions read, and `wanted` ones. Every choice pulls others along.
 */
export function groupLevelOf(fn: IrFunction, uniformity: Uniformity, wanted: ReadonlySet<number>): GroupLevel {
  const allowed = groupable(fn, uniformity);
  const locals = new Set([...wanted].filter((local) => allowed.has(local)));
  for (;;) {
    const stmts = markStmts(fn.body, uniformity, locals);
    const before = locals.size;
    for (const stmt of stmts) {
      for (const local of localsRead(stmt)) if (allowed.has(local)) locals.add(local);
    }
    if (locals.size === before) return { stmts, locals };
  }
}

/** Uniform locals that are set by statements only: inside an expression an assignment belongs to whoever evaluates it. */
export function groupable(fn: IrFunction, uniformity: Uniformity): Set<number> {
  const found = new Set(fn.locals.keys());
  for (const local of fn.locals.keys()) if (!uniformity.isUniformLocal(local)) found.delete(local);
  walkStmts(fn.body, {
    expr: (e) => {
      if (e.op !== 'sequence') return;
      for (const stmt of e.body) if (stmt.op === 'let' || stmt.op === 'set') found.delete(stmt.local);
    },
  });
  return found;
}

function markStmts(body: readonly Stmt[], uniformity: Uniformity, locals: ReadonlySet<number>): Set<Stmt> {
  const marked = new Set<Stmt>();
  /** Answers whether any of the block is of the group; `loop` is the one around it. */
  const block = (stmts: readonly Stmt[], loop: Loop | null): boolean => {
    let any = false;
    for (const stmt of stmts) any = one(stmt, loop) || any;
    return any;
  };
  const one = (stmt: Stmt, loop: Loop | null): boolean => {
    // Every block is visited, whatever the first one says.
    const inside = blocksOf(stmt)
      .map((inner) => block(inner, stmt.op === 'loop' ? stmt : loop))
      .includes(true);
    const own = inside || isSeed(stmt, uniformity, locals) || (isJump(stmt) && loop !== null && marked.has(loop));
    // A uniform jump out of a loop of the group belongs to the group too; whether the loop does is known only now.
    if (own && !marked.has(stmt)) {
      marked.add(stmt);
      if (stmt.op === 'loop') for (const inner of blocksOf(stmt)) block(inner, stmt);
    }
    return own;
  };
  const isJump = (stmt: Stmt): boolean =>
    (stmt.op === 'break' || stmt.op === 'continue') && uniformity.isUniformFlow(stmt);
  block(body, null);
  return marked;
}

function isSeed(stmt: Stmt, uniformity: Uniformity, locals: ReadonlySet<number>): boolean {
  switch (stmt.op) {
    case 'barrier':
      return true;
    case 'let':
    case 'set':
      return locals.has(stmt.local);
    case 'callInto':
      return stmt.locals.some((local) => locals.has(local));
    case 'return':
      // What follows may be of the group and must not run.
      return uniformity.isUniformFlow(stmt);
    default:
      return false;
  }
}

/** Locals read by the expressions of a statement itself. */
export function localsRead(stmt: Stmt): Set<number> {
  return localsIn(expressionsOf(stmt));
}

export function localsIn(exprs: readonly (Expr | Extract<Stmt, { op: 'do' }>['value'])[]): Set<number> {
  const read = new Set<number>();
  for (const value of exprs) {
    walkStmts([{ op: 'do', value, at: 0 }], {
      expr: (e) => {
        if (e.op === 'local') read.add(e.local);
      },
    });
  }
  return read;
}

/**
 * Whether code of the group can evaluate the expression: it reads locals of the group, has no effect, and no bounds
 * check, which counts once per id.
 */
export function isForGroup(
  kernel: IrKernel,
  value: Expr | Extract<Stmt, { op: 'do' }>['value'],
  locals: ReadonlySet<number>,
): boolean {
  let fits = true;
  walkStmts([{ op: 'do', value, at: 0 }], {
    expr: (e) => {
      if (e.op === 'sequence' || e.op === 'atomic') fits = false;
      if (e.op === 'local' && !locals.has(e.local)) fits = false;
      if (e.op === 'load' && e.check) fits = false;
      if (e.op === 'call' && hasChecks(kernel, e.helper)) fits = false;
    },
  });
  return fits;
}

function hasChecks(kernel: IrKernel, helper: number): boolean {
  let found = false;
  walkStmts(kernel.helpers[helper]?.body ?? [], {
    expr: (e) => {
      found ||= ((e.op === 'load' || e.op === 'atomic') && e.check) || (e.op === 'call' && hasChecks(kernel, e.helper));
    },
    stmt: (s) => {
      found ||= s.op === 'store' && s.check;
    },
  });
  return found;
}
