import type {
  Binary,
  BinaryOperator,
  CompareOperator,
  Expr,
  If,
  IrFunction,
  IrKernel,
  Loop,
  Stmt,
} from '../ir/nodes.js';
import { isSameTree } from '../ir/same-tree.js';
import { blocksOf, isImpure, rewriteBlock } from '../ir/walk.js';
import type { Rewrite } from '../ir/walk.js';
import { foldConstants, isFree } from './fold.js';
import { joinChoices } from './join-branches.js';
import type { Choice } from './join-branches.js';
import { inlineSingleUses, propagateCopies, renumberLocals } from './single-use.js';

/**
 * One form for programs that differ only in how branches, jumps and conditions are written, so that a minified body
 * compiles to the same kernel: constants folded, negations pushed inwards, nested ifs joined, early exits turned into
 * else branches, values that are used once and at once put in their place.
 */
export function canonicalise(kernel: IrKernel): IrKernel {
  return { ...kernel, main: canonicalFunction(kernel.main), helpers: kernel.helpers.map(canonicalFunction) };
}

const MAX_ROUNDS = 20;

export function canonicalFunction(fn: IrFunction): IrFunction {
  let body = fn.body;
  const argLocals = fn.args.flatMap((arg) => (arg.kind === 'scalar' ? [arg.local] : []));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = body;
    body = dropTail(rewriteBlock(body, REWRITE), 'return');
    body = propagateCopies(inlineSingleUses(body), argLocals);
    if (isSameTree(body, before)) break;
  }
  return renumberLocals({ ...fn, body });
}

const REWRITE: Rewrite = {
  expr: (expr) => canonicalExpr(foldConstants(expr)),
  block: (stmts) => canonicalBlock(stmts),
};

const OPPOSITE: Readonly<Record<CompareOperator, CompareOperator>> = {
  eq: 'ne',
  ne: 'eq',
  lt: 'ge',
  ge: 'lt',
  gt: 'le',
  le: 'gt',
};

/** The opposite of a condition, without a `not` where the language has a direct form. */
function negate(expr: Expr): Expr {
  if (expr.op === 'literal') return { ...expr, value: expr.value !== true };
  if (expr.op === 'unary' && expr.operator === 'not') return expr.value;
  if (expr.op === 'logical') {
    return {
      ...expr,
      operator: expr.operator === 'and' ? 'or' : 'and',
      left: negate(expr.left),
      right: negate(expr.right),
    };
  }
  if (expr.op === 'binary' && expr.type === 'bool') {
    const operator = expr.operator as CompareOperator;
    const isFloat = expr.left.type === 'f32' || expr.left.type === 'f64';
    // With NaN, !(a < b) is not a >= b.
    if (!isFloat || operator === 'eq' || operator === 'ne') return { ...expr, operator: OPPOSITE[operator] };
  }
  return { op: 'unary', type: 'bool', operator: 'not', value: expr, at: expr.at };
}

function canonicalExpr(expr: Expr): Expr {
  if (expr.op === 'binary') return canonicalBinary(expr);
  if (expr.op === 'unary' && expr.operator === 'not') return negate(expr.value);
  // (a && b) && c is a && (b && c).
  if (expr.op === 'logical' && expr.left.op === 'logical' && expr.left.operator === expr.operator) {
    const right = canonicalExpr({ ...expr, left: expr.left.right });
    return { ...expr, left: expr.left.left, right };
  }
  if (expr.op === 'logical' && expr.left.op === 'literal') {
    return expr.left.value === (expr.operator === 'and') ? expr.right : expr.left;
  }
  if (expr.op === 'conditional') return canonicalConditional(expr);
  if (expr.op === 'sequence' && expr.body.length === 0) return expr.value;
  return expr;
}

/** The same operator with its operands exchanged. */
const EXCHANGED: Readonly<Partial<Record<BinaryOperator, BinaryOperator>>> = {
  ...{ add: 'add', mul: 'mul', and: 'and', or: 'or', xor: 'xor' },
  ...{ eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' },
};

/** Literals stand on the right, and signs are part of the operator: `-c + x` and `x + -c` are `x - c`, in every type. */
function canonicalBinary(expr: Binary): Expr {
  const { left, right } = expr;
  const exchanged = EXCHANGED[expr.operator];
  if (left.op === 'literal' && right.op !== 'literal' && exchanged !== undefined) {
    return canonicalBinary({ ...expr, operator: exchanged, left: right, right: left });
  }
  if (expr.operator !== 'add' && expr.operator !== 'sub') return canonicalBits(expr);
  const positive = opposite(right);
  if (positive !== undefined) {
    return canonicalBinary({ ...expr, operator: expr.operator === 'add' ? 'sub' : 'add', right: positive });
  }
  if (expr.operator === 'add' && isNegation(left) && !isImpure(left) && !isImpure(right)) {
    return canonicalBinary({ ...expr, operator: 'sub', left: right, right: left.value });
  }
  return expr;
}

/** Bit operations that change nothing, and the two ways to ask for all bits of a mask. */
function canonicalBits(expr: Binary): Expr {
  const { operator, left, right, at } = expr;
  if (right.op !== 'literal') return expr;
  const isZero = right.value === 0 || right.value === 0n;
  const isFull = right.value === -1 || right.value === -1n;
  switch (operator) {
    case 'or':
    case 'xor':
    case 'shl':
    case 'shr':
    case 'ushr':
      if (isZero) return left;
      return isFull && operator === 'xor'
        ? { op: 'unary', type: expr.type, operator: 'bitnot', value: left, at }
        : expr;
    case 'and':
      if (isFull) return left;
      return isZero && isFree(left) ? right : expr;
    case 'eq':
    case 'ne': {
      // (~x & mask) === 0 is (x & mask) === mask.
      if (!isZero || left.op !== 'binary' || left.operator !== 'and') return expr;
      const inverted = left.left;
      if (left.right.op !== 'literal' || inverted.op !== 'unary' || inverted.operator !== 'bitnot') return expr;
      return { ...expr, left: { ...left, left: inverted.value }, right: left.right };
    }
    default:
      return expr;
  }
}

function isNegation(expr: Expr): expr is Expr & { op: 'unary' } {
  return expr.op === 'unary' && expr.operator === 'neg';
}

/** What the expression is the negative of, where it is written as one. */
function opposite(expr: Expr): Expr | undefined {
  if (isNegation(expr)) return expr.value;
  if (expr.op !== 'literal' || typeof expr.value === 'boolean' || !(expr.value < 0)) return undefined;
  // The least integer has no opposite.
  const isLeast = expr.type === 'i32' ? expr.value === -(2 ** 31) : expr.value === -(2n ** 63n);
  return isLeast ? undefined : { ...expr, value: -expr.value };
}

function canonicalConditional(expr: Expr & { op: 'conditional' }): Expr {
  const { condition, whenTrue, whenFalse, at } = expr;
  if (condition.op === 'literal') return condition.value === true ? whenTrue : whenFalse;
  if (isNegative(condition))
    return canonicalConditional({ ...expr, condition: negate(condition), whenTrue: whenFalse, whenFalse: whenTrue });
  const joined = joinChoices(
    { condition, whenTrue, whenFalse },
    (e) => (e.op === 'conditional' ? e : undefined),
    negate,
  );
  if (joined) return canonicalConditional({ ...expr, ...joined, condition: canonicalExpr(joined.condition) });
  if (expr.type !== 'bool') return expr;
  const logical = (operator: 'and' | 'or', left: Expr, right: Expr): Expr =>
    canonicalExpr({ op: 'logical', type: 'bool', operator, left, right, at });
  if (whenTrue.op === 'literal')
    return whenTrue.value === true ? logical('or', condition, whenFalse) : logical('and', negate(condition), whenFalse);
  if (whenFalse.op === 'literal')
    return whenFalse.value === true ? logical('or', negate(condition), whenTrue) : logical('and', condition, whenTrue);
  return expr;
}

/** Whether this is the one of a condition and its opposite that is not kept in front of two branches. */
function isNegative(condition: Expr): boolean {
  if (condition.op === 'unary') return condition.operator === 'not';
  if (condition.op === 'logical') return isNegative(condition.left);
  if (condition.op !== 'binary') return false;
  if (condition.operator === 'ne') return true;
  const isFloat = condition.left.type === 'f32' || condition.left.type === 'f64';
  return !isFloat && (condition.operator === 'ge' || condition.operator === 'le');
}

function canonicalBlock(stmts: readonly Stmt[]): readonly Stmt[] {
  const out: Stmt[] = [];
  const flat = stmts.flatMap(hoistSequences);
  for (let i = 0; i < flat.length; i++) {
    const stmt = flat[i];
    if (stmt === undefined) break;
    if (stmt.op === 'if') {
      const rest = flat.slice(i + 1);
      // What follows a branch that leaves belongs to the other branch.
      if (rest.length > 0 && leaves(stmt.then)) {
        out.push(...canonicalIf({ ...stmt, else: canonicalBlock([...stmt.else, ...rest]) }));
        return out;
      }
      if (rest.length > 0 && stmt.else.length > 0 && leaves(stmt.else)) {
        out.push(...canonicalIf({ ...stmt, then: canonicalBlock([...stmt.then, ...rest]) }));
        return out;
      }
      out.push(...canonicalIf(stmt));
    } else if (stmt.op === 'loop') {
      out.push(...canonicalLoop(stmt));
    } else {
      out.push(stmt);
    }
    // Nothing after a jump is reached.
    if (isJump(stmt)) return out;
  }
  return out;
}

function isJump(stmt: Stmt): boolean {
  return stmt.op === 'return' || stmt.op === 'break' || stmt.op === 'continue';
}

function leaves(stmts: readonly Stmt[]): boolean {
  const last = stmts.at(-1);
  return last !== undefined && (isJump(last) || (last.op === 'if' && leaves(last.then) && leaves(last.else)));
}

/** `if (x = 1, c)` is `x = 1; if (c)`: what a statement evaluates first can stand before it. */
function hoistSequences(stmt: Stmt): Stmt[] {
  switch (stmt.op) {
    case 'if':
      if (stmt.condition.op !== 'sequence') return [stmt];
      return [...stmt.condition.body, { ...stmt, condition: stmt.condition.value }];
    case 'let':
    case 'set':
    case 'storeItem':
      if (stmt.value.op !== 'sequence') return [stmt];
      return [...stmt.value.body, { ...stmt, value: stmt.value.value }];
    case 'return':
      if (stmt.values[0]?.op !== 'sequence') return [stmt];
      return [...stmt.values[0].body, { ...stmt, values: [stmt.values[0].value, ...stmt.values.slice(1)] }];
    case 'store':
      // The index is evaluated before the value anyway; its own value must not change in between.
      if (stmt.index.op !== 'sequence' || isImpure(stmt.value)) return [stmt];
      return [...stmt.index.body, { ...stmt, index: stmt.index.value }];
    default:
      return [stmt];
  }
}

function canonicalIf(stmt: If): Stmt[] {
  const { condition, then, else: otherwise, at } = stmt;
  if (condition.op === 'literal') return [...(condition.value === true ? then : otherwise)];
  if (then.length === 0 && otherwise.length === 0) return isImpure(condition) ? [stmt] : [];
  if (then.length === 0) return canonicalIf({ ...stmt, condition: negate(condition), then: otherwise, else: [] });
  if (otherwise.length > 0 && isNegative(condition)) {
    return canonicalIf({ ...stmt, condition: negate(condition), then: otherwise, else: then });
  }
  const [a, b] = [then[0], otherwise[0]];
  const single = then.length === 1 && otherwise.length === 1;
  // Both branches give one value to the same place: one conditional value.
  if (single && a?.op === 'set' && b?.op === 'set' && a.local === b.local) {
    return [{ ...a, value: choose(condition, a.value, b.value, at) }];
  }
  if (single && a?.op === 'storeItem' && b?.op === 'storeItem' && a.slot === b.slot) {
    return [{ ...a, value: choose(condition, a.value, b.value, at) }];
  }
  if (single && a?.op === 'return' && b?.op === 'return' && a.values.length === 1) {
    const [x, y] = [a.values[0], b.values[0]];
    if (x && y) return [{ ...a, values: [choose(condition, x, y, at)] }];
  }
  const joined = joinChoices({ condition, whenTrue: then, whenFalse: otherwise }, onlyIf, negate);
  if (joined) {
    const { whenTrue, whenFalse } = joined;
    return canonicalIf({ ...stmt, condition: canonicalExpr(joined.condition), then: whenTrue, else: whenFalse });
  }
  return [stmt];
}

function onlyIf(stmts: readonly Stmt[]): Choice<readonly Stmt[]> | undefined {
  const [only] = stmts;
  if (stmts.length !== 1 || only?.op !== 'if') return undefined;
  return { condition: only.condition, whenTrue: only.then, whenFalse: only.else };
}

function choose(condition: Expr, whenTrue: Expr, whenFalse: Expr, at: number): Expr {
  return canonicalExpr({ op: 'conditional', type: whenTrue.type, condition, whenTrue, whenFalse, at });
}

function canonicalLoop(loop: Loop): Stmt[] {
  const body = dropTail(loop.body, 'continue');
  const decided = loop.condition?.op === 'literal' ? loop.condition.value : undefined;
  if (decided === false && loop.test === 'before') return [];
  const condition = decided === true ? null : loop.condition;
  const [first] = body;
  // `for (;;) { if (c) break; … }` is `for (; !c;) { … }`.
  if (loop.test === 'before' && first?.op === 'if') {
    const only = (stmts: readonly Stmt[]): boolean => stmts.length === 1 && stmts[0]?.op === 'break';
    const exits = only(first.then) ? negate(first.condition) : only(first.else) ? first.condition : undefined;
    const rest = only(first.then) ? first.else : first.then;
    if (exits !== undefined && (body.length === 1 || rest.length === 0)) {
      const both: Expr =
        condition === null
          ? exits
          : canonicalExpr({ op: 'logical', type: 'bool', operator: 'and', left: condition, right: exits, at: loop.at });
      return canonicalLoop({ ...loop, condition: both, body: [...rest, ...body.slice(1)] });
    }
  }
  // A round's last statements and the update are the same place unless a continue jumps between them.
  if (loop.test === 'before' && loop.update.length > 0 && !hasContinue(body)) {
    return [{ ...loop, condition, body: leaves(body) ? body : [...body, ...loop.update], update: [] }];
  }
  return [{ ...loop, condition, body }];
}

function hasContinue(stmts: readonly Stmt[]): boolean {
  return stmts.some((s) => s.op === 'continue' || (s.op !== 'loop' && blocksOf(s).some(hasContinue)));
}

/** Drops jumps to where control goes anyway. */
function dropTail(stmts: readonly Stmt[], jump: 'return' | 'continue'): readonly Stmt[] {
  const last = stmts.at(-1);
  if (last === undefined) return stmts;
  if (last.op === jump && !(last.op === 'return' && last.values.length > 0)) return stmts.slice(0, -1);
  if (last.op !== 'if') return stmts;
  const then = dropTail(last.then, jump);
  const otherwise = dropTail(last.else, jump);
  return [...stmts.slice(0, -1), ...canonicalIf({ ...last, then, else: otherwise })];
}
