import type { VExpr, VStmt } from './vector-form.js';

export interface VectorVisitor {
  readonly stmt?: (stmt: VStmt) => void;
  readonly expr?: (expr: VExpr) => void;
}

/** Calls a visitor for every statement and value, parents before children. */
export function walkVector(stmts: readonly VStmt[], visitor: VectorVisitor): void {
  for (const stmt of stmts) {
    visitor.stmt?.(stmt);
    for (const value of valuesOf(stmt)) walkValue(value, visitor);
    for (const block of blocksOfVector(stmt)) walkVector(block, visitor);
  }
}

function walkValue(value: VExpr, visitor: VectorVisitor): void {
  visitor.expr?.(value);
  for (const operand of operandsOfValue(value)) walkValue(operand, visitor);
}

/** The values a statement itself uses, without those of nested blocks. */
function valuesOf(stmt: VStmt): readonly VExpr[] {
  const present = (...values: readonly (VExpr | null)[]): VExpr[] => values.flatMap((v) => (v === null ? [] : [v]));
  switch (stmt.op) {
    case 'set':
    case 'setGroup':
    case 'storeSpill':
      return [stmt.value];
    case 'load':
      return present(stmt.index, stmt.mask);
    case 'store':
      return present(stmt.index, stmt.value, stmt.mask);
    case 'storeItem':
      return present(stmt.value, stmt.mask);
    case 'atomic':
      return present(stmt.index, stmt.expected, stmt.value, stmt.mask);
    case 'if':
      return [stmt.condition];
    case 'leave':
      return present(stmt.when);
    case 'loadItem':
    case 'loadSpill':
    case 'loop':
    case 'block':
      return [];
  }
}

export function blocksOfVector(stmt: VStmt): readonly (readonly VStmt[])[] {
  if (stmt.op === 'if') return [stmt.then, stmt.else];
  return stmt.op === 'loop' || stmt.op === 'block' ? [stmt.body] : [];
}

export function operandsOfValue(value: VExpr): readonly VExpr[] {
  switch (value.op) {
    case 'leaf':
    case 'first':
    case 'var':
      return [];
    case 'lanes':
      return [value.first];
    case 'splat':
    case 'lane0':
    case 'unary':
    case 'cast':
    case 'bitcast':
      return [value.value];
    case 'binary':
    case 'mask':
      return [value.left, value.right];
    case 'select':
      return [value.condition, value.whenTrue, value.whenFalse];
    case 'keep':
      return [value.mask, value.value];
    case 'any':
      return [value.mask];
  }
}
