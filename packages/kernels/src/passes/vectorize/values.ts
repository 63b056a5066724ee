import type { DType } from '@gpu-bridge/abstractions';
import type { BinaryOperator } from '../../ir/nodes.js';
import type { Shape } from './instance.js';
import type { VExpr } from './vector-form.js';
import { operandsOfValue } from './walk-vector.js';

export function variable(type: DType, varying: boolean, id: number): VExpr & { op: 'var' } {
  return { op: 'var', type, varying, id };
}

export function literal(type: DType, value: number | bigint | boolean): VExpr {
  return { op: 'leaf', type, varying: false, expr: { op: 'literal', type, value, at: 0 } };
}

/** A value for lanes; uniform ones are repeated. */
export function spread(value: VExpr): VExpr {
  return value.varying ? value : { op: 'splat', type: value.type, varying: true, value };
}

export function shapeOf(value: VExpr): Shape {
  if (value.op === 'lanes') return 'linear';
  return value.varying ? 'varying' : 'uniform';
}

export const ALL_LANES: VExpr = spread(literal('bool', true));

export function masks(operator: 'and' | 'or' | 'andNot', left: VExpr, right: VExpr): VExpr {
  const varying = left.varying || right.varying;
  if (!varying) return { op: 'mask', type: 'bool', varying, operator, left, right };
  return { op: 'mask', type: 'bool', varying, operator, left: spread(left), right: spread(right) };
}

export function not(value: VExpr): VExpr {
  return { op: 'unary', type: 'bool', varying: value.varying, operator: 'not', value };
}

export function any(mask: VExpr): VExpr {
  return { op: 'any', type: 'bool', varying: false, mask };
}

export function select(condition: VExpr, whenTrue: VExpr, whenFalse: VExpr): VExpr {
  const { type } = whenTrue;
  const varying = condition.varying || whenTrue.varying || whenFalse.varying;
  if (!varying) return { op: 'select', type, varying, condition, whenTrue, whenFalse };
  return {
    op: 'select',
    type,
    varying,
    condition: spread(condition),
    whenTrue: spread(whenTrue),
    whenFalse: spread(whenFalse),
  };
}

/** Sums of ids and uniform values stay `lanes`: that is what makes accesses `unit`. */
export function binary(operator: BinaryOperator, type: DType, left: VExpr, right: VExpr): VExpr {
  if (!left.varying && !right.varying) return { op: 'binary', type, varying: false, operator, left, right };
  if (left.op === 'lanes' && !right.varying && (operator === 'add' || operator === 'sub'))
    return { ...left, first: binary(operator, type, left.first, right) };
  if (right.op === 'lanes' && !left.varying && operator === 'add')
    return { ...right, first: binary(operator, type, left, right.first) };
  return { op: 'binary', type, varying: true, operator, left: spread(left), right: spread(right) };
}

export function convert(op: 'cast' | 'bitcast', type: DType, value: VExpr): VExpr {
  const isIndex = type === 'u32' || type === 'i32';
  if (value.op === 'lanes' && isIndex) return { ...value, type, first: convert(op, type, value.first) };
  return value.type === type ? value : { op, type, varying: value.varying, value };
}

/** Nodes of a value, to tell cheap ones. */
export function sizeOfValue(value: VExpr): number {
  return operandsOfValue(value).reduce((size, operand) => size + sizeOfValue(operand), 1);
}
