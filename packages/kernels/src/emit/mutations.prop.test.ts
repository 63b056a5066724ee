/** Whether the comparison of random programs notices an emitter that takes one operator for another. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BinaryOperator } from '../ir/nodes.js';
import { mismatches, programOf } from '../testing/fuzz/differential.js';
import { CPP, CPP_LANES, OPENCL, REFERENCE, WASM, WASM_SIMD } from '../testing/fuzz/targets.js';
import type { FuzzTarget } from '../testing/fuzz/targets.js';
import { SIMD_ARITHMETIC, SIMD_COMPARE } from './wasm/simd/simd-opcodes.js';

/** What the emitter under test prints in place of `from`. */
const flip = vi.hoisted(() => ({
  emitter: '',
  from: '',
  to: '',
  of: (emitter: string, operator: string): string =>
    emitter === flip.emitter && operator === flip.from ? flip.to : operator,
}));

vi.mock(import('./js/operators.js'), async (original) => {
  const real = await original();
  return {
    ...real,
    binaryText: (operator, ...rest) => real.binaryText(flip.of('js', operator) as BinaryOperator, ...rest),
  };
});
vi.mock(import('./wasm/operators.js'), async (original) => {
  const real = await original();
  return {
    ...real,
    emitBinary: (code, operator, ...rest) => {
      real.emitBinary(code, flip.of('wasm', operator) as BinaryOperator, ...rest);
    },
  };
});
vi.mock(import('./c/operators.js'), async (original) => {
  const real = await original();
  return {
    ...real,
    binary: (dialect, operator, ...rest) =>
      real.binary(dialect, flip.of(dialect.target, operator) as BinaryOperator, ...rest),
  };
});

afterEach(() => {
  flip.emitter = '';
});

/** Flips that let every loop end. */
const FLIPS = [
  ['add', 'sub'],
  ['mul', 'add'],
  ['lt', 'le'],
  ['xor', 'or'],
  ['shl', 'shr'],
  ['min', 'max'],
  ['eq', 'ne'],
] as const satisfies readonly (readonly [BinaryOperator, BinaryOperator])[];

/** Whether one of `count` programs shows it. */
function isNoticed(target: FuzzTarget, count: number): boolean {
  const few = 12;
  for (let from = 0; from < count; from += few) {
    const programs = Array.from({ length: few }, (_, i) => programOf(9000 + from + i));
    if (mismatches(programs, [target]).length > 0) return true;
  }
  return false;
}

describe('a flipped operator', () => {
  it.each(FLIPS)('is noticed in WebAssembly: %s as %s', (from, to) => {
    Object.assign(flip, { emitter: 'wasm', from, to });
    expect(isNoticed(WASM, 36)).toBe(true);
  });

  it.each(FLIPS)('is noticed in JavaScript: %s as %s', (from, to) => {
    Object.assign(flip, { emitter: 'js', from, to });
    expect(isNoticed(WASM, 36)).toBe(true);
  });

  it.each([
    ['add', 'sub', SIMD_ARITHMETIC.f32],
    ['mul', 'add', SIMD_ARITHMETIC.i32],
    ['xor', 'or', SIMD_ARITHMETIC.u32],
    ['min', 'max', SIMD_ARITHMETIC.i32],
    ['lt', 'le', SIMD_COMPARE.u32],
    ['lt', 'gt', SIMD_COMPARE.f32],
  ] as const)('is noticed in SIMD: %s as %s', (from, to, table: Record<string, number>) => {
    const honest = table[from];
    expect([honest, table[to]]).not.toContain(undefined);
    table[from] = table[to] ?? 0;
    try {
      expect(isNoticed(WASM_SIMD, 120)).toBe(true);
    } finally {
      table[from] = honest ?? 0;
    }
  });

  it.skipIf(!CPP.isPresent()).each(FLIPS.slice(0, 3))('is noticed in C++: %s as %s', (from, to) => {
    Object.assign(flip, { emitter: 'cpp', from, to });
    expect(isNoticed(CPP, 12)).toBe(true);
  });

  it.skipIf(!CPP.isPresent()).each(FLIPS.slice(0, 2))('is noticed in C++ of lanes: %s as %s', (from, to) => {
    Object.assign(flip, { emitter: 'cpp', from, to });
    expect(isNoticed(CPP_LANES, 24)).toBe(true);
  });

  it.skipIf(!OPENCL.isPresent()).each(FLIPS.slice(0, 3))('is noticed in OpenCL C: %s as %s', (from, to) => {
    Object.assign(flip, { emitter: 'opencl', from, to });
    expect(isNoticed(OPENCL, 12)).toBe(true);
  });

  it('that is none changes nothing', () => {
    expect(isNoticed(WASM, 36) || isNoticed(REFERENCE, 36)).toBe(false);
  });
});
