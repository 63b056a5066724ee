import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { buildIr } from '../compile/kernel-compiler.js';
import { walkStmts } from '../ir/walk.js';
import {
  array,
  createKernelCompiler,
  helper,
  i64,
  inout,
  input,
  output,
  ragged,
  scratch,
  struct,
  u32,
} from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { gridFromText, mapFromText } from '../testing/kernel-from-text.js';

/** Checked and proven accesses of a kernel and its helpers. */
function checks(definition: KernelDefinition): { checked: number; proven: number } {
  const kernel = buildIr(definition);
  const count = { checked: 0, proven: 0 };
  const see = (check: boolean): void => void count[check ? 'checked' : 'proven']++;
  for (const fn of [kernel.main, ...kernel.helpers]) {
    walkStmts(fn.body, {
      expr: (e) => (e.op === 'load' || e.op === 'atomic' ? see(e.check) : undefined),
      stmt: (s) => (s.op === 'store' ? see(s.check) : undefined),
    });
  }
  return count;
}

const params = {
  lines: input(ragged(struct({ amount: i64, account: u32 }))),
  other: input(ragged(u32)),
  n: input(u32),
  work: scratch(u32, { max: [1, 0], per: 'lines' }),
  small: scratch(u32, { max: [0, 8] }),
  out: output(u32),
};
const body = (text: string): KernelDefinition =>
  mapFromText({ params }, `(k, { lines, other, n, work, small, out }) => { ${text} }`);

describe('bounds checks', () => {
  it.each([
    ['a counting loop', 'for (let i = k.u32(0); i < lines.length; i++) out.value += lines.account[i];', 0],
    [
      'the length in a const',
      'const m = lines.length; for (let i = k.u32(0); i < m; i++) out.value += lines.account[i];',
      0,
    ],
    [
      'all columns of one list',
      'for (let i = k.u32(1); i < lines.length; i++) if (lines.amount[i] > 0n) out.value += lines.account[i - 1];',
      0,
    ],
    ['scratch sized by the list', 'for (let i = k.u32(0); i < lines.length; i++) work[i] = i;', 0],
    ['scratch of fixed size', 'for (let i = k.u32(0); i < 8; i++) small[i] = i; out.value = small[7];', 0],
    [
      'a while loop with the step inside',
      'let i = k.u32(0); while (i < lines.length) { out.value += lines.account[i]; i++; }',
      0,
    ],
    ['a guard', 'let m = n; m += 2; if (m < lines.length && lines.account[m] > 2) out.value = 1;', 0],
    ['an early return', 'let m = n; m += 2; if (m >= other.length) return; out.value = other[m];', 0],
    [
      'insertion',
      'for (let i = k.u32(1); i < lines.length; i++) { let j = i; while (j > 0 && work[j - 1] > 3) { work[j] = work[j - 1]; j--; } work[j] = i; }',
      0,
    ],
    [
      'a cursor behind another',
      'for (let i = k.u32(0); i < other.length; i++) for (let j = k.u32(0); j < i; j++) out.value += other[j];',
      0,
    ],
    [
      'a pair',
      'for (let i = k.u32(0); i < other.length; i++) for (let j = i + 1; j < other.length; j++) out.value += other[i] * other[j];',
      0,
    ],
    ['counting down', 'for (let i = lines.length; i > 0; i--) out.value += lines.account[i - 1];', 0],
  ])('are left out for %s', (_, text, expected) => {
    expect(checks(body(text))).toMatchObject({ checked: expected });
  });

  it.each([
    ['another list', 'for (let i = k.u32(0); i < lines.length; i++) out.value += other[i];'],
    ['a bound that includes the end', 'for (let i = k.u32(0); i <= lines.length; i++) out.value += lines.account[i];'],
    [
      'an index changed after the test',
      'for (let i = k.u32(0); i < other.length; i++) { let j = i; j += 1; out.value += other[j]; }',
    ],
    ['a step before the use', 'let i = k.u32(0); while (i < other.length) { i++; out.value += other[i]; }'],
    ['a difference that can wrap', 'for (let i = k.u32(0); i < other.length; i++) out.value += other[i - 1];'],
    [
      'counting down past zero',
      'for (let i = other.length; i >= 0; i--) { if (i > 5) break; out.value += other[i - 1]; }',
    ],
    ['a wrong join', 'let i = n; if (n < other.length) i = n + 1; out.value = other[i];'],
    ['data', 'for (let i = k.u32(0); i < lines.length; i++) out.value += other[lines.account[i]];'],
    ['scratch that is too small', 'for (let i = k.u32(0); i < 9; i++) small[i] = i;'],
    ['a negative literal', 'small[k.i32(-3)] = 1;'],
    ['a sum that can wrap', 'if (n + 1 < other.length) out.value = other[n];'],
    ['negative indexes', 'let i = k.i32(3); while (i > -2) { i--; out.value += other[i]; }'],
    [
      'two counters that help each other',
      'let i = k.u32(0); let j = k.u32(0); while (i < 9) { i += 1; j += 1; if (j < 3) i = 0; out.value += small[j]; }',
    ],
  ])('stay for %s', (_, text) => {
    expect(checks(body(text)).checked).toBeGreaterThan(0);
  });

  it('hold for array arguments of helpers', () => {
    const sum = helper('sum', { args: { xs: array(u32) }, returns: u32 }, (k, { xs }) => {
      let s = k.u32(0);
      for (let i = k.u32(0); i < xs.length; i++) s += xs[i]!;
      return s;
    });
    const definition = mapFromText(
      { params, uses: { sum } },
      '(k, { other, out }) => { out.value = k.uses.sum({ xs: other }); }',
    );
    expect(checks(definition)).toEqual({ checked: 0, proven: 1 });
  });

  it('are left out for index columns', () => {
    const grid = {
      params: {
        row: input(u32, { indexes: 'col', inclusive: true }),
        col: input(u32, { indexes: 'mark' }),
        mark: inout(u32),
      },
    };
    const text =
      '(k, { row, col, mark }) => { const u = k.global.x; const end = row[u + 1]; for (let e = row[u]; e < end; e++) mark[col[e]] = 1; }';
    // The two row reads stay checked.
    expect(checks(gridFromText(grid, text))).toEqual({ checked: 2, proven: 2 });
  });

  it('are all gone when switched off', () => {
    expect(
      checks(mapFromText({ params, bounds: 'off' }, '(k, { other, n, out }) => { out.value = other[n]; }')),
    ).toEqual({ checked: 0, proven: 1 });
  });

  it('give 0, write nothing and are counted, whichever the artifact', () => {
    const text =
      '(k, { lines, other, n, work, out }) => { work[n] = 7; work[n] += 1; out.value = other[n] + k.u32(lines.amount[k.i32(n) - 100]) + 5; }';
    const compiled = createKernelCompiler().compile(mapFromText({ params }, text));
    const values = { lines: [[{ amount: 1n, account: 1 }], []], other: [[4], [4]], n: [0, 4_294_967_295] };
    for (const target of ['wasm', 'js'] as const) {
      const { outputs, violations, canariesIntact } = runKernel(compiled, target, { size: 2, values });
      expect(outputs).toEqual({ out: [9, 5] });
      // Item 0: amount[-100]. Item 1: two stores, other, and amount[-101].
      expect(violations).toBe(5);
      expect(canariesIntact).toBe(true);
    }
  });
});
