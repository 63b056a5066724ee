import type { Node } from 'acorn';

type AnyNode = Node & Record<string, unknown>;

/**
 * Takes out of a body what tools put in and the language does not have: coverage counters (Istanbul), type assertions of
 * TypeScript, parentheses and the `(0, f)` of bundlers. Changes the tree in place; positions stay.
 */
export function simplify<N extends Node>(root: N): N {
  return simplified(root as AnyNode) as unknown as N;
}

function simplified(node: AnyNode): AnyNode {
  for (const key in node) {
    const child = node[key];
    if (Array.isArray(child)) node[key] = child.map((item: unknown) => (isNode(item) ? simplified(item) : item));
    else if (isNode(child)) node[key] = simplified(child);
  }
  return replacement(node);
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

function replacement(node: AnyNode): AnyNode {
  switch (node.type) {
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'TSInstantiationExpression':
      return node['expression'] as AnyNode;
    case 'SequenceExpression':
      return shortened(node);
    case 'UpdateExpression':
      return isCounter(node) ? nothing(node) : node;
    case 'ExpressionStatement':
      return isNothing(node['expression'] as AnyNode) ? { ...node, type: 'EmptyStatement' } : node;
    default:
      return node;
  }
}

function shortened(node: AnyNode): AnyNode {
  const parts = node['expressions'] as AnyNode[];
  const last = parts.at(-1);
  // What stands before the last has no value, so literals and what is left of counters do nothing there.
  const kept = parts.filter((part) => part === last || (!isNothing(part) && part.type !== 'Literal'));
  return kept.length === 1 && last ? last : { ...node, expressions: kept };
}

/**
 * `cov_1a2b().s[3]++` or `cov_1a2b().b[0][1]++`, also with the function renamed by a minifier: nothing in the language
 * calls a bare name, and a counter of that shape has no other meaning.
 */
function isCounter(node: AnyNode): boolean {
  let counters = node['argument'] as AnyNode;
  let indexes = 0;
  while (counters.type === 'MemberExpression' && counters['computed'] === true) {
    if (typeof (counters['property'] as AnyNode)['value'] !== 'number') return false;
    counters = counters['object'] as AnyNode;
    indexes++;
  }
  if (indexes === 0 || indexes > 2 || counters.type !== 'MemberExpression') return false;
  const owner = counters['object'] as AnyNode;
  const kind = (counters['property'] as AnyNode)['name'];
  if (kind !== 's' && kind !== 'f' && kind !== 'b' && kind !== 'bT') return false;
  if (owner.type === 'Identifier') return String(owner['name']).startsWith('cov_');
  return (
    owner.type === 'CallExpression' &&
    (owner['callee'] as AnyNode).type === 'Identifier' &&
    (owner['arguments'] as unknown[]).length === 0
  );
}

/** `void 0` in the place of a counter. */
function nothing({ start, end }: AnyNode): AnyNode {
  const argument = { type: 'Literal', value: 0, raw: '0', start, end };
  return { type: 'UnaryExpression', operator: 'void', prefix: true, argument, start, end };
}

function isNothing(node: AnyNode): boolean {
  return (
    node.type === 'UnaryExpression' && node['operator'] === 'void' && (node['argument'] as AnyNode).type === 'Literal'
  );
}
