import { describe, expect, it } from 'vitest';
import type { IrFunction, Literal } from './nodes.js';
import { printFunctions, readFunctions } from './print.js';

describe('functions as text', () => {
  it.each([1.5, -0, Infinity, -Infinity, 0n, -(2n ** 63n), 2n ** 64n - 1n, true])('keep the literal %s', (value) => {
    const literal: Literal = { op: 'literal', type: 'f64', value, at: 7 };
    const fn = { name: 'f', args: [], results: ['f64'], locals: [{ name: 'n', type: 'f64' }] } as const;
    const of = (at: number): IrFunction => ({ ...fn, body: [{ op: 'return', values: [{ ...literal, at }], at }] });
    expect(readFunctions(printFunctions([of(7)]))).toStrictEqual([of(0)]);
  });
});
