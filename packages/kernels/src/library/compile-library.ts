import type { HelperDefinition } from '@gpu-bridge/abstractions';
import { checkHelperAlone } from '../check/check-kernel.js';
import { printFunctions } from '../ir/print.js';
import type { MathFunction } from '../ir/nodes.js';
import { canonicalFunction } from '../passes/canonical.js';
import { expF32, logF32, powF32 } from './exponential-f32.js';
import { expF64, logF64, powF64 } from './exponential-f64.js';
import { fmaF32, fmaF64 } from './fma.js';
import { cosF32, sinF32 } from './trigonometry-f32.js';
import { cosF64, sinF64 } from './trigonometry-f64.js';

const SOURCES: Readonly<Record<'f32' | 'f64', Readonly<Record<MathFunction, HelperDefinition>>>> = {
  f32: { exp: expF32, log: logF32, sin: sinF32, cos: cosF32, pow: powF32, fma: fmaF32 },
  f64: { exp: expF64, log: logF64, sin: sinF64, cos: cosF64, pow: powF64, fma: fmaF64 },
};

/**
 * The text of `generated/math-functions.ts`: each function of the library with those it calls, compiled from the sources in
 * this folder, so that no process has to parse and check them again.
 */
export function compileLibrary(): string {
  const entries = Object.entries(SOURCES).flatMap(([dtype, functions]) =>
    Object.entries(functions).map(([fn, definition]) => `  ${fn}_${dtype}: '${compiled(definition)}',`),
  );
  return [
    '// Generated from the sources of the library. Do not edit.',
    '// UPDATE_LIBRARY=1 npx vitest run packages/kernels/src/library/compile-library.test.ts writes it.',
    '/** For each function, as `printFunctions` writes them: those it calls, then itself. */',
    'export const MATH_FUNCTIONS = {',
    ...entries,
    '} as const;',
    '',
  ].join('\n');
}

function compiled(definition: HelperDefinition): string {
  return printFunctions([...checkHelperAlone(definition).values()].map(canonicalFunction));
}
