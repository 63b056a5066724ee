import type { DType } from '@gpu-bridge/abstractions';
import { CPP } from '../cpp.js';
import { storageOf } from '../dialect.js';
import type { Dialect } from '../dialect.js';

export const DTYPES = ['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool'] as const satisfies readonly DType[];

/** Type of a value per lane. A bool is a mask: all bits or none, in lanes of 32 bits. */
export function laneType(type: DType, width: number): string {
  return `gb_${type === 'bool' ? 'mask' : type}x${width}`;
}

/** Declarations of the types, by name: vectors of GCC and clang. */
export function laneTypes(width: number): readonly (readonly [name: string, lines: readonly string[]])[] {
  return DTYPES.map((type) => {
    const element = type === 'bool' ? CPP.types.i32 : CPP.types[type];
    const name = laneType(type, width);
    return [name, [`typedef ${element} ${name} __attribute__((vector_size(${width} * sizeof(${element}))));`]];
  });
}

/** C++ over values per lane: operators work lane by lane, functions have the number of lanes in their names. */
export function laneDialect(width: number): Dialect {
  const types = Object.fromEntries(DTYPES.map((type) => [type, laneType(type, width)])) as Record<DType, string>;
  return {
    ...CPP,
    types,
    ending: `x${width}`,
    bitcast: (_from, to, text) => `((${types[to]})(${text}))`,
    floatFunction: (name, type) => `gb_${name}_${type}x${width}`,
  };
}

export function storage(type: DType): string {
  return storageOf(CPP, type);
}
