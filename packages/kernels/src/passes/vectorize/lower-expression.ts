import type { ArrayRef, AtomicExpr, CallExpr, Expr, Load } from '../../ir/nodes.js';
import { walkStmts } from '../../ir/walk.js';
import { pushGuarded } from './guards.js';
import { keep } from './place.js';
import type { Place } from './place.js';
import { binary, convert, literal, masks, not, select, shapeOf, spread } from './values.js';
import type { Access, Mask, UniformLeaf, VExpr, VStmt } from './vector-form.js';

/** The value of an expression at a place; accesses and other effects go there as statements, in evaluation order. */
export function lowerExpression(place: Place, expr: Expr): VExpr {
  switch (expr.op) {
    case 'literal':
    case 'uniform':
    case 'length':
      return leaf(expr.op === 'length' ? { ...expr, of: resolveLength(place, expr.of) } : expr);
    case 'local':
      return readLocal(place, expr);
    case 'item':
      return lanes('item');
    case 'id':
      return (expr.which === 'global' || expr.which === 'local') && expr.axis === 'x' ? lanes(expr.which) : leaf(expr);
    case 'inRange':
      return inRange(place);
    case 'unary':
      return unary(expr, lowerExpression(place, expr.value));
    case 'binary': {
      const [left, right] = lowerInOrder(place, [expr.left, expr.right]);
      return binary(expr.operator, expr.type, left as VExpr, right as VExpr);
    }
    case 'select': {
      const [c, a, b] = lowerInOrder(place, [expr.condition, expr.whenTrue, expr.whenFalse]);
      return select(c as VExpr, a as VExpr, b as VExpr);
    }
    case 'logical':
      return logical(place, expr);
    case 'conditional':
      return conditional(place, expr);
    case 'cast':
    case 'bitcast':
      return convert(expr.op, expr.type, lowerExpression(place, expr.value));
    case 'load':
      return load(place, expr);
    case 'loadItem': {
      const loaded = place.scope.round.newVar(expr.type, true, 'item');
      place.out.push({ op: 'loadItem', id: loaded.id, slot: expr.slot });
      return loaded;
    }
    case 'call': {
      const [result] = place.scope.round.parts.call(place, expr);
      if (result === undefined) throw new Error('a call without a result stands as a value');
      return result;
    }
    case 'atomic':
      return lowerAtomic(place, expr, true);
    case 'sequence':
      for (const stmt of expr.body) place.scope.round.parts.statement(place, stmt);
      return lowerExpression(place, expr.value);
    case 'math':
      throw new Error('math functions are helpers in the form for CPUs');
  }
}

/** Evaluates operands one after the other; none changes the value of an earlier one. */
export function lowerInOrder(place: Place, exprs: readonly Expr[]): VExpr[] {
  const lastSequence = place.scope.round.hasSequences ? exprs.findLastIndex(hasSequence) : -1;
  return exprs.map((expr, i) => {
    const value = lowerExpression(place, expr);
    return i < lastSequence && !isConstant(value) ? keepShape(place, value) : value;
  });
}

function isConstant(value: VExpr): boolean {
  return value.op === 'leaf' && value.expr.op !== 'local';
}

function keepShape(place: Place, value: VExpr): VExpr {
  return value.op === 'lanes' ? { ...value, first: keep(place, value.first, 'kept') } : keep(place, value, 'kept');
}

/** Only a sequence assigns to locals of the body it stands in. */
function hasSequence(expr: Expr): boolean {
  let found = false;
  walkStmts([{ op: 'do', value: expr, at: 0 }], { expr: (e) => (found ||= e.op === 'sequence') });
  return found;
}

function leaf(expr: UniformLeaf): VExpr {
  return { op: 'leaf', type: expr.type, varying: false, expr };
}

function lanes(of: 'item' | 'global' | 'local'): VExpr {
  return { op: 'lanes', type: 'u32', varying: true, first: { op: 'first', type: 'u32', varying: false, of } };
}

function readLocal(place: Place, expr: Expr & { op: 'local' }): VExpr {
  return isGroupLocal(place, expr.local) ? leaf(expr) : readVariable(place, expr.local, expr.type);
}

export function isGroupLocal({ scope }: Place, local: number): boolean {
  return scope.isMain && scope.round.homes[local] === 'group';
}

/** The value of a local or, by its key, of a result. */
export function readVariable(place: Place, key: number, type: Expr['type']): VExpr {
  const { instance } = place.scope;
  const shape = instance.shape(key);
  const held = variableOf(place, key, type);
  return shape === 'linear' ? { op: 'lanes', type, varying: true, first: held } : held;
}

/** The variable behind a local: of a linear one, the value of lane 0. */
export function variableOf(place: Place, key: number, type: Expr['type']): VExpr & { op: 'var' } {
  const { scope } = place;
  const varying = scope.instance.shape(key) === 'varying';
  const known = scope.vars.get(key);
  if (known?.varying === varying) return known;
  const name = key < 0 ? 'result' : (scope.fn.locals[key]?.name ?? 'local');
  const made = scope.round.newVar(type, varying, name);
  scope.vars.set(key, made);
  return made;
}

function unary(expr: Expr & { op: 'unary' }, value: VExpr): VExpr {
  return { op: 'unary', type: expr.type, varying: value.varying, operator: expr.operator, value };
}

/** Only the last groups of an axis with several ids can reach beyond the global size. */
function inRange(place: Place): VExpr {
  const { workgroup } = place.scope.round.kernel;
  let inside = literal('bool', true);
  for (const [axis, i] of [
    ['z', 2],
    ['y', 1],
    ['x', 0],
  ] as const) {
    if (workgroup?.[i] === 1) continue;
    const id: VExpr = axis === 'x' ? lanes('global') : leaf({ op: 'id', type: 'u32', which: 'global', axis, at: 0 });
    const size = leaf({ op: 'id', type: 'u32', which: 'globalSize', axis, at: 0 });
    const here = binary('lt', 'bool', id, size);
    inside = inside.op === 'leaf' ? here : masks('and', inside, here);
  }
  return inside;
}

/** What an expression's value needs, put aside, and the value. */
interface Aside {
  readonly value: VExpr;
  readonly out: VStmt[];
}

function aside(place: Place, expr: Expr): Aside {
  const out: VStmt[] = [];
  return { value: lowerExpression({ ...place, out }, expr), out };
}

/** Whether a value needs no statements, so that it may be computed for lanes that do not want it. */
export function isFree(expr: Expr): boolean {
  let free = true;
  walkStmts([{ op: 'do', value: expr, at: 0 }], { expr: (e) => (free &&= !NOT_FREE.has(e.op)) });
  return free;
}

const NOT_FREE: ReadonlySet<Expr['op']> = new Set(['load', 'loadItem', 'call', 'atomic', 'sequence']);

function logical(place: Place, expr: Expr & { op: 'logical' }): VExpr {
  const { operator } = expr;
  const left = lowerExpression(place, expr.left);
  if (isFree(expr.right)) return masks(operator, left, lowerExpression(place, expr.right));
  const decided = keep(place, left, 'kept');
  if (!left.varying) {
    const { value, out } = aside(place, expr.right);
    const result = keep(place, value.varying ? spread(decided) : decided, 'kept');
    const code: VStmt[] = [...out, { op: 'set', id: result.id, value }];
    place.out.push({
      op: 'if',
      condition: decided,
      then: operator === 'and' ? code : [],
      else: operator === 'and' ? [] : code,
    });
    return result;
  }
  // The right side is evaluated for the lanes that need it, and counts violations only there; what other lanes get is
  // hidden by `false && x` and `true || x`.
  const wanted = keep(place, operator === 'and' ? within(place, decided) : outside(place, decided), 'mask');
  const { value, out } = aside(narrow(place, wanted, expr), expr.right);
  const result = keep(place, decided, 'kept');
  pushGuarded(place, wanted, [...out, { op: 'set', id: result.id, value: masks(operator, decided, value) }]);
  return result;
}

/** The lanes of a place where a condition holds, and those where it does not. */
export function within(place: Place, condition: VExpr): VExpr {
  return place.mask === null ? condition : masks('and', place.mask, condition);
}

export function outside(place: Place, condition: VExpr): VExpr {
  return place.mask === null ? not(condition) : masks('andNot', place.mask, condition);
}

/** The place for a part of an expression under a varying condition; sequences there keep what all other lanes have. */
function narrow(place: Place, mask: Mask, expr: Expr): Place {
  const preserve = hasSequence(expr) ? new Set(place.scope.fn.locals.keys()) : place.preserve;
  return { ...place, mask, preserve, parted: true, partedInBody: true };
}

function conditional(place: Place, expr: Expr & { op: 'conditional' }): VExpr {
  const condition = lowerExpression(place, expr.condition);
  if (isFree(expr.whenTrue) && isFree(expr.whenFalse))
    return select(condition, lowerExpression(place, expr.whenTrue), lowerExpression(place, expr.whenFalse));
  const decided = keep(place, condition, 'kept');
  if (!decided.varying) return uniformConditional(place, expr, decided);
  const result = place.scope.round.newVar(expr.type, true, 'kept');
  const yes = keep(place, within(place, decided), 'mask');
  const whenTrue = aside(narrow(place, yes, expr), expr.whenTrue);
  pushGuarded(place, yes, [...whenTrue.out, { op: 'set', id: result.id, value: spread(whenTrue.value) }]);
  const no = keep(place, outside(place, decided), 'mask');
  const whenFalse = aside(narrow(place, no, expr), expr.whenFalse);
  const value = select(decided, result, whenFalse.value);
  pushGuarded(place, no, [...whenFalse.out, { op: 'set', id: result.id, value }]);
  return result;
}

function uniformConditional(place: Place, expr: Expr & { op: 'conditional' }, condition: VExpr): VExpr {
  const [yes, no] = [aside(place, expr.whenTrue), aside(place, expr.whenFalse)];
  const varying = yes.value.varying || no.value.varying;
  const result = place.scope.round.newVar(expr.type, varying, 'kept');
  const branch = ({ value, out }: Aside): VStmt[] => [
    ...out,
    { op: 'set', id: result.id, value: varying ? spread(value) : value },
  ];
  place.out.push({ op: 'if', condition, then: branch(yes), else: branch(no) });
  return result;
}

/** The array with the helper's argument replaced by what the kernel gave. */
export function resolveArray(place: Place, array: ArrayRef): ArrayRef {
  if (array.kind !== 'arg') return array;
  const given = place.scope.arrays[array.arg];
  if (given === undefined) throw new Error(`argument ${array.arg} is not an array`);
  return given;
}

function resolveLength(place: Place, length: ArrayRef['length']): ArrayRef['length'] {
  if (length.kind !== 'arg') return length;
  const given = place.scope.arrays[length.arg];
  if (given === undefined) throw new Error(`argument ${length.arg} is not an array`);
  return given.length;
}

/** How lanes with this index lie, and the index an access of that kind has. */
export function accessOf(index: VExpr): { readonly access: Access; readonly index: VExpr } {
  const shape = shapeOf(index);
  if (index.op === 'lanes') return { access: 'unit', index: index.first };
  return { access: shape === 'uniform' ? 'uniform' : 'lanes', index };
}

function load(place: Place, expr: Load): VExpr {
  const { access, index } = accessOf(lowerExpression(place, expr.index));
  const loaded = place.scope.round.newVar(expr.type, access !== 'uniform', 'loaded');
  place.out.push({
    op: 'load',
    id: loaded.id,
    array: resolveArray(place, expr.array),
    access,
    index,
    mask: place.mask,
    check: expr.check,
  });
  return loaded;
}

function lowerAtomic(place: Place, expr: AtomicExpr, isUsed: boolean): VExpr {
  const operands = [expr.index, ...(expr.expected ? [expr.expected] : []), ...(expr.value ? [expr.value] : [])];
  const values = lowerInOrder(place, operands).map(spread);
  const old = place.scope.round.newVar(expr.type, true, 'old');
  place.out.push({
    op: 'atomic',
    id: isUsed ? old.id : null,
    operator: expr.operator,
    array: resolveArray(place, expr.array),
    index: values[0] ?? spread(literal('u32', 0)),
    expected: expr.expected === null ? null : (values[1] ?? null),
    value: expr.value === null ? null : (values.at(-1) ?? null),
    mask: place.mask,
    check: expr.check,
  });
  return old;
}

export function lowerEffect(place: Place, value: Expr | CallExpr): void {
  if (value.op === 'atomic') lowerAtomic(place, value, false);
  else if (value.op === 'call') place.scope.round.parts.call(place, value);
  else lowerExpression(place, value);
}
