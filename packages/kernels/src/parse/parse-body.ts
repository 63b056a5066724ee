import { parseExpressionAt } from 'acorn';
import type { ArrowFunctionExpression, FunctionExpression, Node } from 'acorn';
import { simplify } from './simplify.js';

export type BodyFunction = ArrowFunctionExpression | FunctionExpression;

/** A body as a tree. Its offsets minus `shift` are what the body's source locates. */
export interface ParsedBody {
  readonly shift: number;
  readonly fn: BodyFunction;
}

/** The text is not a function of the language; `offset` counts in the text of the function. */
export class BodySyntaxError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** Parses the text of a function: arrow, `function` expression or method. Never runs it. */
export function parseBody(text: string): ParsedBody {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) {
    throw new BodySyntaxError(
      'the body is a bound or built-in function, whose source JavaScript does not show; pass an arrow function',
      0,
    );
  }
  const fn = tryParse(text, 0);
  if (isFunction(fn)) return { shift: 0, fn: simplify(fn) };
  // A method (`{ body(k, p) { … } }.body`) only parses inside an object.
  const prefix = '({';
  const object = tryParse(`${prefix}${text}})`, prefix.length);
  const inner =
    object.type === 'ObjectExpression'
      ? (object as unknown as { properties: { value?: Node }[] }).properties[0]?.value
      : undefined;
  if (inner !== undefined && isFunction(inner)) return { shift: prefix.length, fn: simplify(inner) };
  throw new BodySyntaxError(
    'the body must be a function of the context and the parameters, such as (k, p) => { … }',
    0,
  );
}

function isFunction(node: Node): node is BodyFunction {
  return node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';
}

function tryParse(text: string, shift: number): Node {
  try {
    return parseExpressionAt(text, 0, { ecmaVersion: 2022 });
  } catch (e) {
    const { message, pos } = e as { message: string; pos?: number };
    throw new BodySyntaxError(message.replace(/ \(\d+:\d+\)$/, ''), Math.max(0, (pos ?? 0) - shift));
  }
}
