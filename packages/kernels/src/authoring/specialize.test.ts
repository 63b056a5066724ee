import { describe, expect, it } from 'vitest';
import { constant, f32, i64, input, mapKernel, output, specialize, u32 } from '../index.js';
import { buildIr } from '../compile/kernel-compiler.js';
import { hashIr } from '../ir/print.js';

const rounds = mapKernel(
  'test/rounds',
  {
    params: { a: input(u32), out: output(u32) },
    constants: { ROUNDS: constant(u32, 10), EXTRA: constant(u32, 0), SCALE: constant(f32, 1), BIAS: constant(i64, 0n) },
  },
  (k, { a, out }) => {
    let n = a;
    for (let i = k.u32(0); i < k.constants.ROUNDS; i++) n = n * 3;
    if (k.constants.EXTRA > 0) n = n + k.u32(k.constants.SCALE) + k.u32(k.constants.BIAS);
    out.value = n;
  },
);

const idOf = (definition: typeof rounds): string => hashIr(buildIr(definition));

describe('specialize', () => {
  it('gives a kernel whose content says which values it has', () => {
    const twenty = specialize(rounds, { ROUNDS: 20 });
    expect(Object.isFrozen(twenty)).toBe(true);
    expect(twenty.constants.ROUNDS).toEqual({ dtype: 'u32', value: 20 });
    expect(rounds.constants.ROUNDS.value).toBe(10);
    expect(idOf(twenty)).not.toBe(idOf(rounds));
    expect(idOf(specialize(twenty, { ROUNDS: 10 }))).toBe(idOf(rounds));
    expect(idOf(specialize(twenty, {}))).toBe(idOf(twenty));
  });

  it('drops what the values make unreachable', () => {
    expect(buildIr(rounds).main.body.map((s) => s.op)).toEqual(['let', 'let', 'loop', 'storeItem']);
    expect(buildIr(specialize(rounds, { EXTRA: 1 })).main.body.map((s) => s.op)).toEqual([
      'let',
      'let',
      'loop',
      'set',
      'storeItem',
    ]);
  });

  it.each([
    ['an unknown name', { ROUND: 1 }, /ROUNDS, EXTRA, SCALE, BIAS, got "ROUND"/],
    ['a value out of range', { ROUNDS: -1 }, /values\.ROUNDS.*u32/],
    ['a bigint for u32', { ROUNDS: 1n }, /values\.ROUNDS.*u32/],
    ['a number for i64', { BIAS: 1 }, /values\.BIAS.*i64/],
    ['a name of every object', { toString: 1 }, /toString/],
  ])('refuses %s', (_what, values, message) => {
    expect(() => specialize(rounds, values as never)).toThrow(message);
  });
});
