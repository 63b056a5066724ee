import type { DType, HelperDefinition } from '@gpu-bridge/abstractions';
import { checkHelperAlone } from '../check/check-kernel.js';
import type { IrFunction, MathFunction } from '../ir/nodes.js';
import { canonicalFunction } from '../passes/canonical.js';
import { expF32, logF32, powF32 } from './exponential-f32.js';
import { expF64, logF64, powF64 } from './exponential-f64.js';
import { fmaF32, fmaF64 } from './fma.js';
import { cosF32, sinF32 } from './trigonometry-f32.js';
import { cosF64, sinF64 } from './trigonometry-f64.js';

const LIBRARY: Readonly<Partial<Record<DType, Readonly<Record<MathFunction, HelperDefinition>>>>> = {
  f32: { exp: expF32, log: logF32, sin: sinF32, cos: cosF32, pow: powF32, fma: fmaF32 },
  f64: { exp: expF64, log: logF64, sin: sinF64, cos: cosF64, pow: powF64, fma: fmaF64 },
};

/** A function of the library after those it calls. Calls inside count in this list. */
export type LibraryFunctions = ReadonlyMap<HelperDefinition, IrFunction>;

const checked = new Map<HelperDefinition, LibraryFunctions>();

/** The function for a `math` node of this type, parsed and checked on first use and then kept. */
export function mathLibrary(fn: MathFunction, dtype: DType): LibraryFunctions {
  const definition = LIBRARY[dtype]?.[fn];
  if (definition === undefined) throw new Error(`no ${fn} of ${dtype}`);
  const known = checked.get(definition);
  if (known) return known;
  const functions = new Map([...checkHelperAlone(definition)].map(([h, f]) => [h, canonicalFunction(f)]));
  checked.set(definition, functions);
  return functions;
}
