import type { BodyFunction } from '../parse/parse-body.js';

/** Offsets in the source text, in UTF-16 units as JavaScript counts them. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A call in a source file that makes a kernel or a helper. */
export interface DefinitionCall extends Span {
  /** The authoring function, by the name under which kernels exports it. */
  readonly callee: string;
  /** The body, where it is written in the call; else its running text must do. */
  readonly body: BodyFunction | undefined;
}

const AUTHORING: ReadonlySet<string> = new Set(['mapKernel', 'gridKernel', 'helper', 'raw', 'specialize']);

type Tree = Span & { readonly type: string } & Record<string, unknown>;

/**
 * The calls of authoring functions in a module: by name, under another name (`import { helper as fn }`) or through a
 * namespace (`import * as gpu`). `modules` are the specifiers the functions may come from.
 */
export function findDefinitions(program: Span, modules: ReadonlySet<string>): DefinitionCall[] {
  const root = program as Tree;
  const names = new Map<string, string>();
  const namespaces = new Set<string>();
  for (const statement of root['body'] as Tree[]) {
    if (statement.type !== 'ImportDeclaration' || !modules.has(String((statement['source'] as Tree)['value'])))
      continue;
    for (const specifier of statement['specifiers'] as Tree[]) {
      const local = nameOf(specifier['local'] as Tree);
      if (specifier.type === 'ImportNamespaceSpecifier') namespaces.add(local);
      else if (specifier.type === 'ImportSpecifier') names.set(local, nameOf(specifier['imported'] as Tree));
    }
  }
  if (names.size === 0 && namespaces.size === 0) return [];
  const calls: DefinitionCall[] = [];
  const calleeOf = (callee: Tree): string | undefined => {
    if (callee.type === 'Identifier') return names.get(nameOf(callee));
    if (callee.type !== 'MemberExpression' || callee['computed'] === true) return undefined;
    const object = callee['object'] as Tree;
    return object.type === 'Identifier' && namespaces.has(nameOf(object))
      ? nameOf(callee['property'] as Tree)
      : undefined;
  };
  const visit = (node: Tree): void => {
    for (const child of childrenOf(node)) visit(child);
    if (node.type !== 'CallExpression') return;
    const callee = calleeOf(plain(node['callee'] as Tree));
    if (callee === undefined || !AUTHORING.has(callee)) return;
    const third = (node['arguments'] as Tree[])[2];
    const body = third && plain(third);
    const { start, end } = node;
    calls.push({ callee, start, end, body: body && isFunction(body) ? (body as unknown as BodyFunction) : undefined });
  };
  visit(root);
  return calls;
}

function childrenOf(node: Tree): Tree[] {
  return Object.values(node).flatMap((child) =>
    Array.isArray(child) ? child.filter(isTree) : isTree(child) ? [child] : [],
  );
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** Without the type assertions and parentheses around it. */
function plain(node: Tree): Tree {
  const wrapped = /^(TS(As|Satisfies|NonNull|Instantiation)Expression|TSTypeAssertion|ParenthesizedExpression)$/;
  return wrapped.test(node.type) ? plain(node['expression'] as Tree) : node;
}

function nameOf(node: Tree): string {
  return String(node.type === 'Literal' ? node['value'] : node['name']);
}

function isFunction(node: Tree): boolean {
  return node.type === 'ArrowFunctionExpression' || node.type === 'FunctionExpression';
}
