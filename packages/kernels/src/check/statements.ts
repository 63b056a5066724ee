import type { CallExpression, Expression, ForStatement, Statement, VariableDeclaration } from 'acorn';
import type { Expr, Stmt } from '../ir/nodes.js';
import { lowerAssignment, lowerUpdate } from './assignments.js';
import { argumentsOf, propertiesOf } from './call-arguments.js';
import { lowerCall } from './calls.js';
import { Finding, Poisoned } from './diagnostics.js';
import { lowerCondition } from './expressions.js';
import { Scope } from './function-state.js';
import type { FunctionState } from './function-state.js';
import { declareVariable } from './declarations.js';
import { offsetOf, resolve } from './resolve.js';
import { lowerStructReturn } from './results.js';
import { typed } from './values.js';
import type { Growing } from './entities.js';

/** Statements of a block, in a scope of their own. */
export function lowerBlock(f: FunctionState, nodes: readonly Statement[]): Stmt[] {
  const outer = f.scope;
  f.scope = new Scope(outer);
  // Each statement is checked on its own, so that one run reports the findings of all.
  const lowered = nodes.flatMap((node) => f.kernel.diagnostics.guard(f.locate, () => lowerStatement(f, node)) ?? []);
  f.scope = outer;
  return lowered;
}

function blockOf(f: FunctionState, node: Statement | null | undefined): Stmt[] {
  if (!node) return [];
  return lowerBlock(f, node.type === 'BlockStatement' ? node.body : [node]);
}

function lowerStatement(f: FunctionState, node: Statement): Stmt[] {
  const at = offsetOf(f, node);
  switch (node.type) {
    case 'BlockStatement':
      return lowerBlock(f, node.body);
    case 'EmptyStatement':
      return [];
    case 'ExpressionStatement':
      return lowerEffects(f, node.expression);
    case 'VariableDeclaration':
      return lowerDeclaration(f, node);
    case 'IfStatement': {
      const test = f.kernel.diagnostics.guard(f.locate, () => {
        const { before, value } = effectsBefore(f, node.test);
        return { before, condition: lowerCondition(f, value) };
      });
      const then = blockOf(f, node.consequent);
      const otherwise = blockOf(f, node.alternate);
      const { before, condition } = known(test);
      return [...before, { op: 'if', condition, then, else: otherwise, at }];
    }
    case 'ForStatement':
      return lowerFor(f, node, at);
    case 'WhileStatement': {
      const condition = f.kernel.diagnostics.guard(f.locate, () => lowerLoopTest(f, node.test));
      const body = loopBody(f, node.body);
      return [
        { op: 'loop', test: 'before', condition: condition === undefined ? null : condition, body, update: [], at },
      ];
    }
    case 'DoWhileStatement': {
      const body = loopBody(f, node.body);
      return [{ op: 'loop', test: 'after', condition: lowerLoopTest(f, node.test), body, update: [], at }];
    }
    case 'BreakStatement':
    case 'ContinueStatement':
      if (node.label)
        throw new Finding(
          'label',
          'labels are not part of the language; use a flag or a helper with an early return',
          at,
        );
      if (f.loopDepth === 0) throw new Finding('syntax', 'there is no loop here', at);
      return [{ op: node.type === 'BreakStatement' ? 'break' : 'continue', at }];
    case 'ReturnStatement':
      return lowerReturn(f, node.argument ?? null, at);
    case 'LabeledStatement':
      throw new Finding(
        'label',
        'labels are not part of the language; use a flag or a helper with an early return',
        at,
      );
    default:
      throw new Finding('unsupported', WORDS[node.type] ?? `${node.type} is not part of the kernel language`, at);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  SwitchStatement: '`switch` is not part of the kernel language; use if and else',
  ForInStatement: '`for … in` is not part of the kernel language; count an index up to length',
  ForOfStatement: '`for … of` is not part of the kernel language; count an index up to length',
  TryStatement: 'nothing throws in a kernel; drop the `try`',
  ThrowStatement: 'a kernel cannot throw; write an output that tells the host, and return',
  FunctionDeclaration: 'a nested function is not part of the kernel language; make it a helper',
  ClassDeclaration: 'a class is not part of the kernel language; use locals and helpers',
  WithStatement: '`with` is not part of the kernel language; name the parameter',
  DebuggerStatement: 'a kernel does not run in a debugger; drop the statement',
};

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Poisoned();
  return value;
}

function lowerDeclaration(f: FunctionState, node: VariableDeclaration): Stmt[] {
  if (node.kind === 'var')
    throw new Finding('unsupported', '`var` is not part of the language; use let or const', offsetOf(f, node));
  return node.declarations.flatMap(
    (declarator) =>
      f.kernel.diagnostics.guard(f.locate, () => declareVariable(f, declarator, node.kind === 'let')) ?? [],
  );
}

function lowerFor(f: FunctionState, node: ForStatement, at: number): Stmt[] {
  const outer = f.scope;
  f.scope = new Scope(outer);
  const { diagnostics } = f.kernel;
  const before = diagnostics.guard(f.locate, () => {
    if (!node.init) return [];
    return node.init.type === 'VariableDeclaration' ? lowerDeclaration(f, node.init) : lowerEffects(f, node.init);
  });
  const { test, update } = node;
  const condition = test ? diagnostics.guard(f.locate, () => lowerLoopTest(f, test)) : null;
  const body = loopBody(f, node.body);
  const step = diagnostics.guard(f.locate, () => (update ? lowerEffects(f, update) : []));
  f.scope = outer;
  return [
    ...(before ?? []),
    { op: 'loop', test: 'before', condition: known(condition), body, update: known(step), at },
  ];
}

/** `while (true)` and `for (;;)` are the same loop. */
function lowerLoopTest(f: FunctionState, node: Expression): Expr | null {
  const condition = lowerCondition(f, node);
  return condition.op === 'literal' && condition.value === true ? null : condition;
}

function loopBody(f: FunctionState, node: Statement): Stmt[] {
  f.loopDepth++;
  const body = blockOf(f, node);
  f.loopDepth--;
  return body;
}

/** A return, or the expression that is the body of an arrow function. */
export function lowerReturn(f: FunctionState, argument: Expression | null, at: number): Stmt[] {
  const { returns } = f;
  if (returns === undefined) {
    if (argument === null || isVoid(argument)) return [{ op: 'return', values: [], at }];
    // Minifiers join the last statement and the return.
    if (JOINED_WITH_RETURN.has(argument.type)) {
      return [...lowerEffects(f, argument), { op: 'return', values: [], at }];
    }
    const fix = f.kind === 'helper' ? 'declare `returns` or return nothing' : 'write to an output parameter instead';
    throw new Finding('type-mismatch', `this function returns nothing; ${fix}`, at);
  }
  if (argument === null) {
    const what = returns.kind === 'scalar' ? returns.dtype : `{ ${Object.keys(returns.fields).join(', ')} }`;
    throw new Finding('missing-return', `this helper returns ${what}; give a value`, at);
  }
  const { before, value } = effectsBefore(f, argument);
  if (returns.kind === 'scalar')
    return [...before, { op: 'return', values: [typed(f.lower.value(f, value), returns.dtype, 'the result')], at }];
  if (value.type !== 'ConditionalExpression') return [...before, ...lowerStructReturn(f, value, returns, at)];
  const condition = lowerCondition(f, value.test);
  const then = lowerReturn(f, value.consequent, at);
  return [...before, { op: 'if', condition, then, else: lowerReturn(f, value.alternate, at), at }];
}

const JOINED_WITH_RETURN: ReadonlySet<string> = new Set([
  'SequenceExpression',
  'UnaryExpression',
  'AssignmentExpression',
  'UpdateExpression',
  'CallExpression',
]);

/** Minifiers put whole statements, branches too, before a condition or result: `if (a && b(), c)`. */
function effectsBefore(f: FunctionState, node: Expression): { readonly before: Stmt[]; readonly value: Expression } {
  if (node.type === 'ParenthesizedExpression') return effectsBefore(f, node.expression);
  const last = node.type === 'SequenceExpression' ? node.expressions.at(-1) : undefined;
  if (node.type !== 'SequenceExpression' || last === undefined) return { before: [], value: node };
  const before = node.expressions.slice(0, -1).flatMap((e) => lowerEffects(f, e));
  return { before, value: last };
}

export function isVoid(node: Expression): boolean {
  return (
    (node.type === 'UnaryExpression' && node.operator === 'void' && node.argument.type === 'Literal') ||
    (node.type === 'Identifier' && node.name === 'undefined')
  );
}

/** Statements of an expression evaluated for its effects, with the forms minifiers give to statements. */
export function lowerEffects(f: FunctionState, node: Expression): Stmt[] {
  const at = offsetOf(f, node);
  switch (node.type) {
    case 'ParenthesizedExpression':
      return lowerEffects(f, node.expression);
    case 'SequenceExpression':
      return node.expressions.flatMap((e) => lowerEffects(f, e));
    case 'LogicalExpression': {
      if (node.operator === '??') break;
      const condition = lowerCondition(f, node.left);
      const body = lowerEffects(f, node.right);
      return [
        { op: 'if', condition, then: node.operator === '&&' ? body : [], else: node.operator === '||' ? body : [], at },
      ];
    }
    case 'ConditionalExpression': {
      const condition = lowerCondition(f, node.test);
      return [
        { op: 'if', condition, then: lowerEffects(f, node.consequent), else: lowerEffects(f, node.alternate), at },
      ];
    }
    case 'UnaryExpression':
      if (node.operator === 'void') return isVoid(node) ? [] : lowerEffects(f, node.argument);
      break;
    case 'AssignmentExpression':
      return lowerAssignment(f, node);
    case 'UpdateExpression':
      return lowerUpdate(f, node);
    case 'CallExpression':
      return lowerCallStatement(f, node, at);
    case 'Literal':
      // A directive such as 'use strict'.
      if (typeof node.value === 'string') return [];
      break;
    default:
  }
  throw new Finding('unsupported', 'this statement has no effect; assign its value to something', at);
}

function lowerCallStatement(f: FunctionState, node: CallExpression, at: number): Stmt[] {
  const callee = resolve(f, node.callee);
  if (callee?.kind === 'push') return [lowerPush(f, callee.to, node, at)];
  if (callee?.kind === 'barrier') {
    if (node.arguments.length > 0) throw new Finding('arguments', 'k.barrier() takes no arguments', at);
    return [{ op: 'barrier', at }];
  }
  const call = lowerCall(f, node, at);
  if (call.op === 'call' || call.op === 'atomic') return [{ op: 'do', value: call, at }];
  throw new Finding('unsupported', 'this call has no effect; assign its value to something', at);
}

function lowerPush(f: FunctionState, to: Growing, node: CallExpression, at: number): Stmt {
  const [row] = argumentsOf(f, node);
  if (!row || node.arguments.length !== 1) throw new Finding('arguments', 'push takes one element', at);
  const slots = to.columns.map((column) => column.slot);
  const first = to.columns[0];
  if (to.bare && first) {
    return {
      op: 'push',
      list: to.slot,
      slots,
      values: [typed(f.lower.value(f, row), first.dtype, 'the pushed value')],
      at,
    };
  }
  const names = to.columns.map((column) => column.name);
  if (row.type !== 'ObjectExpression')
    throw new Finding('arguments', `push takes an object: { ${names.join(', ')} }`, offsetOf(f, row));
  const given = propertiesOf(f, row);
  for (const name of given.keys()) {
    if (!names.includes(name))
      throw new Finding(
        'unknown-member',
        `the element has no field '${name}'; it has ${names.join(', ')}`,
        offsetOf(f, row),
      );
  }
  // Fields are evaluated in the order of the element type.
  const values = to.columns.map((column) => {
    const value = given.get(column.name);
    if (value === undefined)
      throw new Finding('arguments', `push also needs the field '${column.name}'`, offsetOf(f, row));
    return typed(f.lower.value(f, value), column.dtype, `field '${column.name}'`);
  });
  return { op: 'push', list: to.slot, slots, values, at };
}
