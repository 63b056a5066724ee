import { describe, expect, it } from 'vitest';
import { buildIr } from '../compile/kernel-compiler.js';
import { constant, helper, input, output, u32 } from '../index.js';
import { hashIr } from '../ir/print.js';
import type { IrKernel } from '../ir/nodes.js';
import { functionOf, mapFromText } from '../testing/kernel-from-text.js';

const options = {
  params: { a: input(u32), b: input(u32), out: output(u32) },
  constants: { MODE: constant(u32, 2), ROUNDS: constant(u32, 0) },
};
const build = (statements: string): IrKernel =>
  buildIr(mapFromText(options, `(k, { a, b, out }) => { ${statements} }`));

/** A kernel that calls a helper of two numbers with this body. */
const withHelper = (statements: string): IrKernel => {
  const args = { a: u32, b: u32 };
  const h = helper('h', { args, returns: u32 }, functionOf(`(k, { a, b }) => { ${statements} }`) as never);
  return buildIr(mapFromText({ ...options, uses: { h } }, '(k, { a, b, out }) => { out.value = k.uses.h({ a, b }); }'));
};

describe('one kernel for', () => {
  it.each([
    ['if (a > 1) return a; if (b > 1) return a; return b;', 'if (a > 1 || b > 1) return a; return b;'],
    ['if (a !== 1) return a; if (b !== 1) return a; return b;', 'if (a !== 1 || b !== 1) return a; return b;'],
    ['if (a !== 1) return a; if (b > 1) return a; return b;', 'return a !== 1 || b > 1 ? a : b;'],
    ['if (a > 1) { if (b > 1) return a; } return b;', 'return a > 1 && b > 1 ? a : b;'],
    ['if (a > 1) { if (b !== 1) return a; } return b;', 'return a > 1 && b !== 1 ? a : b;'],
    ['return a > 1 ? b : b > 1 ? b : a;', 'if (a > 1) return b; if (b > 1) return b; return a;'],
  ])('`%s` and `%s`', (one, other) => {
    expect(hashIr(withHelper(one))).toBe(hashIr(withHelper(other)));
  });

  it('blocks that are told apart by their conditions only', () => {
    expect(hashIr(build('if (a > 1) { out.value = b; } else if (b > 1) { out.value = b; } else out.value = 0;'))).toBe(
      hashIr(build('if (a > 1 || b > 1) out.value = b; else out.value = 0;')),
    );
    expect(hashIr(build('if (a > 1) { if (b > 1) out.value = b; else out.value = 0; } else out.value = 0;'))).toBe(
      hashIr(build('out.value = a > 1 && b > 1 ? b : 0;')),
    );
  });

  it('but not for branches that differ', () => {
    expect(hashIr(withHelper('if (a > 1) return a; if (b > 1) return b; return 1;'))).not.toBe(
      hashIr(withHelper('if (a > 1 || b > 1) return a; return 1;')),
    );
    expect(hashIr(build('out.value = a > 1 ? 0 : b > 1 ? 1 : 2;'))).not.toBe(
      hashIr(build('out.value = a > 1 || b > 1 ? 0 : 2;')),
    );
  });
});

describe('constants', () => {
  it('decide branches and loops, also under a name', () => {
    const plain = hashIr(build('out.value = a;'));
    expect(hashIr(build('if (k.constants.MODE === 2) out.value = a; else out.value = b;'))).toBe(plain);
    expect(hashIr(build('const mode = k.constants.MODE; if (mode > 1 && mode % 2 === 0) out.value = a;'))).toBe(plain);
    expect(hashIr(build('out.value = a; for (let i = k.u32(5); k.constants.ROUNDS > 0; i++) out.value += i;'))).toBe(
      plain,
    );
    expect(hashIr(build('const m = k.constants.MODE, n = m << 3; out.value = k.select(n === 16, a, b);'))).toBe(plain);
  });

  it('leave variables alone', () => {
    const body = build('let mode = k.constants.MODE; if (a > 1) mode = 0; out.value = mode > 1 ? a : b;').main.body;
    expect(body.map((s) => s.op)).toEqual(['let', 'if', 'storeItem']);
  });

  it('leave a copy alone whose original changes', () => {
    const body = build('let n = a; const before = n; n = n + b; out.value = before * n;').main.body;
    expect(JSON.stringify(body)).toContain('"operator":"mul"');
    expect(body.filter((s) => s.op === 'let').length).toBe(2);
  });
});
