import type { CallExpr, Expr, Items, Stmt } from '../../ir/nodes.js';
import { assignedLocals, blocksOf, expressionsOf, operandsOf } from '../../ir/walk.js';

type Locals = ReadonlySet<number>;

/** What the body of an `items` statement does with locals of its id. */
export interface ItemsUse {
  /** Read before they are certainly set: they come from an earlier statement. */
  readonly exposed: Locals;
  /** Set on some path. */
  readonly sets: Locals;
  /** Set on every path. */
  readonly certain: Locals;
}

export function useOf(items: Items): ItemsUse {
  const reading = new Reading();
  const end = reading.block(items.body, new Set());
  const [first, ...ends] = [...reading.exits, ...(end === null ? [] : [end])];
  const certain = ends.reduce(both, first ?? new Set());
  return { exposed: reading.exposed, sets: assignedLocals(items.body), certain };
}

function both(a: Locals, b: Locals): Locals {
  return new Set([...a].filter((local) => b.has(local)));
}

/** Walks a body forwards with the locals that are certainly set; null where the end of a block is not reached. */
class Reading {
  readonly exposed = new Set<number>();
  /** What is set where a return ends the body. */
  readonly exits: Locals[] = [];

  block(stmts: readonly Stmt[], entry: Locals): Locals | null {
    let known: Locals | null = entry;
    for (const stmt of stmts) {
      known = this.stmt(stmt, known);
      if (known === null) return null;
    }
    return known;
  }

  private stmt(stmt: Stmt, entry: Locals): Locals | null {
    if (stmt.op === 'loop') return this.loop(stmt, entry);
    let known = entry;
    for (const expr of expressionsOf(stmt)) known = this.expr(expr, known);
    switch (stmt.op) {
      case 'let':
      case 'set':
        return new Set([...known, stmt.local]);
      case 'callInto':
        return new Set([...known, ...stmt.locals]);
      case 'if': {
        const then = this.block(stmt.then, known);
        const otherwise = this.block(stmt.else, known);
        return then === null || otherwise === null ? (then ?? otherwise) : both(then, otherwise);
      }
      case 'return':
        this.exits.push(known);
        return null;
      case 'break':
      case 'continue':
        return null;
      default:
        return known;
    }
  }

  private loop(stmt: Stmt & { op: 'loop' }, entry: Locals): Locals {
    const { condition } = stmt;
    const known = condition !== null && stmt.test === 'before' ? this.expr(condition, entry) : entry;
    // A continue can come from anywhere in the body, so the update counts on nothing that the body sets.
    const end = this.block(stmt.body, known) ?? known;
    const rounded = this.block(stmt.update, jumpsOn(stmt.body) ? known : end) ?? known;
    if (condition !== null && stmt.test === 'after') this.expr(condition, rounded);
    return known;
  }

  private expr(expr: Expr | CallExpr, entry: Locals): Locals {
    if (expr.op === 'local' && !entry.has(expr.local)) this.exposed.add(expr.local);
    let known = expr.op === 'sequence' ? (this.block(expr.body, entry) ?? entry) : entry;
    const operands = operandsOf(expr);
    if (expr.op === 'logical' || expr.op === 'conditional') {
      const [first, ...branches] = operands;
      if (first) known = this.expr(first, known);
      for (const branch of branches) this.expr(branch, known);
      return known;
    }
    for (const operand of operands) known = this.expr(operand, known);
    return known;
  }
}

function jumpsOn(stmts: readonly Stmt[]): boolean {
  return stmts.some((s) => s.op === 'continue' || (s.op !== 'loop' && blocksOf(s).some(jumpsOn)));
}

/** Locals of ids that statements after each `items` may still read, as of the end of it. */
export function liveAfter(body: readonly Stmt[], uses: ReadonlyMap<Items, ItemsUse>): ReadonlyMap<Items, Locals> {
  const after = new Map<Items, Set<number>>();
  const none: Locals = new Set();
  /** Answers what is live before the block. */
  const block = (stmts: readonly Stmt[], end: Locals, onBreak: Locals, onContinue: Locals): Locals =>
    stmts.reduceRight((live, stmt) => one(stmt, live, onBreak, onContinue), end);
  const one = (stmt: Stmt, live: Locals, onBreak: Locals, onContinue: Locals): Locals => {
    switch (stmt.op) {
      case 'items': {
        const known = after.get(stmt) ?? new Set();
        live.forEach((local) => known.add(local));
        after.set(stmt, known);
        const use = uses.get(stmt);
        return new Set([...[...live].filter((local) => !use?.certain.has(local)), ...(use?.exposed ?? [])]);
      }
      case 'if':
        return new Set([
          ...block(stmt.then, live, onBreak, onContinue),
          ...block(stmt.else, live, onBreak, onContinue),
        ]);
      case 'loop': {
        // What is live where a round starts grows until it settles.
        let start: Locals = live;
        for (;;) {
          const next = new Set([...start, ...block(stmt.body, start, live, start)]);
          if (next.size === start.size) return start;
          start = next;
        }
      }
      case 'break':
        return onBreak;
      case 'continue':
        return onContinue;
      case 'return':
        return none;
      default:
        return live;
    }
  };
  block(body, none, none, none);
  return after;
}
