import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { buildIr } from '../compile/kernel-compiler.js';
import { walkStmts } from '../ir/walk.js';
import {
  array,
  createKernelCompiler,
  helper,
  i64,
  i32,
  inout,
  input,
  output,
  ragged,
  scratch,
  shared,
  sharedAtomic,
  struct,
  u32,
  uniform,
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

  const groups = {
    params: { x: input(u32), n: uniform(u32), at: inout(i32), out: output(u32) },
    workgroup: [64, 4] as const,
    grid: 'full-groups' as const,
    shared: { tile: shared(u32, 256), small: shared(u32, 64), bins: sharedAtomic(u32, 64) },
  };
  const grid = (text: string): KernelDefinition =>
    gridFromText(groups, `(k, { x, n, at, out, tile, small, bins }) => { ${text} }`);

  it.each([
    ['a local id', 'small[k.local.x] = n;'],
    ['ids in two dimensions', 'tile[k.local.y * 64 + k.local.x] = n;'],
    [
      'the other half of a tree',
      'const l = k.local.x; for (let s = k.u32(32); s > 0; s >>= 1) if (l < s) small[l] += small[l + s];',
    ],
    ['a distance that is not larger', 'const l = k.local.x; if (l >= n) small[l - n] = 1;'],
    ['a loop up to a literal', 'for (let i = k.u32(0); i < 64; i++) small[63 - i] = i;'],
    ['a minimum', 'small[k.min(n, 63)] = 1; small[k.clamp(k.i32(n), 0, 63)] = 2;'],
    ['a remainder', 'small[n % 64] = 1;'],
    ['shifted bits', 'small[n >> 26] = 1; small[(n & 31) << 1] = 2;'],
    ['a quotient', 'small[(n & 255) / 4] = 1;'],
    ['a select', 'small[k.select(n > 3, n & 7, 63)] = 1;'],
    ['bits joined', 'small[(n & 15) | 32] = 1; small[(n & 31) ^ 5] = 1;'],
    ['counted bits', 'small[k.popcount(n)] = 1;'],
    ['a bool', 'small[k.u32(n > 3)] = 1;'],
    ['a guard on a literal', 'if (n < 64) small[n] = 1;'],
    ['a bound that depends on another', 'let m = n; if (m > 60) m = 60; let j = m + 1; j += 2; small[j] = 1;'],
    ['shared atomics', 'k.atomicAdd(bins, n & 63, 1);'],
  ])('are left out for %s', (_, text) => {
    expect(checks(grid(text))).toMatchObject({ checked: 0 });
  });

  it.each([
    ['an id that is larger than the array', 'small[k.local.y * 64 + k.local.x] = 1;'],
    ['a difference of ids', 'small[k.local.x - k.local.y] = 1;'],
    ['a distance that is larger', 'const l = k.local.x; if (l <= n) small[l - n] = 1;'],
    ['a distance changed after the test', 'let l = k.local.x; if (l >= n) { l -= 1; l &= 63; small[l - n] = 1; }'],
    ['a product that wraps', 'small[(n | 1) * 4 & 64] = 1;'],
    ['a shift count that is masked', 'small[n >> 33] = 1;'],
    ['a signed remainder', 'small[k.i32(n) % 64] = 1;'],
    ['a signed shift', 'for (let s = k.i32(n & 63) - 40; s < 64; s >>= 1) { if (s === 0) break; small[s] += 1; }'],
    ['a division that may be by zero', 'small[(n & 255) / (n & 3)] = 1;'],
    [
      'a tree that is too large',
      'const l = k.local.x; for (let s = k.u32(64); s > 0; s >>= 1) if (l < s) small[l] += small[l + s];',
    ],
    ['a value read before it changes', 'let i = n; const j = i + (i = 3, 1); small[j] = 1;'],
    ['one of two branches', 'let i = k.u32(70); if (n > 3) i = 5; small[i] = 1;'],
  ])('stay for %s', (_, text) => {
    expect(checks(grid(text)).checked).toBeGreaterThan(0);
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
