import type { DType } from '@gpu-bridge/abstractions';
import type { AtomicOperator } from '../../ir/nodes.js';
import { exchangeLoop, isFloat, unsignedOf } from './dialect.js';
import type { Dialect, Space } from './dialect.js';

const types: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  i32: 'int',
  u32: 'unsigned int',
  i64: 'long long',
  u64: 'unsigned long long',
  bool: 'bool',
};

/** CUDA C++ for compute capability 7.5 and later; needs no headers, so NVRTC takes it as it is. */
export const CUDA: Dialect = {
  target: 'cuda',
  types,
  byte: 'unsigned char',
  ending: '',
  suffixes: { u32: 'u', i64: 'LL', u64: 'ULL', f32: 'f' },
  spaces: { global: '', shared: '' },
  restrict: '__restrict__',
  functionPrefix: 'static __device__ __forceinline__',
  bitcast,
  floatFunction: (name, type) => (type === 'f32' ? `${name}f` : name),
  bitCount: (which, type) => `__${which === 'popcount' ? 'popc' : 'clz'}${type === 'u64' ? 'll' : ''}(x)`,
  atomic,
  device: {
    barrier: '__syncthreads();',
    sharedPrefix: '__shared__',
    entryPrefix: (size) => `extern "C" __global__${size === null ? '' : ` __launch_bounds__(${size})`} void`,
    ids: {
      globalId: 'blockIdx.x * blockDim.x + threadIdx.x',
      globalSize: 'gridDim.x * blockDim.x',
      localId: 'threadIdx.x',
      localSize: 'blockDim.x',
      groupId: 'blockIdx.x',
      groupCount: 'gridDim.x',
    },
  },
};

function bitcast(from: DType, to: DType, text: string): string {
  // Only the signed forms exist for 64 bits; integers of equal size convert without a change of bits.
  if (from === 'f32') return `__float_as_${to === 'u32' ? 'uint' : 'int'}(${text})`;
  if (to === 'f32') return `__${from === 'u32' ? 'uint' : 'int'}_as_float(${text})`;
  if (from === 'f64') return `((${types[to]})__double_as_longlong(${text}))`;
  return `__longlong_as_double((long long)(${text}))`;
}

const NAMES = {
  add: 'Add',
  min: 'Min',
  max: 'Max',
  and: 'And',
  or: 'Or',
  xor: 'Xor',
  exchange: 'Exch',
  compareExchange: 'CAS',
} as const;

function atomic(operator: AtomicOperator, type: DType, _space: Space, strict: boolean): readonly string[] {
  if (operator === 'load') return [`return *(volatile ${types[type]}*)pointer;`];
  if (operator === 'store') return [`*(volatile ${types[type]}*)pointer = value;`];
  const name = `atomic${NAMES[operator]}`;
  if (isFloat(type)) {
    // The instruction flushes denormals in global memory.
    const exact = operator === 'add' && strict;
    if (!exact) return [`return ${name}(pointer, value);`];
    const bits = types[unsignedOf(type)];
    const swap = (seen: string, next: string): string => `atomicCAS((${bits}*)pointer, ${seen}, ${next})`;
    return exchangeLoop(CUDA, type, 'old + value', `*(volatile ${bits}*)pointer`, swap);
  }
  // There is no signed 64-bit form but of minimum and maximum.
  const signed = type === 'i64' && operator !== 'min' && operator !== 'max' ? types.u64 : undefined;
  const cast = (text: string): string => (signed === undefined ? text : `(${signed})${text}`);
  const operands = operator === 'compareExchange' ? `${cast('expected')}, ${cast('value')}` : cast('value');
  const call = `${name}(${signed === undefined ? '' : `(${signed}*)`}pointer, ${operands})`;
  return [`return ${signed === undefined ? '' : `(${types[type]})`}${call};`];
}

/** Options of nvcc and NVRTC. */
export function cudaFlags(strict: boolean): readonly string[] {
  return strict ? ['--fmad=false', '--prec-div=true', '--prec-sqrt=true', '--ftz=false'] : [];
}
