import type { CallArg, CallExpr, Expr, Stmt } from './nodes.js';

/** Called for every expression and statement, parents before children, in evaluation order where there is one. */
export interface Visitor {
  readonly expr?: (expr: Expr | CallExpr) => void;
  readonly stmt?: (stmt: Stmt) => void;
}

export function walkStmts(stmts: readonly Stmt[], visitor: Visitor): void {
  for (const stmt of stmts) walkStmt(stmt, visitor);
}

function walkStmt(stmt: Stmt, visitor: Visitor): void {
  visitor.stmt?.(stmt);
  for (const expr of expressionsOf(stmt)) walkExpr(expr, visitor);
  for (const block of blocksOf(stmt)) walkStmts(block, visitor);
}

function walkExpr(expr: Expr | CallExpr, visitor: Visitor): void {
  visitor.expr?.(expr);
  if (expr.op === 'sequence') walkStmts(expr.body, visitor);
  for (const child of operandsOf(expr)) walkExpr(child, visitor);
}

/** The expressions a statement itself evaluates, without those of nested blocks. */
export function expressionsOf(stmt: Stmt): readonly (Expr | CallExpr)[] {
  switch (stmt.op) {
    case 'let':
    case 'set':
    case 'storeItem':
    case 'do':
      return [stmt.value];
    case 'store':
      return [stmt.index, stmt.value];
    case 'push':
      return stmt.values;
    case 'if':
      return [stmt.condition];
    case 'loop':
      return stmt.condition === null ? [] : [stmt.condition];
    case 'return':
      return stmt.values;
    case 'callInto':
      return [stmt.call];
    case 'items':
      return stmt.below === null ? [] : [stmt.below];
    case 'break':
    case 'continue':
    case 'barrier':
      return [];
  }
}

export function blocksOf(stmt: Stmt): readonly (readonly Stmt[])[] {
  if (stmt.op === 'if') return [stmt.then, stmt.else];
  if (stmt.op === 'loop') return [stmt.body, stmt.update];
  if (stmt.op === 'items') return [stmt.body];
  return [];
}

/** Direct operands in evaluation order; a sequence's statements come before its value. */
export function operandsOf(expr: Expr | CallExpr): readonly Expr[] {
  switch (expr.op) {
    case 'literal':
    case 'local':
    case 'uniform':
    case 'item':
    case 'id':
    case 'inRange':
    case 'loadItem':
    case 'length':
      return [];
    case 'unary':
    case 'cast':
    case 'bitcast':
    case 'sequence':
      return [expr.value];
    case 'binary':
    case 'logical':
      return [expr.left, expr.right];
    case 'math':
      return expr.args;
    case 'conditional':
    case 'select':
      return [expr.condition, expr.whenTrue, expr.whenFalse];
    case 'load':
      return [expr.index];
    case 'atomic':
      return [expr.index, ...(expr.expected ? [expr.expected] : []), ...(expr.value ? [expr.value] : [])];
    case 'call':
      return expr.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.value] : []));
  }
}

export interface Rewrite {
  /** Gets a node whose operands are already rewritten. */
  readonly expr: (expr: Expr) => Expr;
  /** Gets a block whose statements are already rewritten. */
  readonly block: (stmts: readonly Stmt[]) => readonly Stmt[];
}

export function rewriteBlock(stmts: readonly Stmt[], rewrite: Rewrite): readonly Stmt[] {
  return rewrite.block(stmts.map((stmt) => rewriteStmt(stmt, rewrite)));
}

function rewriteStmt(stmt: Stmt, rewrite: Rewrite): Stmt {
  const go = (expr: Expr): Expr => rewriteExpr(expr, rewrite);
  switch (stmt.op) {
    case 'let':
    case 'set':
    case 'storeItem':
      return { ...stmt, value: go(stmt.value) };
    case 'do':
      return { ...stmt, value: rewriteOperands(stmt.value, rewrite) };
    case 'store':
      return { ...stmt, index: go(stmt.index), value: go(stmt.value) };
    case 'push':
      return { ...stmt, values: stmt.values.map(go) };
    case 'if':
      return {
        ...stmt,
        condition: go(stmt.condition),
        then: rewriteBlock(stmt.then, rewrite),
        else: rewriteBlock(stmt.else, rewrite),
      };
    case 'loop':
      return {
        ...stmt,
        condition: stmt.condition && go(stmt.condition),
        body: rewriteBlock(stmt.body, rewrite),
        update: rewriteBlock(stmt.update, rewrite),
      };
    case 'return':
      return { ...stmt, values: stmt.values.map(go) };
    case 'callInto':
      return { ...stmt, call: rewriteOperands(stmt.call, rewrite) };
    case 'items':
      return { ...stmt, below: stmt.below && go(stmt.below), body: rewriteBlock(stmt.body, rewrite) };
    case 'break':
    case 'continue':
    case 'barrier':
      return stmt;
  }
}

function rewriteExpr(expr: Expr, rewrite: Rewrite): Expr {
  return rewrite.expr(rewriteOperands(expr, rewrite));
}

function rewriteOperands<E extends Expr | CallExpr>(expr: E, rewrite: Rewrite): E;
function rewriteOperands(expr: Expr | CallExpr, rewrite: Rewrite): Expr | CallExpr {
  const go = (operand: Expr): Expr => rewriteExpr(operand, rewrite);
  switch (expr.op) {
    case 'literal':
    case 'local':
    case 'uniform':
    case 'item':
    case 'id':
    case 'inRange':
    case 'loadItem':
    case 'length':
      return expr;
    case 'unary':
    case 'cast':
    case 'bitcast':
      return { ...expr, value: go(expr.value) };
    case 'binary':
    case 'logical':
      return { ...expr, left: go(expr.left), right: go(expr.right) };
    case 'math':
      return { ...expr, args: expr.args.map(go) };
    case 'conditional':
    case 'select':
      return { ...expr, condition: go(expr.condition), whenTrue: go(expr.whenTrue), whenFalse: go(expr.whenFalse) };
    case 'load':
      return { ...expr, index: go(expr.index) };
    case 'atomic':
      return {
        ...expr,
        index: go(expr.index),
        expected: expr.expected && go(expr.expected),
        value: expr.value && go(expr.value),
      };
    case 'call':
      return {
        ...expr,
        args: expr.args.map((arg): CallArg => (arg.kind === 'scalar' ? { kind: 'scalar', value: go(arg.value) } : arg)),
      };
    case 'sequence':
      return { ...expr, body: rewriteBlock(expr.body, rewrite), value: go(expr.value) };
  }
}

/** Whether evaluating has an effect on memory or locals (a counted bounds violation is not one). */
export function isImpure(expr: Expr | CallExpr): boolean {
  let impure = false;
  walkExpr(expr, {
    expr: (e) => {
      impure ||= e.op === 'call' || e.op === 'sequence' || e.op === 'atomic';
    },
  });
  return impure;
}

/** Size of a tree in nodes. */
export function countNodes(stmts: readonly Stmt[]): number {
  let nodes = 0;
  const count = (): void => void nodes++;
  walkStmts(stmts, { expr: count, stmt: count });
  return nodes;
}

/** The same with the size of a helper, by its number, added for every call of it. */
export function countNodesInPlace(stmts: readonly Stmt[], helpers: readonly number[]): number {
  let nodes = 0;
  walkStmts(stmts, {
    expr: (e) => void (nodes += e.op === 'call' ? 1 + (helpers[e.helper] ?? 0) : 1),
    stmt: () => void nodes++,
  });
  return nodes;
}

/** Locals written anywhere inside. */
export function assignedLocals(stmts: readonly Stmt[]): Set<number> {
  const assigned = new Set<number>();
  walkStmts(stmts, {
    stmt: (s) => {
      if (s.op === 'let' || s.op === 'set') assigned.add(s.local);
      if (s.op === 'callInto') for (const local of s.locals) assigned.add(local);
    },
  });
  return assigned;
}
