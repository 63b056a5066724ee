import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator } from '../../ir/nodes.js';
import { FLOATS, INTEGERS, storageOf, unsignedOf } from './dialect.js';
import type { Dialect, Integer, Space } from './dialect.js';
import { binary, literal, primary } from './operators.js';

/** Largest count of violations that is reported. */
export const MOST_VIOLATIONS = 2 ** 31 - 1;

const ALL = ['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool'] as const satisfies readonly DType[];
const ATOMICS: Readonly<Partial<Record<DType, readonly AtomicOperator[]>>> = {
  ...Object.fromEntries(
    INTEGERS.map((type) => [
      type,
      ['add', 'min', 'max', 'and', 'or', 'xor', 'load', 'store', 'exchange', 'compareExchange'],
    ]),
  ),
  f32: ['add', 'load', 'store', 'exchange'],
};

/** Ending of the names of functions over arrays of a space, in dialects that tell spaces apart. */
export function spaceEnding(dialect: Dialect, space: Space): string {
  return space === 'shared' && dialect.spaces.shared !== '' ? '_shared' : '';
}

/**
 * Declarations of the functions that texts name, and of those these name. All begin with `gb_`, which no name that is made
 * from a program does.
 *
 * @param more - functions that may call the common ones.
 */
export function preludeFor(
  dialect: Dialect,
  strict: boolean,
  texts: readonly string[],
  more: ReadonlyMap<string, readonly string[]> = new Map(),
): string[] {
  const functions = new Map([...preludeOf(dialect, strict), ...more]);
  const wanted = new Set<string>();
  const scan = (text: string): void => {
    for (const [word] of text.matchAll(/\bgb_\w+/g)) {
      const lines = functions.get(word);
      if (lines === undefined || wanted.has(word)) continue;
      wanted.add(word);
      lines.forEach(scan);
    }
  };
  texts.forEach(scan);
  // Guarded, so that texts of several kernels can be compiled as one.
  return [...functions].flatMap(([name, lines]) => {
    const guard = name.toUpperCase();
    return wanted.has(name) ? [`#ifndef ${guard}`, `#define ${guard}`, ...lines, '#endif'] : [];
  });
}

/** Every function a text may name; each stands after those it calls. */
function preludeOf(dialect: Dialect, strict: boolean): Map<string, readonly string[]> {
  const functions = new Map<string, readonly string[]>();
  const define = (result: string, name: string, params: string, body: readonly string[]): void => {
    functions.set(name, [
      `${dialect.functionPrefix} ${result} ${name}(${params}) {`,
      ...body.map((line) => `  ${line}`),
      '}',
    ]);
  };
  for (const type of INTEGERS) defineInteger(dialect, type, define);
  for (const type of FLOATS) defineFloat(dialect, type, define);
  for (const type of ALL) {
    const name = dialect.types[type];
    // A function, so that both values are evaluated.
    define(name, `gb_choose_${type}`, `bool condition, ${name} a, ${name} b`, ['return condition ? a : b;']);
  }
  const spaces: readonly Space[] = dialect.spaces.shared === '' ? ['global'] : ['global', 'shared'];
  for (const space of spaces) {
    for (const type of ALL) defineRead(dialect, type, space, define);
    for (const type of ALL) {
      for (const operator of ATOMICS[type] ?? []) defineAtomic(dialect, operator, type, space, strict, define);
    }
  }
  if (dialect.target === 'cpp') defineCombined(dialect, define);
  else for (const space of ['global', 'shared'] as const) defineReport(dialect, space, define);
  return functions;
}

/** Updates of arrays of which a run may have a copy of its own. */
function defineCombined(dialect: Dialect, define: Define): void {
  for (const type of INTEGERS) {
    for (const operator of ['add', 'min', 'max', 'and', 'or', 'xor'] as const) {
      const name = dialect.types[type];
      const combined = binary(dialect, operator, type, primary('*pointer'), primary('value'));
      define('void', `gb_combine_${operator}_${type}`, `${name}* pointer, ${name} value, bool isPrivate`, [
        `if (isPrivate) *pointer = ${combined.text};`,
        `else gb_atomic_${operator}_${type}(pointer, value);`,
      ]);
    }
  }
}

/** Adds to a count of violations that many see, which stays at the largest one that is reported. */
function defineReport(dialect: Dialect, space: Space, define: Define): void {
  const { u32, u64 } = dialect.types;
  const ending = spaceEnding(dialect, space);
  const name = space === 'shared' ? 'gb_report_shared' : 'gb_report';
  define('void', name, `${dialect.spaces[space]}${u32}* total, ${u64} violations`, [
    `${u32} seen = gb_atomic_load_u32${ending}(total);`,
    'for (;;) {',
    `  const ${u64} sum = seen + violations;`,
    `  const ${u32} next = sum < ${MOST_VIOLATIONS}u ? (${u32})sum : ${MOST_VIOLATIONS}u;`,
    `  const ${u32} found = gb_atomic_compareExchange_u32${ending}(total, seen, next);`,
    '  if (found == seen) return;',
    '  seen = found;',
    '}',
  ]);
}

type Define = (result: string, name: string, params: string, body: readonly string[]) => void;

function defineInteger(dialect: Dialect, type: Integer, define: Define): void {
  const name = dialect.types[type];
  const unsigned = dialect.types[unsignedOf(type)];
  const signed = type === 'i32' || type === 'i64';
  const both = `${name} a, ${name} b`;
  const negated = (x: string): string => `(${name})(0 - (${unsigned})${x})`;
  define(name, `gb_div_${type}`, both, [
    'if (b == 0) return a;',
    ...(signed ? [`if (b == -1) return ${negated('a')};`] : []),
    'return a / b;',
  ]);
  define(name, `gb_rem_${type}`, both, [`return ${signed ? 'b == 0 || b == -1' : 'b == 0'} ? 0 : a % b;`]);
  define(name, `gb_min_${type}`, both, ['return a < b ? a : b;']);
  define(name, `gb_max_${type}`, both, ['return a > b ? a : b;']);
  if (signed) define(name, `gb_abs_${type}`, `${name} a`, [`return a < 0 ? ${negated('a')} : a;`]);
  const bits = unsignedOf(type);
  for (const which of ['popcount', 'clz'] as const) {
    define(name, `gb_${which}_${type}`, `${name} a`, [
      `const ${unsigned} x = (${unsigned})a;`,
      `return (${name})${dialect.bitCount(which, bits)};`,
    ]);
  }
  // The bits below the lowest one; all of them where there is none.
  define(name, `gb_ctz_${type}`, `${name} a`, [
    `const ${unsigned} x = ~(${unsigned})a & ((${unsigned})a - 1);`,
    `return (${name})${dialect.bitCount('popcount', bits)};`,
  ]);
}

function defineFloat(dialect: Dialect, type: 'f32' | 'f64', define: Define): void {
  const name = dialect.types[type];
  const bits = unsignedOf(type);
  // Equal values differ in the sign of zero at most; the sum of unordered ones is NaN.
  for (const [which, order, joined] of [
    ['min', '<', '|'],
    ['max', '>', '&'],
  ] as const) {
    const both = `${dialect.bitcast(type, bits, 'a')} ${joined} ${dialect.bitcast(type, bits, 'b')}`;
    define(name, `gb_${which}_${type}`, `${name} a, ${name} b`, [
      `if (a ${order} b) return a;`,
      `if (b ${order} a) return b;`,
      `return a == b ? ${dialect.bitcast(bits, type, both)} : a + b;`,
    ]);
  }
  for (const rounding of dialect.target === 'opencl' ? ['floor', 'ceil', 'trunc'] : []) {
    // LLVM 15, in PoCL 3.1, leaves it undefined what these give for a NaN that it knows while it compiles.
    define(name, `gb_${rounding}_${type}`, `${name} x`, [`return x == x ? ${rounding}(x) : x;`]);
  }
  for (const to of INTEGERS) {
    const width = unsignedOf(to) === 'u64' ? 64n : 32n;
    const signed = to === 'i32' || to === 'i64';
    const [least, beyond] = signed ? [-(2n ** (width - 1n)), 2n ** (width - 1n)] : [0n, 2n ** width];
    const float = (value: bigint): string => literal(dialect, type, Number(value)).text;
    const integer = (value: bigint): string => literal(dialect, to, width === 64n ? value : Number(value)).text;
    define(dialect.types[to], `gb_saturate_${type}_${to}`, `${name} x`, [
      // NaN is not equal to itself.
      'if (x != x) return 0;',
      `if (x <= ${float(least)}) return ${integer(least)};`,
      `if (x >= ${float(beyond)}) return ${integer(beyond - 1n)};`,
      // GCC 12 takes a cast to an integer and back for `trunc`, which keeps the sign of -0.25 (-fno-trapping-math, SSE4.1).
      ...(dialect.target === 'cpp' && signed ? ['if (x > -1 && x < 1) return 0;'] : []),
      `return (${dialect.types[to]})x;`,
    ]);
  }
}

function defineRead(dialect: Dialect, type: DType, space: Space, define: Define): void {
  const index = dialect.types.u32;
  const params = [
    `${dialect.spaces[space]}const ${storageOf(dialect, type)}* array`,
    `${index} length`,
    `${index} index`,
    `${dialect.types.u64}* violations`,
  ];
  define(dialect.types[type], `gb_read_${type}${spaceEnding(dialect, space)}`, params.join(', '), [
    `if (index < length) return array[index]${type === 'bool' ? ' != 0' : ''};`,
    '++*violations;',
    'return 0;',
  ]);
}

function defineAtomic(
  dialect: Dialect,
  operator: AtomicOperator,
  type: DType,
  space: Space,
  strict: boolean,
  define: Define,
): void {
  const name = dialect.types[type];
  const params = [
    `${dialect.spaces[space]}${name}* pointer`,
    ...(operator === 'compareExchange' ? [`${name} expected`] : []),
    ...(operator === 'load' ? [] : [`${name} value`]),
  ];
  define(
    operator === 'store' ? 'void' : name,
    `gb_atomic_${operator}_${type}${spaceEnding(dialect, space)}`,
    params.join(', '),
    dialect.atomic(operator, type, space, strict),
  );
}
