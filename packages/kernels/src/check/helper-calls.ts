import type { CallExpression, Expression } from 'acorn';
import { columnsOf } from '@gpu-bridge/abstractions';
import type { ArrayArg, ColumnsArg, HelperDefinition } from '@gpu-bridge/abstractions';
import type { ArrayRef, CallArg, CallExpr } from '../ir/nodes.js';
import { argumentsOf, propertiesOf } from './call-arguments.js';
import { Finding, Poisoned } from './diagnostics.js';
import type { Entity } from './entities.js';
import type { FunctionState } from './function-state.js';
import { describe, offsetOf, resolve } from './resolve.js';
import { typed } from './values.js';

/** `k.uses.name({ … })`. */
export function lowerHelperCall(
  f: FunctionState,
  definition: HelperDefinition,
  node: CallExpression,
  at: number,
): CallExpr {
  const helper = f.lower.helper(f, definition, at);
  const [object] = argumentsOf(f, node);
  if (object?.type !== 'ObjectExpression' || node.arguments.length !== 1) {
    throw new Finding(
      'arguments',
      `helper '${definition.name}' takes one object of named arguments: { ${Object.keys(definition.args).join(', ')} }`,
      at,
    );
  }
  const given = propertiesOf(f, object);
  for (const name of given.keys()) {
    if (!Object.hasOwn(definition.args, name))
      throw new Finding('arguments', `helper '${definition.name}' has no argument '${name}'`, at);
  }
  // Arguments are evaluated in the order the helper declares them.
  const args = Object.entries(definition.args).flatMap(([name, declared]): CallArg[] => {
    const value = given.get(name);
    if (value === undefined) throw new Finding('arguments', `helper '${definition.name}' also needs '${name}'`, at);
    if (declared.kind === 'scalar')
      return [{ kind: 'scalar', value: typed(f.lower.value(f, value), declared.dtype, `argument '${name}'`) }];
    const arrays =
      declared.kind === 'array' ? [arrayArg(f, name, declared, value)] : columnsArg(f, name, declared, value);
    return arrays.map((array) => ({ kind: 'array', array }));
  });
  // After the arguments, so that a helper with findings still has its calls checked.
  if (helper === undefined) throw new Poisoned();
  const type = definition.returns?.kind === 'scalar' ? definition.returns.dtype : null;
  return { op: 'call', type, helper, args, at };
}

function arrayArg(f: FunctionState, name: string, { dtype, writable }: ArrayArg, node: Expression): ArrayRef {
  const at = offsetOf(f, node);
  const entity = resolve(f, node);
  if (entity?.kind !== 'array') throw new Finding('arguments', `argument '${name}' must be an array of ${dtype}`, at);
  if (entity.array.dtype !== dtype) {
    const message = `argument '${name}' must be an array of ${dtype} but is one of ${entity.array.dtype}`;
    throw new Finding('type-mismatch', message, at);
  }
  if (writable && !entity.writable) throw writesInput(name, entity, at);
  return entity.array;
}

/** One array for each column that the helper declares; the list may have more. */
function columnsArg(f: FunctionState, name: string, { type, writable }: ColumnsArg, node: Expression): ArrayRef[] {
  const at = offsetOf(f, node);
  const entity = resolve(f, node);
  const wanted = columnsOf(type);
  if (entity?.kind !== 'columns') {
    const fields = wanted.map((column) => column.name).join(', ');
    throw new Finding('arguments', `argument '${name}' must be a list or array of structs with ${fields}`, at);
  }
  if (writable && !entity.writable) throw writesInput(name, entity, at);
  return wanted.map((column) => {
    const array = entity.columns.get(column.name);
    if (array?.dtype !== column.dtype) {
      const has = array ? `is ${array.dtype}` : 'is missing';
      throw new Finding(
        'type-mismatch',
        `argument '${name}' needs a column '${column.name}' of ${column.dtype}, which ${has} in ${describe(entity)}`,
        at,
      );
    }
    return array;
  });
}

function writesInput(name: string, entity: Entity, at: number): Finding {
  return new Finding('read-only', `the helper writes '${name}', but ${describe(entity)} is an input`, at);
}
