import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { BinaryOperator, Literal, UnaryOperator } from '../../ir/nodes.js';
import { isFloat, unsignedOf } from './dialect.js';
import type { Dialect } from './dialect.js';

/** Text of an expression with how tightly it binds; see {@link LEVEL}. */
export interface Piece {
  readonly text: string;
  readonly level: number;
  /** Of a literal. */
  readonly value?: Literal['value'];
}

/**
 * Levels of binding. Bit operators stand below `&&` so that they are always put in brackets: their true place surprises
 * readers, and compilers warn.
 */
export const LEVEL = {
  primary: 9,
  unary: 8,
  product: 7,
  sum: 6,
  relation: 5,
  and: 4,
  or: 3,
  bits: 2,
  choice: 1,
} as const;

export function primary(text: string): Piece {
  return { text, level: LEVEL.primary };
}

/** The text, in brackets where it binds less tightly than `level`. */
export function at(level: number, piece: Piece): string {
  return piece.level >= level ? piece.text : `(${piece.text})`;
}

export function call(name: string, ...args: readonly Piece[]): Piece {
  return primary(`${name}(${args.map((arg) => arg.text).join(', ')})`);
}

function cast(type: string, piece: Piece): Piece {
  return { text: `(${type})${at(LEVEL.unary, piece)}`, level: LEVEL.unary };
}

function infix(
  symbol: string,
  level: number,
  a: Piece,
  b: Piece,
  operands: readonly [left: number, right: number],
): Piece {
  return { text: `${at(operands[0], a)} ${symbol} ${at(operands[1], b)}`, level };
}

const COMPARE = { eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' } as const;
const SUMS = { add: '+', sub: '-', mul: '*', div: '/', rem: '%' } as const;
const BITS = { and: '&', or: '|', xor: '^', shl: '<<', shr: '>>' } as const;

function sum(operator: keyof typeof SUMS, a: Piece, b: Piece): Piece {
  const level = operator === 'add' || operator === 'sub' ? LEVEL.sum : LEVEL.product;
  return infix(SUMS[operator], level, a, b, [level, level + 1]);
}

function bits(operator: keyof typeof BITS, a: Piece, b: Piece): Piece {
  return infix(BITS[operator], LEVEL.bits, a, b, [LEVEL.unary, LEVEL.unary]);
}

/** `type` is the type of the operands. */
export function binary(dialect: Dialect, operator: BinaryOperator, type: DType, a: Piece, b: Piece): Piece {
  switch (operator) {
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      return infix(COMPARE[operator], LEVEL.relation, a, b, [LEVEL.sum, LEVEL.sum]);
    case 'add':
    case 'sub':
    case 'mul':
      return wrapping(dialect, type, a, b, (x, y) => sum(operator, x, y));
    case 'div':
    case 'rem':
      return isFloat(type) || isSafeDivisor(b.value)
        ? sum(operator, a, b)
        : call(`gb_${operator}_${type}${dialect.ending}`, a, b);
    case 'min':
    case 'max':
      return call(`gb_${operator}_${type}${dialect.ending}`, a, b);
    case 'and':
    case 'or':
    case 'xor':
      return bits(operator, a, b);
    case 'shl':
      return wrapping(dialect, type, a, masked(dialect, type, b), (x, y) => bits('shl', x, y));
    case 'shr':
      return bits('shr', a, masked(dialect, type, b));
    case 'ushr':
      return wrapping(dialect, type, a, masked(dialect, type, b), (x, y) => bits('shr', x, y));
  }
}

/** A literal that needs none of the rules for 0 and -1. */
function isSafeDivisor(value: Literal['value'] | undefined): boolean {
  return (
    value !== undefined && typeof value !== 'boolean' && value !== 0n && Number(value) !== 0 && Number(value) !== -1
  );
}

/** Signed arithmetic by way of the unsigned type, where C leaves overflow undefined. */
function wrapping(dialect: Dialect, type: DType, a: Piece, b: Piece, apply: (a: Piece, b: Piece) => Piece): Piece {
  if (type !== 'i32' && type !== 'i64') return apply(a, b);
  return cast(dialect.types[type], apply(toUnsigned(dialect, type, a), toUnsigned(dialect, type, b)));
}

function toUnsigned(dialect: Dialect, type: DType, piece: Piece): Piece {
  const unsigned = unsignedOf(type);
  if (piece.value === undefined || typeof piece.value === 'boolean') return cast(dialect.types[unsigned], piece);
  const value = BigInt.asUintN(isWide(type) ? 64 : 32, BigInt(piece.value));
  return literal(dialect, unsigned, isWide(type) ? value : Number(value));
}

function masked(dialect: Dialect, type: DType, count: Piece): Piece {
  const mask = isWide(type) ? 63n : 31n;
  const number = (value: bigint): Piece => literal(dialect, type, isWide(type) ? value : Number(value));
  if (count.value !== undefined && typeof count.value !== 'boolean') return number(BigInt(count.value) & mask);
  return bits('and', count, number(mask));
}

export function unary(dialect: Dialect, operator: UnaryOperator, type: DType, a: Piece): Piece {
  switch (operator) {
    case 'not':
      return { text: `!${at(LEVEL.unary, a)}`, level: LEVEL.unary };
    case 'bitnot':
      return { text: `~${at(LEVEL.unary, a)}`, level: LEVEL.unary };
    case 'neg':
      if (isFloat(type)) return { text: `-${at(LEVEL.primary, a)}`, level: LEVEL.unary };
      return binary(dialect, 'sub', type, literal(dialect, type, isWide(type) ? 0n : 0), a);
    case 'abs':
      if (isFloat(type)) return call(dialect.floatFunction('fabs', type), a);
      return type === 'i32' || type === 'i64' ? call(`gb_abs_${type}${dialect.ending}`, a) : a;
    case 'sqrt':
    case 'floor':
    case 'ceil':
    case 'trunc':
      return call(dialect.floatFunction(operator, type), a);
    case 'popcount':
    case 'clz':
    case 'ctz':
      return call(`gb_${operator}_${type}${dialect.ending}`, a);
  }
}

export function convert(dialect: Dialect, from: DType, to: DType, a: Piece): Piece {
  if (from === to) return a;
  if (to === 'bool')
    return infix('!=', LEVEL.relation, a, literal(dialect, from, isWide(from) ? 0n : 0), [LEVEL.sum, LEVEL.sum]);
  if (isFloat(from) && !isFloat(to)) return call(`gb_saturate_${from}_${to}`, a);
  // By way of f64, in two roundings, as every other target.
  if (isWide(from) && to === 'f32') return cast(dialect.types.f32, cast(dialect.types.f64, a));
  return cast(dialect.types[to], a);
}

export function bitcast(dialect: Dialect, from: DType, to: DType, a: Piece): Piece {
  if (from === to) return a;
  return isFloat(from) || isFloat(to) ? primary(dialect.bitcast(from, to, a.text)) : cast(dialect.types[to], a);
}

export function literal(dialect: Dialect, type: DType, value: Literal['value']): Piece {
  if (type === 'bool') return { ...primary(value ? 'true' : 'false'), value };
  if (isFloat(type)) return { ...floatLiteral(dialect, type, Number(value)), value };
  const text = String(Object.is(value, -0) ? 0 : value);
  const suffix = type === 'i32' ? '' : dialect.suffixes[type];
  if (!text.startsWith('-')) return { ...primary(`${text}${suffix}`), value };
  // The least number has no literal: C reads a minus and a number that is one too large.
  const least = type === 'i32' ? -(2n ** 31n) : -(2n ** 63n);
  if (BigInt(text) !== least) return { text: `${text}${suffix}`, level: LEVEL.unary, value };
  return { text: `${least + 1n}${suffix} - 1${suffix}`, level: LEVEL.sum, value };
}

function floatLiteral(dialect: Dialect, type: 'f32' | 'f64', value: number): Piece {
  if (!Number.isFinite(value)) {
    const [word, wide] = Number.isNaN(value) ? ['2143289344', 0x7ff8n] : ['2139095040', 0x7ff0n];
    const pattern = type === 'f32' ? `${word}${dialect.suffixes.u32}` : `${wide << 48n}${dialect.suffixes.u64}`;
    const text = dialect.bitcast(unsignedOf(type), type, pattern);
    return value < 0 ? { text: `-${text}`, level: LEVEL.unary } : primary(text);
  }
  const digits = type === 'f32' ? shortestF32(value) : Object.is(value, -0) ? '-0' : String(value);
  const point = /[.e]/.test(digits) ? digits : `${digits}.0`;
  return {
    text: `${point}${type === 'f32' ? dialect.suffixes.f32 : ''}`,
    level: value < 0 || Object.is(value, -0) ? LEVEL.unary : LEVEL.primary,
  };
}

/** The fewest digits that read back as the same f32. */
function shortestF32(value: number): string {
  if (Object.is(value, -0)) return '-0';
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === Math.fround(value)) return text;
  }
  return String(Math.fround(value));
}
