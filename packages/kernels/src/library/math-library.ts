import type { DType } from '@gpu-bridge/abstractions';
import type { IrFunction, MathFunction } from '../ir/nodes.js';
import { readFunctions } from '../ir/print.js';
import { MATH_FUNCTIONS } from './generated/math-functions.js';

const known = new Map<string, readonly IrFunction[]>();

/**
 * The function for a `math` node of this type, last, after those it calls; calls inside count in this list. Functions with
 * equal names are equal, also those of different lists.
 */
export function mathLibrary(fn: MathFunction, dtype: DType): readonly IrFunction[] {
  const name = `${fn}_${dtype}`;
  const read = known.get(name);
  if (read) return read;
  if (!isIncluded(name)) throw new Error(`no ${fn} of ${dtype}`);
  const functions = readFunctions(MATH_FUNCTIONS[name]);
  known.set(name, functions);
  return functions;
}

function isIncluded(name: string): name is keyof typeof MATH_FUNCTIONS {
  return Object.hasOwn(MATH_FUNCTIONS, name);
}
