import type { Expression } from 'acorn';
import { columnsOf } from '@gpu-bridge/abstractions';
import type { StructType } from '@gpu-bridge/abstractions';
import type { Expr, Stmt } from '../ir/nodes.js';
import { propertiesOf } from './call-arguments.js';
import { lowerHelperCall } from './helper-calls.js';
import { Finding } from './diagnostics.js';
import type { Entity } from './entities.js';
import { newLocal } from './function-state.js';
import type { FunctionState } from './function-state.js';
import { offsetOf, resolve } from './resolve.js';
import { typed } from './values.js';

type Results = Entity & { readonly kind: 'results' };

/** A call of a helper with several results: the statement that makes them, and what they are then. */
export interface CalledInto {
  readonly results: Results;
  readonly stmt: Stmt;
}

/** Undefined where the expression is no call of a helper with several results. */
export function callInto(f: FunctionState, node: Expression): CalledInto | undefined {
  if (node.type === 'ParenthesizedExpression') return callInto(f, node.expression);
  if (node.type !== 'CallExpression') return undefined;
  const callee = resolve(f, node.callee);
  if (callee?.kind !== 'helper' || callee.definition.returns?.kind !== 'struct') return undefined;
  const at = offsetOf(f, node);
  const call = lowerHelperCall(f, callee.definition, node, at);
  const { name, returns } = callee.definition;
  const fields = new Map(
    columnsOf(returns).map((c) => [c.name, { local: newLocal(f, c.name, c.dtype), type: c.dtype }]),
  );
  const locals = [...fields.values()].map((field) => field.local);
  return { results: { kind: 'results', helper: name, fields }, stmt: { op: 'callInto', locals, call, at } };
}

/** `return { x, y }`, the result of another helper, or a record of results that has the same fields. */
export function lowerStructReturn(f: FunctionState, node: Expression, returns: StructType, at: number): Stmt[] {
  const columns = columnsOf(returns);
  const names = columns.map((column) => column.name).join(', ');
  const called = callInto(f, node);
  const record = called?.results ?? resolve(f, node);
  let value: (name: string) => Expr | undefined;
  if (node.type === 'ObjectExpression') {
    const given = propertiesOf(f, node);
    for (const name of given.keys()) {
      if (!Object.hasOwn(returns.fields, name))
        throw new Finding('unknown-member', `the result has no field '${name}'; it has ${names}`, offsetOf(f, node));
    }
    // Fields are evaluated in the order of the struct.
    const values = new Map(
      columns.flatMap(({ name, dtype }): [string, Expr][] => {
        const field = given.get(name);
        return field ? [[name, typed(f.lower.value(f, field), dtype, `field '${name}'`)]] : [];
      }),
    );
    value = (name) => values.get(name);
  } else if (record?.kind === 'results') {
    value = (name) => {
      const field = record.fields.get(name);
      return field && { op: 'local', ...field, at };
    };
  } else {
    throw new Finding(
      'type-mismatch',
      `this helper returns { ${names} }; return an object with these fields`,
      offsetOf(f, node),
    );
  }
  const values = columns.map(({ name, dtype }) => {
    const found = value(name);
    if (found === undefined)
      throw new Finding('arguments', `the result also needs the field '${name}'`, offsetOf(f, node));
    return typed(found, dtype, `field '${name}'`);
  });
  return [...(called ? [called.stmt] : []), { op: 'return', values, at }];
}
