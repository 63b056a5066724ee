import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator } from '../../ir/nodes.js';
import type { Dialect } from './dialect.js';

const types: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  i32: 'int32_t',
  u32: 'uint32_t',
  i64: 'int64_t',
  u64: 'uint64_t',
  bool: 'bool',
};

/** C++20 for g++ and clang. */
export const CPP: Dialect = {
  target: 'cpp',
  types,
  byte: 'uint8_t',
  ending: '',
  suffixes: { u32: 'u', i64: 'LL', u64: 'ULL', f32: 'f' },
  spaces: { global: '', shared: '' },
  restrict: '__restrict',
  functionPrefix: '[[gnu::always_inline]] static inline',
  bitcast: (_from, to, text) => `std::bit_cast<${types[to]}>(${text})`,
  floatFunction: (name) => `std::${name}`,
  bitCount: (which) => `std::${which === 'popcount' ? 'popcount' : 'countl_zero'}(x)`,
  atomic,
};

/** Includes of a text in this dialect. */
export const CPP_HEAD: readonly string[] = ['atomic', 'bit', 'cmath', 'cstdint', 'cstring'].map(
  (header) => `#include <${header}>`,
);

/**
 * What keeps the bits of every other target: no contraction, wrapping integers. Errors in `errno` and floating-point traps
 * are given up, which changes no result. Memory is reused under other types, hence no aliasing by type. Vectors are ours,
 * where ids go side by side: g++'s own of loops cost 15 % in the short ones that are left. Its conversion of branches,
 * which comes with them, stays. `-march=native`: compile where it runs, or leave it out.
 */
export const CPP_FLAGS: readonly string[] = [
  '-std=c++20',
  '-O3',
  '-fno-tree-loop-vectorize',
  '-ftree-loop-if-convert',
  '-ffp-contract=off',
  '-fwrapv',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fno-strict-aliasing',
  '-fno-finite-loops',
  '-march=native',
];

const METHODS = { add: 'fetch_add', and: 'fetch_and', or: 'fetch_or', xor: 'fetch_xor', exchange: 'exchange' } as const;

function atomic(operator: AtomicOperator, type: DType): readonly string[] {
  const order = 'std::memory_order_relaxed';
  const element = `std::atomic_ref<${types[type]}> element(*pointer);`;
  switch (operator) {
    case 'load':
      return [element, `return element.load(${order});`];
    case 'store':
      return [element, `element.store(value, ${order});`];
    case 'compareExchange':
      return [element, `element.compare_exchange_strong(expected, value, ${order});`, 'return expected;'];
    case 'min':
    case 'max':
      return [
        element,
        `${types[type]} seen = element.load(${order});`,
        `while (value ${operator === 'min' ? '<' : '>'} seen && !element.compare_exchange_weak(seen, value, ${order})) {`,
        '}',
        'return seen;',
      ];
    default:
      return [element, `return element.${METHODS[operator]}(value, ${order});`];
  }
}
