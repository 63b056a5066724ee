import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator, MathFunction } from '../../ir/nodes.js';

/** Where an array lies. Dialects without address spaces write both alike. */
export type Space = 'global' | 'shared';

/** What one C-like language writes differently from the others. Everything else is one printer. */
export interface Dialect {
  readonly target: 'cpp' | 'opencl' | 'cuda';
  /** Types of values. A `bool` lies in memory as `types.u32`. */
  readonly types: Readonly<Record<DType, string>>;
  readonly byte: string;
  /** Ending of the names of functions over these types, where there are others of the same name. */
  readonly ending: string;
  /** Endings of literals whose type is not the default one. */
  readonly suffixes: Readonly<Record<'u32' | 'i64' | 'u64' | 'f32', string>>;
  /** Address space qualifiers, each with a space behind it where it is not empty. */
  readonly spaces: Readonly<Record<Space, string>>;
  readonly restrict: string;
  /** What stands before every function but the entries. */
  readonly functionPrefix: string;
  /** Same bits, other type, where at least one of the two is a float. */
  readonly bitcast: (from: DType, to: DType, text: string) => string;
  /** Name of a function of one or more floats. */
  readonly floatFunction: (name: FloatFunction, type: DType) => string;
  /** Body of the function that counts set or leading zero bits of an unsigned `x`. */
  readonly bitCount: (which: 'popcount' | 'clz', type: 'u32' | 'u64') => string;
  /** Statements of a function over `pointer`, `value` and `expected` that returns the element from before. */
  readonly atomic: (operator: AtomicOperator, type: DType, space: Space, strict: boolean) => readonly string[];
  /** Of languages for devices. */
  readonly device?: DeviceDialect;
}

/** What a language for devices says about work-items. */
export interface DeviceDialect {
  /** All work-items of the group arrive, and see each other's writes. */
  readonly barrier: string;
  /** What stands before an array of the group, in an entry. */
  readonly sharedPrefix: string;
  /** What stands before an entry, with the work-items of its group where they are fixed. */
  readonly entryPrefix: (groupSize: number | null) => string;
  /** All of one dimension. */
  readonly ids: Readonly<
    Record<'globalId' | 'globalSize' | 'localId' | 'localSize' | 'groupId' | 'groupCount', string>
  >;
}

export function deviceOf(dialect: Dialect): DeviceDialect {
  if (dialect.device === undefined) throw new Error(`${dialect.target} knows no work-items`);
  return dialect.device;
}

type FloatFunction = MathFunction | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'fabs';

export const INTEGERS = ['i32', 'u32', 'i64', 'u64'] as const satisfies readonly DType[];
export const FLOATS = ['f32', 'f64'] as const satisfies readonly DType[];
export type Integer = (typeof INTEGERS)[number];

export function isFloat(type: DType): type is 'f32' | 'f64' {
  return type === 'f32' || type === 'f64';
}

/** The unsigned type of the same size. */
export function unsignedOf(type: DType): 'u32' | 'u64' {
  return type === 'i64' || type === 'u64' || type === 'f64' ? 'u64' : 'u32';
}

/** Type of an element in memory. */
export function storageOf(dialect: Dialect, type: DType): string {
  return dialect.types[type === 'bool' ? 'u32' : type];
}

/** A function that exchanges elements until nobody changed one in between. */
export function exchangeLoop(
  dialect: Pick<Dialect, 'types' | 'bitcast'>,
  type: DType,
  combined: string,
  load: string,
  exchange: (seen: string, next: string) => string,
): string[] {
  const bits = dialect.types[isFloat(type) ? unsignedOf(type) : type];
  const decode = (text: string): string => (isFloat(type) ? dialect.bitcast(unsignedOf(type), type, text) : text);
  const encode = (text: string): string => (isFloat(type) ? dialect.bitcast(type, unsignedOf(type), text) : text);
  return [
    `${bits} seen = ${load};`,
    'for (;;) {',
    `  const ${dialect.types[type]} old = ${decode('seen')};`,
    `  const ${bits} found = ${exchange('seen', encode(combined))};`,
    '  if (found == seen) return old;',
    '  seen = found;',
    '}',
  ];
}
