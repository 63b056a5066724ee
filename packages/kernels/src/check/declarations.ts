import type { Expression, Pattern, VariableDeclarator } from 'acorn';
import type { Stmt } from '../ir/nodes.js';
import { Finding } from './diagnostics.js';
import type { Entity } from './entities.js';
import { newLocal } from './function-state.js';
import type { FunctionState } from './function-state.js';
import { memberOf, offsetOf, resolve } from './resolve.js';
import { callInto } from './results.js';
import { typed } from './values.js';

/** Declares what one declarator names: a local with a value, or another name for a parameter, list or array. */
export function declareVariable(f: FunctionState, node: VariableDeclarator, mutable: boolean): Stmt[] {
  const { id, init } = node;
  if (!init) {
    poison(f, id);
    throw new Finding(
      'initialiser',
      'a variable needs a value that gives its type, for example k.u32(0)',
      offsetOf(f, node),
    );
  }
  try {
    const called = callInto(f, init);
    const alias = called?.results ?? aliasOf(f, init);
    const before = called ? [called.stmt] : [];
    if (alias !== undefined && id.type === 'Identifier') {
      // Bundlers write let for const; an assignment to such a name is refused where it stands.
      return [...before, ...declareName(f, id.name, alias, offsetOf(f, id))];
    }
    if (id.type === 'ObjectPattern') {
      if (alias === undefined)
        throw new Finding(
          'unsupported',
          'only parameters, the context and results of helpers can be destructured',
          offsetOf(f, id),
        );
      return [...before, ...bindPattern(f, id, alias, mutable)];
    }
    if (id.type !== 'Identifier')
      throw new Finding('unsupported', 'array patterns are not part of the language', offsetOf(f, id));
    const value = f.lower.value(f, init);
    if (value.op === 'poly') {
      throw new Finding(
        'untyped-literal',
        `'${id.name}' gets no type from a bare literal; write k.u32(…), k.f64(…) or another cast around it`,
        offsetOf(f, init),
      );
    }
    const local = newLocal(f, id.name, value.type);
    declareName(f, id.name, { kind: 'local', name: id.name, local, type: value.type, mutable }, offsetOf(f, id));
    return [{ op: 'let', local, value, at: offsetOf(f, node) }];
  } catch (e) {
    poison(f, id);
    throw e;
  }
}

/** Binds the names of a pattern to members of an entity; also used for the function's own parameters. */
export function bindPattern(f: FunctionState, pattern: Pattern, entity: Entity, mutable = false): Stmt[] {
  const at = offsetOf(f, pattern);
  if (pattern.type === 'Identifier') return declareName(f, pattern.name, entity, at);
  if (pattern.type !== 'ObjectPattern')
    throw new Finding('unsupported', 'only plain names and { a, b } patterns may stand here', at);
  return pattern.properties.flatMap((property) => {
    if (property.type !== 'Property' || property.computed || property.key.type !== 'Identifier') {
      throw new Finding('unsupported', 'only plain names may stand in this pattern', offsetOf(f, property));
    }
    const member = memberOf(f, entity, property.key.name, offsetOf(f, property));
    if (entity.kind === 'results') return bindResult(f, property.value, member, mutable);
    if (member.kind === 'value' || member.kind === 'itemSlot') return copyMember(f, property.value, member);
    return bindPattern(f, property.value, member);
  });
}

/** A field of a result is a local already; a `let` gets a copy that can change. */
function bindResult(f: FunctionState, pattern: Pattern, member: Entity, mutable: boolean): Stmt[] {
  const at = offsetOf(f, pattern);
  if (pattern.type !== 'Identifier' || member.kind !== 'value')
    throw new Finding('unsupported', 'only plain names may stand in this pattern', at);
  if (!mutable) return declareName(f, pattern.name, member, at);
  const value = typed(member.value(at), undefined);
  const local = newLocal(f, pattern.name, value.type);
  declareName(f, pattern.name, { kind: 'local', name: pattern.name, local, type: value.type, mutable }, at);
  return [{ op: 'let', local, value, at }];
}

/** Names of inputs and uniforms stand for their value; the read happens at the use, which no write can come before. */
function copyMember(f: FunctionState, pattern: Pattern, member: Entity): Stmt[] {
  if (member.kind === 'itemSlot' && member.writable) {
    throw new Finding(
      'unsupported',
      `a field of an output cannot be destructured; write the record and its field`,
      offsetOf(f, pattern),
    );
  }
  return bindPattern(f, pattern, member);
}

function declareName(f: FunctionState, name: string, entity: Entity, at: number): Stmt[] {
  if (f.scope.declares(name)) throw new Finding('duplicate-name', `'${name}' is already declared in this block`, at);
  f.scope.declare(name, entity);
  return [];
}

/** An entity that is not a plain value, for `const lines = p.lines`. */
function aliasOf(f: FunctionState, init: Expression): Entity | undefined {
  if (init.type !== 'Identifier' && (init.type !== 'MemberExpression' || init.computed)) return undefined;
  const entity = resolve(f, init);
  return entity === undefined || entity.kind === 'value' || entity.kind === 'local' || entity.kind === 'itemSlot'
    ? undefined
    : entity;
}

/** Uses of these names report nothing: their declaration already did. */
function poison(f: FunctionState, pattern: Pattern): void {
  if (pattern.type === 'Identifier') f.scope.declare(pattern.name, undefined);
  if (pattern.type === 'ObjectPattern')
    for (const p of pattern.properties) if (p.type === 'Property') poison(f, p.value);
}
