import type { AssignmentExpression, BinaryExpression, UnaryExpression, UpdateExpression } from 'acorn';
import type { Expr, Stmt } from '../ir/nodes.js';
import { lowerAssignment, operatorOfAssignment, placeOf, assign } from './assignments.js';
import { lowerCall } from './calls.js';
import { Finding } from './diagnostics.js';
import { newLocal } from './function-state.js';
import type { FunctionState, Operand } from './function-state.js';
import { ARITHMETIC, COMPARE, arithmetic, isFloat, isInteger, one, zero } from './operators.js';
import { indexExpr, offsetOf, resolve, valueOf } from './resolve.js';
import { boolLiteral, combine, polyArithmetic, polyLiteral, typed, unify } from './values.js';
import type { Lowered } from './values.js';

/** Checks an expression and gives its typed form, or a literal form that takes its type from the surroundings. */
export function lowerValue(f: FunctionState, node: Operand): Lowered {
  const at = offsetOf(f, node);
  switch (node.type) {
    case 'ParenthesizedExpression':
      return lowerValue(f, node.expression);
    case 'Literal':
      if (typeof node.value === 'boolean') return boolLiteral(node.value, at);
      if (typeof node.value === 'number' || typeof node.value === 'bigint') return polyLiteral(node.value, at);
      throw new Finding(
        'unsupported',
        'strings, regular expressions and null are not values here; use numbers or booleans',
        at,
      );
    case 'Identifier':
      if (node.name === 'NaN' || node.name === 'Infinity') return polyLiteral(node.name === 'NaN' ? NaN : Infinity, at);
      return entityValue(f, node, at);
    case 'MemberExpression': {
      if (!node.computed) return entityValue(f, node, at);
      const array = resolve(f, node.object);
      if (array?.kind === 'atomics')
        throw new Finding('not-a-value', `atomic '${array.param}' is read with k.atomicLoad(…)`, at);
      if (array?.kind !== 'array') throw new Finding('not-a-value', 'only arrays can be indexed', at);
      return {
        op: 'load',
        type: array.array.dtype,
        array: array.array,
        index: indexExpr(f, node.property),
        check: true,
        at,
      };
    }
    case 'UnaryExpression':
      return lowerUnary(f, node, at);
    case 'BinaryExpression':
      return lowerBinary(f, node, at);
    case 'LogicalExpression': {
      if (node.operator === '??')
        throw new Finding('unsupported', 'nothing is null or undefined here; drop the ??', at);
      const [left, right] = [lowerCondition(f, node.left), lowerCondition(f, node.right)];
      return { op: 'logical', type: 'bool', operator: node.operator === '&&' ? 'and' : 'or', left, right, at };
    }
    case 'ConditionalExpression': {
      const condition = lowerCondition(f, node.test);
      return combine([lowerValue(f, node.consequent), lowerValue(f, node.alternate)], at, ([whenTrue, whenFalse]) => {
        if (!whenTrue || !whenFalse) throw new Error('two branches');
        return { op: 'conditional', type: whenTrue.type, condition, whenTrue, whenFalse, at };
      });
    }
    case 'CallExpression': {
      const call = lowerCall(f, node, at);
      if (call.op === 'call' && call.type === null) {
        const message =
          f.kernel.helpers[call.helper]?.results.length === 0
            ? 'this helper returns nothing; call it as a statement'
            : 'this helper has several results; write const r = k.uses.name({…}) and read its fields';
        throw new Finding('not-a-value', message, at);
      }
      if (call.op === 'atomic' && call.operator === 'store')
        throw new Finding('not-a-value', 'k.atomicStore gives no value; write it as a statement', at);
      return call as Lowered;
    }
    case 'SequenceExpression': {
      const value = node.expressions.at(-1);
      if (value === undefined) throw new Finding('syntax', 'empty sequence', at);
      const body = node.expressions.slice(0, -1).flatMap((e) => f.lower.effects(f, e));
      if (body.some((s) => s.op === 'if' || s.op === 'push' || s.op === 'barrier'))
        throw new Finding(
          'unsupported',
          'a branch, push or barrier inside an expression; write it as a statement before this one',
          at,
        );
      return sequence(body, lowerValue(f, value), at);
    }
    case 'AssignmentExpression':
      return lowerAssignmentValue(f, node, at);
    case 'UpdateExpression':
      return lowerUpdateValue(f, node, at);
    default:
      throw new Finding('unsupported', WORDS[node.type] ?? `${node.type} is not part of the kernel language`, at);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ArrowFunctionExpression: 'a nested function is not part of the kernel language; make it a helper',
  FunctionExpression: 'a nested function is not part of the kernel language; make it a helper',
  ArrayExpression: 'nothing is allocated in a kernel; use scratch or shared memory instead of an array literal',
  ObjectExpression:
    'nothing is allocated in a kernel; objects only stand as arguments of push and helpers and as results',
  TemplateLiteral: 'strings are not part of the kernel language; use numbers',
  TaggedTemplateExpression: 'strings are not part of the kernel language; use numbers',
  NewExpression: 'nothing is allocated in a kernel; use scratch or shared memory instead of `new`',
  YieldExpression: '`yield` is not part of the kernel language; write to an output',
  ThisExpression: '`this` is not part of the kernel language; use the context and the parameters',
  ClassExpression: 'a class is not part of the kernel language; use locals and helpers',
  ChainExpression: 'optional chaining is not part of the kernel language; write a plain member',
  ImportExpression: '`import` is not part of the kernel language; use helpers',
  MetaProperty: '`import.meta` is not part of the kernel language; use constants',
};

const OPERATORS: Readonly<Record<string, string>> = {
  '**': 'write k.pow(x, y), or a product',
  '+': 'write k.f64(x) or another cast',
  in: 'nothing has keys here',
  instanceof: 'types are known when the kernel is compiled',
  typeof: 'types are known when the kernel is compiled',
  delete: 'nothing can be deleted here',
  void: 'write the expression as a statement',
};

/** The finding for an operator of JavaScript that the language leaves out. */
function unknownOperator(operator: string, at: number): Finding {
  const fix = OPERATORS[operator];
  return new Finding('unsupported', `\`${operator}\` is not part of the kernel language${fix ? `; ${fix}` : ''}`, at);
}

function entityValue(f: FunctionState, node: Operand, at: number): Lowered {
  const entity = resolve(f, node);
  if (entity === undefined) throw new Finding('not-a-value', 'undefined is not a value here', at);
  return valueOf(entity, at);
}

export function lowerCondition(f: FunctionState, node: Operand): Expr {
  const lowered = lowerValue(f, node);
  // Minifiers write `x & 1` for `(x & 1) !== 0`.
  if (lowered.op !== 'poly' && isInteger(lowered.type) && isBitOperation(node)) {
    const { type, at } = lowered;
    return { op: 'binary', type: 'bool', operator: 'ne', left: lowered, right: zero(type, at), at };
  }
  if (lowered.op === 'poly' || lowered.type !== 'bool') {
    const is = lowered.op === 'poly' ? 'a literal' : lowered.type;
    throw new Finding(
      'condition-type',
      `a condition must be bool but is ${is}; compare it, for example with !== 0`,
      lowered.at,
    );
  }
  return lowered;
}

function isBitOperation(node: Operand): boolean {
  if (node.type === 'UnaryExpression') return node.operator === '~';
  return node.type === 'BinaryExpression' && ['&', '|', '^', '<<', '>>', '>>>'].includes(node.operator);
}

function lowerUnary(f: FunctionState, node: UnaryExpression, at: number): Lowered {
  const { operator, argument } = node;
  if (operator === '!') {
    // Minifiers write true and false as !0 and !1.
    if (argument.type === 'Literal' && (argument.value === 0 || argument.value === 1))
      return boolLiteral(argument.value === 0, at);
    return { op: 'unary', type: 'bool', operator: 'not', value: lowerCondition(f, argument), at };
  }
  if (operator === '-') {
    const operand = lowerValue(f, argument);
    if (operand.op === 'poly' && operand.constant !== undefined) return polyLiteral(-operand.constant, at);
    return combine([operand], at, ([value]) => unary('neg', value, 'bool', at));
  }
  if (operator === '~') {
    const operand = lowerValue(f, argument);
    if (operand.op === 'poly' && operand.constant !== undefined) return polyLiteral(~operand.constant, at);
    return combine([operand], at, ([value]) => unary('bitnot', value, 'float or bool', at));
  }
  throw unknownOperator(operator, at);
}

function unary(
  operator: 'neg' | 'bitnot',
  value: Expr | undefined,
  refused: 'bool' | 'float or bool',
  at: number,
): Expr {
  if (value === undefined) throw new Error('one operand');
  if (value.type === 'bool' || (refused !== 'bool' && isFloat(value.type))) {
    throw new Finding('operator-type', `${operator === 'neg' ? '-' : '~'} does not apply to ${value.type}`, at);
  }
  // A literal stays a literal, so that -(-5) and ~0 read as numbers in every output.
  return { op: 'unary', type: value.type, operator, value, at };
}

function lowerBinary(f: FunctionState, node: BinaryExpression, at: number): Lowered {
  const compare = COMPARE[node.operator];
  const operator = ARITHMETIC[node.operator];
  if (compare === undefined && operator === undefined) throw unknownOperator(node.operator, at);
  const left = lowerValue(f, node.left);
  const right = lowerValue(f, node.right);
  if (compare !== undefined) {
    const [a, b] = unify(left, right, undefined, at);
    if (a.type === 'bool' && compare !== 'eq' && compare !== 'ne')
      throw new Finding('operator-type', 'bool has no order; use === or !==', at);
    return { op: 'binary', type: 'bool', operator: compare, left: a, right: b, at };
  }
  const constant = polyArithmetic(node.operator, left, right, at);
  if (constant !== undefined) return constant;
  return combine([left, right], at, ([a, b]) => {
    if (!a || !b || operator === undefined) throw new Error('two operands');
    return arithmetic(operator, a, b, at);
  });
}

/** `x = v` and `x += v` as values: only for locals, whose new value they are. */
function lowerAssignmentValue(f: FunctionState, node: AssignmentExpression, at: number): Lowered {
  const place = placeOf(f, node.left);
  if (place.kind !== 'local')
    throw new Finding('unsupported', 'only assignments to locals have a value; write this one as a statement', at);
  const body = lowerAssignment(f, node);
  return sequence(body, { op: 'local', type: place.type, local: place.local, at }, at);
}

function lowerUpdateValue(f: FunctionState, node: UpdateExpression, at: number): Lowered {
  const place = placeOf(f, node.argument);
  if (place.kind !== 'local')
    throw new Finding('unsupported', `only ${node.operator} of a local has a value; write this one as a statement`, at);
  const current: Expr = { op: 'local', type: place.type, local: place.local, at };
  const step = assign(f, place, operatorOfAssignment(node.operator), one(place.type, at), at);
  if (node.prefix) return sequence(step, current, at);
  const before = newLocal(f, 'before', place.type);
  return sequence([{ op: 'let', local: before, value: current, at }, ...step], { ...current, local: before }, at);
}

function sequence(body: readonly Stmt[], value: Lowered, at: number): Lowered {
  if (value.op === 'poly')
    return { op: 'poly', at, build: (type) => ({ op: 'sequence', type, body, value: typed(value, type), at }) };
  return { op: 'sequence', type: value.type, body, value, at };
}
