import type { AssignmentExpression, Expression, Pattern, UpdateExpression } from 'acorn';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, ArrayRef, Expr, Stmt } from '../ir/nodes.js';
import { isImpure } from '../ir/walk.js';
import { Finding } from './diagnostics.js';
import { newLocal } from './function-state.js';
import type { FunctionState } from './function-state.js';
import { arithmetic, one } from './operators.js';
import { describe, indexExpr, offsetOf, resolve } from './resolve.js';
import { typed } from './values.js';

/** What can stand on the left of an assignment. */
export type Place =
  | { readonly kind: 'local'; readonly local: number; readonly type: DType; readonly name: string }
  | { readonly kind: 'item'; readonly slot: number; readonly type: DType; readonly name: string }
  | {
      readonly kind: 'element';
      readonly array: ArrayRef;
      readonly index: Expr;
      readonly type: DType;
      readonly name: string;
    };

const OPERATORS: Readonly<Record<string, ArithmeticOperator>> = {
  '++': 'add',
  '--': 'sub',
  '+=': 'add',
  '-=': 'sub',
  '*=': 'mul',
  '/=': 'div',
  '%=': 'rem',
  '&=': 'and',
  '|=': 'or',
  '^=': 'xor',
  '<<=': 'shl',
  '>>=': 'shr',
  '>>>=': 'ushr',
};

/** The arithmetic inside `+=`, `++` and so on; null for a plain `=`. */
export function operatorOfAssignment(symbol: string): ArithmeticOperator | null {
  return OPERATORS[symbol] ?? null;
}

export function placeOf(f: FunctionState, node: Pattern | Expression): Place {
  const at = offsetOf(f, node);
  if (node.type === 'MemberExpression' && node.computed) {
    const array = resolve(f, node.object);
    if (array?.kind === 'atomics')
      throw new Finding('read-only', `atomic '${array.param}' is written with k.atomicAdd and the other atomics`, at);
    if (array?.kind !== 'array') throw new Finding('not-a-value', 'only arrays can be indexed', at);
    if (!array.writable)
      throw new Finding('read-only', `${describe(array)} is an input; write to an output, inout or scratch array`, at);
    return {
      kind: 'element',
      array: array.array,
      index: indexExpr(f, node.property),
      type: array.array.dtype,
      name: array.param,
    };
  }
  if (node.type === 'ArrayPattern' || node.type === 'ObjectPattern')
    throw new Finding('unsupported', 'an assignment has one target; write one for each', at);
  const entity = node.type === 'Identifier' || node.type === 'MemberExpression' ? resolve(f, node) : undefined;
  if (entity?.kind === 'local') {
    if (!entity.mutable) throw new Finding('read-only', `'${entity.name}' is a const; declare it with let`, at);
    return { kind: 'local', local: entity.local, type: entity.type, name: `'${entity.name}'` };
  }
  if (entity?.kind === 'itemSlot') {
    if (!entity.writable)
      throw new Finding('read-only', `${describe(entity)} is an input; copy it into a let first`, at);
    return { kind: 'item', slot: entity.slot, type: entity.dtype, name: describe(entity) };
  }
  if (entity?.kind === 'record' && entity.fields.has('value')) {
    throw new Finding('read-only', `assign to ${entity.param}.value, not to ${entity.param}`, at);
  }
  throw new Finding(
    'read-only',
    `${entity ? describe(entity) : 'this'} cannot be assigned to; copy it into a let and assign to that`,
    at,
  );
}

export function lowerAssignment(f: FunctionState, node: AssignmentExpression): Stmt[] {
  const at = offsetOf(f, node);
  const operator = operatorOfAssignment(node.operator);
  if (operator === null && node.operator !== '=')
    throw new Finding(
      'unsupported',
      `\`${node.operator}\` is not part of the kernel language; write the whole assignment, with k.pow or an if`,
      at,
    );
  const place = placeOf(f, node.left);
  const value = typed(f.lower.value(f, node.right), place.type, `the value for ${place.name}`);
  return assign(f, place, operator, value, at);
}

export function lowerUpdate(f: FunctionState, node: UpdateExpression): Stmt[] {
  const at = offsetOf(f, node);
  const place = placeOf(f, node.argument);
  if (place.type === 'bool') throw new Finding('operator-type', `${node.operator} does not apply to bool`, at);
  return assign(f, place, operatorOfAssignment(node.operator), one(place.type, at), at);
}

/** Statements for `place operator= value`; evaluates the index before the value and once. */
export function assign(
  f: FunctionState,
  place: Place,
  operator: ArithmeticOperator | null,
  value: Expr,
  at: number,
): Stmt[] {
  switch (place.kind) {
    case 'local': {
      const current: Expr = { op: 'local', type: place.type, local: place.local, at };
      return [
        { op: 'set', local: place.local, value: operator ? arithmetic(operator, current, value, at) : value, at },
      ];
    }
    case 'item': {
      const current: Expr = { op: 'loadItem', type: place.type, slot: place.slot, at };
      return [
        { op: 'storeItem', slot: place.slot, value: operator ? arithmetic(operator, current, value, at) : value, at },
      ];
    }
    case 'element':
      return assignElement(f, place, operator, value, at);
  }
}

function assignElement(
  f: FunctionState,
  place: Place & { kind: 'element' },
  operator: ArithmeticOperator | null,
  value: Expr,
  at: number,
): Stmt[] {
  const { array, index } = place;
  if (operator === null) return [{ op: 'store', array, index, value, operator: null, check: true, at }];
  // Also checks the operator and turns >>> into >> on unsigned elements.
  const probe = arithmetic(operator, { op: 'load', type: array.dtype, array, index, check: true, at }, value, at);
  const resolved = probe.op === 'binary' ? (probe.operator as ArithmeticOperator) : operator;
  if (!isImpure(value)) return [{ op: 'store', array, index, value, operator: resolved, check: true, at }];
  // JavaScript reads the element before it evaluates a value that may change it.
  const [where, before] = [newLocal(f, 'index', index.type), newLocal(f, 'before', array.dtype)];
  const at_ = (local: number, type: DType): Expr => ({ op: 'local', type, local, at });
  return [
    { op: 'let', local: where, value: index, at },
    {
      op: 'let',
      local: before,
      value: { op: 'load', type: array.dtype, array, index: at_(where, index.type), check: true, at },
      at,
    },
    {
      op: 'store',
      array,
      index: at_(where, index.type),
      value: { op: 'binary', type: array.dtype, operator: resolved, left: at_(before, array.dtype), right: value, at },
      operator: null,
      check: true,
      at,
    },
  ];
}
