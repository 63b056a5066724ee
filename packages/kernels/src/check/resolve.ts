import type { MemberExpression } from 'acorn';
import type { Axis, Expr, IdKind } from '../ir/nodes.js';
import { Finding } from './diagnostics.js';
import type { Entity } from './entities.js';
import type { FunctionState, Operand } from './function-state.js';
import { boolLiteral, literal } from './values.js';
import type { Lowered } from './values.js';

const INTRINSICS =
  'f32 f64 i32 u32 i64 u64 bool bitcast select min max clamp abs sqrt floor ceil trunc exp log sin cos pow fma popcount clz ctz'.split(
    ' ',
  );
const ATOMICS =
  'atomicAdd atomicMin atomicMax atomicAnd atomicOr atomicXor atomicLoad atomicStore atomicExchange atomicCompareExchange'.split(
    ' ',
  );
const GRID_IDS = ['global', 'globalSize', 'local', 'localSize', 'group', 'groupCount'] as const;

/** Members of the context, by what the function is. */
const MEMBERS = {
  map: ['item', 'constants', 'uses', ...INTRINSICS],
  grid: [...GRID_IDS, 'inRange', 'barrier', 'constants', 'uses', ...INTRINSICS, ...ATOMICS],
  helper: ['constants', 'uses', ...INTRINSICS],
} as const;

export function offsetOf(f: FunctionState, node: { readonly start: number }): number {
  return Math.max(0, node.start - f.shift);
}

/** What a name or member chain stands for; undefined where the node is neither. */
export function resolve(f: FunctionState, node: Operand): Entity | undefined {
  if (node.type === 'ParenthesizedExpression') return resolve(f, node.expression);
  if (node.type === 'Identifier') {
    if (node.name === 'undefined') return undefined;
    const entity = f.scope.find(node.name);
    if (entity === undefined) throw freeName(node.name, offsetOf(f, node));
    return entity;
  }
  return node.type === 'MemberExpression' ? resolveMember(f, node) : undefined;
}

/** What globals of JavaScript are called in a kernel. */
const GLOBALS: Readonly<Record<string, string>> = {
  Math: 'its functions are members of the context, for example k.sqrt(x), k.min(a, b) or k.pow(x, y)',
  Number: 'write k.f64(x) or another cast',
  BigInt: 'write k.i64(x) or k.u64(x)',
  Boolean: 'write k.bool(x) or a comparison',
  parseInt: 'write k.i32(x) or another cast',
  Atomics: 'write k.atomicAdd(array, index, x) and the like, on atomic parameters',
};

function freeName(name: string, at: number): Finding {
  const remedy = Object.hasOwn(GLOBALS, name)
    ? GLOBALS[name]
    : 'pass a value through `constants` and read k.constants.NAME, pass a function through `uses`, or declare it in the body';
  return new Finding('free-name', `'${name}' is not declared in the body; ${remedy}`, at);
}

function resolveMember(f: FunctionState, node: MemberExpression): Entity {
  if (node.optional)
    throw new Finding(
      'unsupported',
      'optional chaining is not part of the language; write a plain member',
      offsetOf(f, node),
    );
  const object = resolve(f, node.object);
  if (object === undefined)
    throw new Finding('unknown-member', 'only parameters and the context have members', offsetOf(f, node));
  if (node.computed) {
    if (object.kind !== 'array')
      throw new Finding('not-a-value', `${describe(object)} cannot be indexed`, offsetOf(f, node));
    throw new Finding('not-a-value', 'an array element is not a record', offsetOf(f, node));
  }
  if (node.property.type !== 'Identifier')
    throw new Finding('unsupported', 'private members are not part of the language', offsetOf(f, node));
  return memberOf(f, object, node.property.name, offsetOf(f, node.property));
}

/** A named member of an entity. */
export function memberOf(f: FunctionState, object: Entity, name: string, at: number): Entity {
  const unknown = (known: Iterable<string>): Finding =>
    new Finding(
      'unknown-member',
      `${describe(object)} has no member '${name}'; it has ${[...known].join(', ') || 'none'}`,
      at,
    );
  switch (object.kind) {
    case 'context':
      return contextMember(f, name, at, unknown);
    case 'constants': {
      const constant = Object.hasOwn(f.constants, name) ? f.constants[name] : undefined;
      if (constant === undefined) throw unknown(Object.keys(f.constants));
      return {
        kind: 'value',
        value: (use) => ({ op: 'literal', type: constant.dtype, value: constant.value, at: use }),
      };
    }
    case 'uses': {
      const definition = Object.hasOwn(f.uses, name) ? f.uses[name] : undefined;
      if (definition === undefined) throw unknown(Object.keys(f.uses));
      return { kind: 'helper', definition };
    }
    case 'params': {
      const entity = f.params.get(name);
      if (entity === undefined) throw unknown(f.params.keys());
      return entity;
    }
    case 'ids':
      if (name !== 'x' && name !== 'y' && name !== 'z') throw unknown(['x', 'y', 'z']);
      return { kind: 'value', value: (use) => idValue(f, object.which, name, use) };
    case 'results': {
      const field = object.fields.get(name);
      if (field === undefined) throw unknown(object.fields.keys());
      return { kind: 'value', value: (use) => ({ op: 'local', ...field, at: use }) };
    }
    case 'record': {
      const field = object.fields.get(name);
      if (field === undefined) throw unknown(object.fields.keys());
      return { kind: 'itemSlot', param: object.param, ...field, writable: object.writable };
    }
    case 'columns': {
      const array = object.columns.get(name);
      if (array !== undefined)
        return { kind: 'array', param: `${object.param}.${name}`, array, writable: object.writable };
      return listMember(object, name) ?? fail(unknown([...object.columns.keys(), 'length']));
    }
    case 'array':
      if (name === 'get') return { kind: 'get', of: object };
      if (name === 'length') return lengthOf(object);
      return listMember({ ...object, length: object.array.length }, name) ?? fail(unknown(['length', 'get']));
    case 'atomics':
      if (name !== 'length')
        throw new Finding(
          'unknown-member',
          `${describe(object)} is reached through k.atomicAdd and the other atomics`,
          at,
        );
      return lengthOf(object);
    default:
      throw new Finding('unknown-member', `${describe(object)} has no members`, at);
  }
}

function idValue(f: FunctionState, which: IdKind | 'localSize', axis: Axis, at: number): Expr {
  if (which !== 'localSize') return { op: 'id', which, type: 'u32', axis, at };
  const [x, y, z] = f.kernel.definition.workgroup ?? [1, 1, 1];
  return literal('u32', { x, y, z }[axis], at);
}

function lengthOf({ array, elements }: Entity & { readonly kind: 'array' | 'atomics' }): Entity {
  return {
    kind: 'value',
    value: (at) =>
      elements === undefined ? { op: 'length', type: 'u32', of: array.length, at } : literal('u32', elements, at),
  };
}

function fail(finding: Finding): never {
  throw finding;
}

function listMember(list: Pick<Entity & { kind: 'columns' }, 'length' | 'growing'>, name: string): Entity | undefined {
  const { length, growing } = list;
  if (name === 'length') return { kind: 'value', value: (use) => ({ op: 'length', type: 'u32', of: length, at: use }) };
  if (growing === undefined) return undefined;
  if (name === 'push') return { kind: 'push', to: growing };
  if (name === 'capacity') {
    return {
      kind: 'value',
      value: (use) => ({ op: 'length', type: 'u32', of: { kind: 'capacity', slot: growing.slot }, at: use }),
    };
  }
  return undefined;
}

function contextMember(
  f: FunctionState,
  name: string,
  at: number,
  unknown: (known: Iterable<string>) => Finding,
): Entity {
  const members: readonly string[] = MEMBERS[f.kind];
  if (name === 'barrier' && f.kind === 'helper')
    throw new Finding(
      'barrier',
      'barriers stand in the body of a kernel, not in helpers; return and call k.barrier() there',
      at,
    );
  if (!members.includes(name)) throw unknown(members);
  if (name === 'constants' || name === 'uses') return { kind: name };
  if (name === 'item') return { kind: 'value', value: (use) => ({ op: 'item', type: 'u32', at: use }) };
  const which = GRID_IDS.find((id) => id === name);
  if (which === undefined && name !== 'inRange' && name !== 'barrier') return { kind: 'intrinsic', name };
  const { workgroup, grid } = f.kernel.definition;
  const fullGroups = grid === 'full-groups';
  if (which === 'global' || which === 'globalSize') return { kind: 'ids', which };
  if (workgroup === undefined) {
    const rule = name === 'barrier' ? 'barrier' : 'workgroup';
    throw new Finding(rule, `k.${name} needs a workgroup; declare one beside params, for example workgroup: 256`, at);
  }
  if (which !== undefined) return { kind: 'ids', which };
  if (name === 'barrier') {
    if (!fullGroups)
      throw new Finding(
        'barrier',
        "k.barrier() needs every id of the group; declare grid: 'full-groups' beside params",
        at,
      );
    return { kind: 'barrier' };
  }
  return {
    kind: 'value',
    value: (use) => (fullGroups ? { op: 'inRange', type: 'bool', at: use } : boolLiteral(true, use)),
  };
}

/** An index of an array; a literal becomes u32. */
export function indexExpr(f: FunctionState, node: Operand): Expr {
  const lowered = f.lower.value(f, node);
  if (lowered.op === 'poly') return lowered.build('u32');
  if (lowered.type !== 'u32' && lowered.type !== 'i32') {
    throw new Finding('index-type', `an index must be u32 or i32 but is ${lowered.type}; write k.u32(…)`, lowered.at);
  }
  return lowered;
}

/** The value an entity has, for those that have one. */
export function valueOf(entity: Entity, at: number): Lowered {
  switch (entity.kind) {
    case 'value':
      return entity.value(at);
    case 'local':
      return { op: 'local', type: entity.type, local: entity.local, at };
    case 'itemSlot':
      return { op: 'loadItem', type: entity.dtype, slot: entity.slot, at };
    default:
      throw new Finding('not-a-value', `${describe(entity)} is not a value; ${remedyFor(entity)}`, at);
  }
}

function remedyFor(entity: Entity): string {
  if (entity.kind === 'atomics') return 'read an element with k.atomicLoad(…)';
  if (entity.kind === 'array' || entity.kind === 'columns') return 'index it';
  if (entity.kind === 'record' || entity.kind === 'results') return 'name one of its fields';
  if (
    entity.kind === 'intrinsic' ||
    entity.kind === 'helper' ||
    entity.kind === 'get' ||
    entity.kind === 'push' ||
    entity.kind === 'barrier'
  )
    return 'call it';
  return 'name one of its members';
}

export function describe(entity: Entity): string {
  switch (entity.kind) {
    case 'context':
      return 'the context';
    case 'intrinsic':
      return `k.${entity.name}`;
    case 'helper':
      return `helper '${entity.definition.name}'`;
    case 'results':
      return `the result of helper '${entity.helper}'`;
    case 'constants':
    case 'uses':
      return `k.${entity.kind}`;
    case 'params':
      return 'the parameters object';
    case 'ids':
      return `k.${entity.which}`;
    case 'get':
    case 'push':
      return `${entity.kind}()`;
    case 'barrier':
      return 'k.barrier';
    case 'local':
      return `'${entity.name}'`;
    case 'value':
      return 'this value';
    case 'record':
    case 'columns':
    case 'array':
    case 'atomics':
    case 'itemSlot':
      return `'${entity.param}'`;
  }
}
