import { columnsOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, DType, HelperDefinition, KernelDefinition, KernelParam } from '@gpu-bridge/abstractions';
import type { ArrayRef, IdKind, LengthRef } from '../ir/nodes.js';
import type { Lowered } from './values.js';

/** The growing side of a ragged output: its counts slot and its columns. */
export interface Growing {
  readonly slot: number;
  readonly columns: readonly { readonly name: string; readonly slot: number; readonly dtype: DType }[];
  readonly bare: boolean;
}

interface ResultLocal {
  readonly local: number;
  readonly type: DType;
}

interface ItemColumn {
  readonly slot: number;
  readonly dtype: DType;
}

/** What a name or member can stand for. Only some of these are values. */
export type Entity =
  | { readonly kind: 'context' | 'constants' | 'uses' | 'params' | 'barrier' }
  | { readonly kind: 'intrinsic'; readonly name: string }
  | { readonly kind: 'helper'; readonly definition: HelperDefinition }
  | { readonly kind: 'ids'; readonly which: IdKind | 'localSize' }
  /** The item's own scalars of one parameter, by field; a scalar output has the field `value`. */
  | {
      readonly kind: 'record';
      readonly param: string;
      readonly fields: ReadonlyMap<string, ItemColumn>;
      readonly writable: boolean;
    }
  /** Columns of one length: a list, or a grid array of structs. */
  | {
      readonly kind: 'columns';
      readonly param: string;
      readonly columns: ReadonlyMap<string, ArrayRef>;
      readonly length: LengthRef;
      readonly writable: boolean;
      readonly growing?: Growing;
    }
  | {
      readonly kind: 'array';
      readonly param: string;
      readonly array: ArrayRef;
      readonly writable: boolean;
      readonly growing?: Growing;
      /** Elements, where the declaration says how many. */
      readonly elements?: number;
    }
  | { readonly kind: 'atomics'; readonly param: string; readonly array: ArrayRef; readonly elements?: number }
  /** Several results of a helper, in locals. */
  | { readonly kind: 'results'; readonly helper: string; readonly fields: ReadonlyMap<string, ResultLocal> }
  | { readonly kind: 'get'; readonly of: Entity & { readonly kind: 'array' } }
  | { readonly kind: 'push'; readonly to: Growing }
  | {
      readonly kind: 'itemSlot';
      readonly param: string;
      readonly slot: number;
      readonly dtype: DType;
      readonly writable: boolean;
    }
  | {
      readonly kind: 'local';
      readonly name: string;
      readonly local: number;
      readonly type: DType;
      readonly mutable: boolean;
    }
  | { readonly kind: 'value'; readonly value: (at: number) => Lowered };

/** What each parameter of a kernel is inside its body. */
export function entitiesOfParams(definition: KernelDefinition, slots: readonly ArgumentSlot[]): Map<string, Entity> {
  const entities = new Map<string, Entity>();
  for (const [name, param] of Object.entries(definition.params)) {
    const first = slots.findIndex((slot) => slot.param === name);
    entities.set(name, definition.kind === 'map' ? mapEntity(name, param, first) : gridEntity(name, param, first));
  }
  for (const [position, [name, declared]] of Object.entries(definition.shared ?? {}).entries()) {
    const { dtype, atomic, length: elements } = declared;
    const length: LengthRef = { kind: 'shared', shared: position };
    const array: ArrayRef = { kind: 'shared', shared: position, length, dtype };
    entities.set(
      name,
      atomic
        ? { kind: 'atomics', param: name, array, elements }
        : { kind: 'array', param: name, array, writable: true, elements },
    );
  }
  return entities;
}

function mapEntity(param: string, declaration: KernelParam, slot: number): Entity {
  const { role, type } = declaration;
  if (role === 'uniform') return uniformEntity(declaration.type.dtype, slot);
  if (role === 'scratch') {
    const array: ArrayRef = { kind: 'scratch', slot, length: { kind: 'scratch', slot }, dtype: declaration.type.dtype };
    return { kind: 'array', param, array, writable: true };
  }
  const writable = role !== 'input';
  if (type.kind === 'ragged') {
    const kind = writable ? 'outList' : 'list';
    const length: LengthRef = { kind, slot };
    const columns = columnsOf(type.element).map((c, i) => ({ ...c, slot: slot + 1 + i }));
    const growing = writable ? { growing: { slot, columns, bare: type.element.kind === 'scalar' } } : {};
    const arrays = columns.map((c): [string, ArrayRef] => [c.name, { kind, slot: c.slot, length, dtype: c.dtype }]);
    const bare = arrays[0]?.[1];
    if (type.element.kind === 'scalar' && bare) return { kind: 'array', param, array: bare, writable, ...growing };
    return { kind: 'columns', param, columns: new Map(arrays), length, writable, ...growing };
  }
  if (type.kind === 'scalar' && !writable) return { kind: 'itemSlot', param, slot, dtype: type.dtype, writable };
  return {
    kind: 'record',
    param,
    fields: new Map(columnsOf(type).map((c, i) => [c.name, { slot: slot + i, dtype: c.dtype }])),
    writable,
  };
}

function gridEntity(param: string, declaration: KernelParam, slot: number): Entity {
  const { role, type } = declaration;
  if (role === 'uniform') return uniformEntity(declaration.type.dtype, slot);
  if (type.kind === 'ragged') throw new Error(`${param}: ragged parameters belong to map kernels`);
  const length: LengthRef = { kind: 'column', slot };
  const columns = columnsOf(type).map((c, i): [string, ArrayRef] => [
    c.name,
    { kind: 'column', slot: slot + i, length, dtype: c.dtype },
  ]);
  const bare = columns[0]?.[1];
  if (type.kind === 'scalar' && bare) {
    return role === 'atomic'
      ? { kind: 'atomics', param, array: bare }
      : { kind: 'array', param, array: bare, writable: role !== 'input' };
  }
  return { kind: 'columns', param, columns: new Map(columns), length, writable: role !== 'input' };
}

function uniformEntity(dtype: DType, slot: number): Entity {
  return { kind: 'value', value: (at) => ({ op: 'uniform', type: dtype, slot, at }) };
}
