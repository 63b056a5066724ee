import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { BinaryOperator, UnaryOperator } from '../../ir/nodes.js';

/** Wraps an exact result into the type. */
function wrap(type: DType, text: string): string {
  switch (type) {
    case 'i32':
      return `(${text} | 0)`;
    case 'u32':
      return `(${text} >>> 0)`;
    case 'i64':
      return `BigInt.asIntN(64, ${text})`;
    case 'u64':
      return `BigInt.asUintN(64, ${text})`;
    case 'f32':
      return `Math.fround(${text})`;
    case 'f64':
    case 'bool':
      return `(${text})`;
  }
}

const SYMBOLS: Readonly<Partial<Record<BinaryOperator, string>>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  and: '&',
  or: '|',
  xor: '^',
  eq: '===',
  ne: '!==',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};

/** `type` is the type of the operands. */
export function binaryText(operator: BinaryOperator, type: DType, a: string, b: string): string {
  const symbol = SYMBOLS[operator];
  const integer = type !== 'f32' && type !== 'f64';
  switch (operator) {
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      return `(${a} ${symbol} ${b})`;
    case 'div':
    case 'rem':
      return integer ? `${operator}_${type}(${a}, ${b})` : wrap(type, `${a} ${symbol} ${b}`);
    case 'mul':
      if (type === 'i32') return `Math.imul(${a}, ${b})`;
      return type === 'u32' ? `(Math.imul(${a}, ${b}) >>> 0)` : wrap(type, `${a} * ${b}`);
    case 'shl':
      return isWide(type) ? wrap(type, `${a} << (${b} & 63n)`) : wrap(type, `(${a} << ${b})`);
    case 'shr':
      if (isWide(type)) return `(${a} >> (${b} & 63n))`;
      return type === 'u32' ? `(${a} >>> ${b})` : `(${a} >> ${b})`;
    case 'ushr':
      return `((${a} >>> ${b}) | 0)`;
    case 'min':
    case 'max':
      return isWide(type) ? `${operator}_wide(${a}, ${b})` : `Math.${operator}(${a}, ${b})`;
    case 'and':
    case 'or':
    case 'xor':
      return wrap(type, `(${a} ${symbol} ${b})`);
    case 'add':
    case 'sub':
      return wrap(type, `${a} ${symbol} ${b}`);
  }
}

export function unaryText(operator: UnaryOperator, type: DType, a: string): string {
  switch (operator) {
    case 'not':
      return `!${a}`;
    case 'neg':
      return type === 'f32' || type === 'f64' ? `(-${a})` : wrap(type, `-${a}`);
    case 'bitnot':
      return wrap(type, `~${a}`);
    case 'abs':
      if (isWide(type)) return wrap(type, `abs_wide(${a})`);
      return type === 'i32' ? wrap(type, `Math.abs(${a})`) : `Math.abs(${a})`;
    case 'sqrt':
      return wrap(type, `Math.sqrt(${a})`);
    case 'floor':
    case 'ceil':
    case 'trunc':
      return `Math.${operator}(${a})`;
    case 'popcount':
    case 'clz':
    case 'ctz':
      return isWide(type) ? `${operator}_wide(${a})` : `${operator}_32(${a})`;
  }
}

export function castText(from: DType, to: DType, a: string): string {
  const wide = isWide(from);
  if (to === 'bool') return `(${a} !== ${wide ? '0n' : '0'})`;
  if (from === 'bool') return isWide(to) ? `(${a} ? 1n : 0n)` : `(${a} ? 1 : 0)`;
  if (to === 'f64') return wide ? `Number(${a})` : a;
  if (to === 'f32') return `Math.fround(${wide ? `Number(${a})` : a})`;
  if (from === 'f32' || from === 'f64') return `saturate_${to}(${a})`;
  if (isWide(to)) return wide ? wrap(to, a) : wrap(to, `BigInt(${a})`);
  return wide ? `Number(BigInt.${to === 'i32' ? 'asIntN' : 'asUintN'}(32, ${a}))` : wrap(to, a);
}

export function bitcastText(from: DType, to: DType, a: string): string {
  return from === 'f32' || from === 'f64' || to === 'f32' || to === 'f64' ? `bitcast_${from}_${to}(${a})` : wrap(to, a);
}

export function literalText(type: DType, value: number | bigint | boolean): string {
  if (typeof value === 'bigint') return value < 0n ? `(${value}n)` : `${value}n`;
  if (typeof value === 'boolean') return String(value);
  if (Object.is(value, -0)) return type === 'f32' || type === 'f64' ? '(-0)' : '0';
  return value < 0 ? `(${value})` : String(value);
}
