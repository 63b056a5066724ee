import type { Expr, Items, Stmt } from '../../ir/nodes.js';
import { isImpure, operandsOf, rewriteBlock, walkStmts } from '../../ir/walk.js';
import { liveAfter, useOf } from './liveness.js';

/** Values up to this size are computed again rather than kept in memory. */
const REMATERIALISED_NODES = 12;

/**
 * Gives every `items` statement what it needs of the locals that earlier ones set: computed again where that is cheap and
 * gives the same value, else taken from the workspace, in which the earlier statement keeps it. Statements that do
 * nothing disappear.
 */
export function keepLocals(body: readonly Stmt[], groupLocals: ReadonlySet<number>): readonly Stmt[] {
  const values = cheapValues(body, groupLocals);
  const computed = mapItems(body, (items) => {
    const again = [...useOf(items).exposed].sort((a, b) => a - b);
    const lets = again.flatMap((local): Stmt[] => {
      const value = values.get(local);
      return value === undefined ? [] : [{ op: 'let', local, value, at: items.at }];
    });
    return [{ ...items, body: [...lets, ...items.body] }];
  });
  const ofIds = (locals: Iterable<number>): number[] =>
    [...locals].filter((local) => !groupLocals.has(local)).sort((a, b) => a - b);
  const uses = new Map(itemsIn(computed).map((items) => [items, useOf(items)]));
  const after = liveAfter(computed, uses);
  const kept = mapItems(computed, (items) => {
    const use = uses.get(items);
    const stores = ofIds(use?.sets ?? []).filter((local) => after.get(items)?.has(local));
    // What is set on some paths only must have its old value on the others.
    const partly = stores.filter((local) => !use?.certain.has(local));
    return [{ ...items, loads: ofIds(new Set([...(use?.exposed ?? []), ...partly])), stores }];
  });
  return mapItems(kept, (items) => (items.stores.length > 0 || hasEffect(items.body, groupLocals) ? [items] : []));
}

function itemsIn(body: readonly Stmt[]): Items[] {
  const found: Items[] = [];
  walkStmts(body, { stmt: (s) => (s.op === 'items' ? found.push(s) : undefined) });
  return found;
}

/** Replaces every `items` statement; each keeps its identity until it is replaced. */
export function mapItems(body: readonly Stmt[], replace: (items: Items) => readonly Stmt[]): readonly Stmt[] {
  return body.flatMap((stmt): readonly Stmt[] => {
    if (stmt.op === 'items') return replace(stmt);
    if (stmt.op === 'if') return [{ ...stmt, then: mapItems(stmt.then, replace), else: mapItems(stmt.else, replace) }];
    return stmt.op === 'loop' ? [{ ...stmt, body: mapItems(stmt.body, replace) }] : [stmt];
  });
}

/** Locals that are set once, to a cheap value that is the same whenever the id computes it, in terms that always hold. */
function cheapValues(body: readonly Stmt[], groupLocals: ReadonlySet<number>): ReadonlyMap<number, Expr> {
  const writes = new Map<number, number>();
  const lets = new Map<number, Expr>();
  const wrote = (local: number): void => void writes.set(local, (writes.get(local) ?? 0) + 1);
  walkStmts(body, {
    stmt: (s) => {
      if (s.op === 'callInto') s.locals.forEach(wrote);
      if (s.op !== 'let' && s.op !== 'set') return;
      wrote(s.local);
      lets.set(s.local, s.value);
    },
  });
  const values = new Map<number, Expr>();
  // Operands come before what is computed from them, so one pass in order of appearance is enough.
  for (const [local, value] of lets) {
    if (writes.get(local) !== 1 || groupLocals.has(local)) continue;
    const [whole] = rewriteBlock([{ op: 'let', local, value, at: value.at }], {
      expr: (e) => (e.op === 'local' ? (values.get(e.local) ?? e) : e),
      block: (stmts) => stmts,
    });
    if (whole?.op !== 'let') continue;
    if (isCheap(whole.value, (of) => groupLocals.has(of) && writes.get(of) === 1)) values.set(local, whole.value);
  }
  return values;
}

function isCheap(value: Expr, isConstant: (local: number) => boolean): boolean {
  let nodes = 0;
  const visit = (expr: Expr): boolean => {
    nodes++;
    const fits =
      CHEAP.has(expr.op) &&
      (expr.op !== 'local' || isConstant(expr.local)) &&
      (expr.op !== 'unary' || expr.operator !== 'sqrt') &&
      (expr.op !== 'binary' || (expr.operator !== 'div' && expr.operator !== 'rem') || expr.right.op === 'literal');
    return fits && operandsOf(expr).every(visit);
  };
  return visit(value) && nodes <= REMATERIALISED_NODES;
}

/** Expressions without effect whose value does not depend on memory that ids write. */
const CHEAP: ReadonlySet<Expr['op']> = new Set([
  'literal',
  'local',
  'uniform',
  'id',
  'inRange',
  'unary',
  'binary',
  'select',
  'cast',
  'bitcast',
  'length',
]);

/** Whether running the statements can be noticed by anything but locals of the id. */
export function hasEffect(stmts: readonly Stmt[], groupLocals: ReadonlySet<number>): boolean {
  let found = false;
  walkStmts(stmts, {
    expr: (e) => {
      // A checked access may count a violation.
      found ||= isImpure(e) || (e.op === 'load' && e.check);
    },
    stmt: (s) => {
      const isLocal = (s.op === 'let' || s.op === 'set') && !groupLocals.has(s.local);
      found ||= !isLocal && s.op !== 'if' && s.op !== 'return';
    },
  });
  return found;
}
