import type { CallExpression, Expression, ObjectExpression, SpreadElement } from 'acorn';
import { Finding } from './diagnostics.js';
import type { FunctionState } from './function-state.js';
import { offsetOf } from './resolve.js';

export function argumentsOf(f: FunctionState, node: CallExpression): Expression[] {
  return node.arguments.map((argument) => noSpread(f, argument));
}

function noSpread(f: FunctionState, node: Expression | SpreadElement): Expression {
  if (node.type === 'SpreadElement')
    throw new Finding('unsupported', 'spread is not part of the kernel language', offsetOf(f, node));
  return node;
}

export function exactly(name: string, args: Expression[], count: number, at: number): Expression[] {
  if (args.length !== count)
    throw new Finding('arguments', `${name} takes ${count} argument${count === 1 ? '' : 's'}, got ${args.length}`, at);
  return args;
}

/** The named values of an object literal, in source order. */
export function propertiesOf(f: FunctionState, node: ObjectExpression): Map<string, Expression> {
  const values = new Map<string, Expression>();
  for (const property of node.properties) {
    const at = offsetOf(f, property);
    if (property.type !== 'Property' || property.computed || property.kind !== 'init' || property.method) {
      throw new Finding('unsupported', 'only `name: value` may stand here', at);
    }
    const name =
      property.key.type === 'Identifier'
        ? property.key.name
        : property.key.type === 'Literal'
          ? String(property.key.value)
          : '';
    if (values.has(name)) throw new Finding('duplicate-name', `'${name}' is given twice`, at);
    values.set(name, property.value);
  }
  return values;
}
