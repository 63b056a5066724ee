import { isWide } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator } from '../../ir/nodes.js';
import { exchangeLoop, isFloat, unsignedOf } from './dialect.js';
import type { Dialect, Space } from './dialect.js';

const types: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  i32: 'int',
  u32: 'uint',
  i64: 'long',
  u64: 'ulong',
  bool: 'bool',
};
const spaces: Readonly<Record<Space, string>> = { global: '__global ', shared: '__local ' };
const bitcast: Dialect['bitcast'] = (_from, to, text) => `as_${types[to]}(${text})`;

/** OpenCL C 1.2 and later: no generic address space, no C11 atomics. */
export const OPENCL: Dialect = {
  target: 'opencl',
  types,
  byte: 'uchar',
  ending: '',
  suffixes: { u32: 'u', i64: 'L', u64: 'UL', f32: 'f' },
  spaces,
  restrict: 'restrict',
  functionPrefix: 'static inline',
  bitcast,
  floatFunction: (name, type) =>
    name === 'floor' || name === 'ceil' || name === 'trunc' ? `gb_${name}_${type}` : name,
  bitCount: (which) => `${which}(x)`,
  atomic,
  device: {
    barrier: 'barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);',
    sharedPrefix: '__local',
    entryPrefix: (size) =>
      `__kernel${size === null ? '' : ` __attribute__((reqd_work_group_size(${size}, 1, 1)))`} void`,
    ids: {
      globalId: '(uint)get_global_id(0)',
      globalSize: '(uint)get_global_size(0)',
      localId: '(uint)get_local_id(0)',
      localSize: '(uint)get_local_size(0)',
      groupId: '(uint)get_group_id(0)',
      groupCount: '(uint)get_num_groups(0)',
    },
  },
};

/** Extensions a text of these types needs. */
export function openClHead(uses: { readonly f64: boolean; readonly wideAtomics: boolean }): string[] {
  return [
    ...(uses.f64 ? ['cl_khr_fp64'] : []),
    ...(uses.wideAtomics ? ['cl_khr_int64_base_atomics', 'cl_khr_int64_extended_atomics'] : []),
  ].map((extension) => `#pragma OPENCL EXTENSION ${extension} : enable`);
}

const NAMES = {
  add: 'add',
  min: 'min',
  max: 'max',
  and: 'and',
  or: 'or',
  xor: 'xor',
  exchange: 'xchg',
  compareExchange: 'cmpxchg',
} as const;

function atomic(operator: AtomicOperator, type: DType, space: Space): readonly string[] {
  // A load or store of an aligned word is atomic on every device; volatile keeps the compiler from repeating it.
  const place = (as: DType): string => `(volatile ${spaces[space]}${types[as]}*)pointer`;
  if (operator === 'load') return [`return *${place(type)};`];
  if (operator === 'store') return [`*${place(type)} = value;`];
  const bits = isFloat(type) ? unsignedOf(type) : type;
  const name = (of: keyof typeof NAMES): string => `${isWide(bits) ? 'atom' : 'atomic'}_${NAMES[of]}`;
  if (!isFloat(type)) {
    const operands = operator === 'compareExchange' ? 'expected, value' : 'value';
    return [`return ${name(operator)}(${place(type)}, ${operands});`];
  }
  if (operator === 'exchange') {
    const exchanged = `${name('exchange')}(${place(bits)}, ${bitcast(type, bits, 'value')})`;
    return [`return ${bitcast(bits, type, exchanged)};`];
  }
  const swap = (seen: string, next: string): string => `${name('compareExchange')}(${place(bits)}, ${seen}, ${next})`;
  return exchangeLoop(OPENCL, type, 'old + value', `*${place(bits)}`, swap);
}

/** How to build: division and square root of f32 correctly rounded in strict kernels. */
export function openClFlags(strict: boolean): readonly string[] {
  return strict ? ['-cl-fp32-correctly-rounded-divide-sqrt'] : [];
}
