import { describe, expect, it } from 'vitest';
import { buildIr } from '../../compile/kernel-compiler.js';
import { createKernelCompiler, i32, inout, input, output, shared, u32, uniform } from '../../index.js';
import type { KernelDefinition } from '../../index.js';
import type { CpuForm } from '../../ir/cpu-form.js';
import type { Stmt } from '../../ir/nodes.js';
import { runKernel } from '../../testing/argument-block.js';
import type { Arguments } from '../../testing/argument-block.js';
import { gridFromText } from '../../testing/kernel-from-text.js';
import type { TextGridKernel } from '../../testing/kernel-from-text.js';
import { toCpuForm } from './to-cpu-form.js';

/** The shape of a body: what the group does, with loops over ids as `items`, and what those take and keep. */
function outline(form: CpuForm, stmts: readonly Stmt[] = form.kernel.main.body): string {
  const name = (local: number): string => form.kernel.main.locals[local]?.name ?? '';
  return stmts
    .map((s): string => {
      if (s.op === 'items') {
        const taken = s.loads.length > 0 ? ` takes ${s.loads.map(name).join(' ')}` : '';
        const kept = s.stores.length > 0 ? ` keeps ${s.stores.map(name).join(' ')}` : '';
        return `items${s.below === null ? '' : ' below'}${taken}${kept}`;
      }
      if (s.op === 'loop') return `loop { ${outline(form, s.body)} }`;
      if (s.op === 'if') {
        const otherwise = s.else.length > 0 ? ` else { ${outline(form, s.else)} }` : '';
        return `if { ${outline(form, s.then)} }${otherwise}`;
      }
      return s.op === 'let' || s.op === 'set' ? `${s.op} ${name(s.local)}` : s.op;
    })
    .join('; ');
}

interface Case {
  readonly definition: KernelDefinition;
  readonly outline: string;
  readonly args: Arguments;
  readonly expected: Readonly<Record<string, unknown>>;
}

const full = (options: Omit<TextGridKernel, 'grid'>, text: string): KernelDefinition =>
  gridFromText({ grid: 'full-groups', ...options }, text);

const counting = (n: number, f: (i: number) => number = (i) => i): number[] =>
  Array.from({ length: n }, (_, i) => f(i));
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);
const x20 = counting(20, (i) => (i * 7) % 13);
const padded = (xs: readonly number[], to: number): number[] => [...xs, ...counting(to - xs.length, () => 0)];
const groupsOf = (xs: readonly number[], size: number): number[][] =>
  counting(Math.ceil(xs.length / size)).map((g) => padded(xs.slice(g * size, g * size + size), size));

const reduction: Case = {
  definition: full(
    { params: { x: input(u32), out: output(u32) }, workgroup: 8, shared: { tile: shared(u32, 8) } },
    `(k, { x, out, tile }) => {
      const l = k.local.x;
      tile[l] = k.inRange ? x[k.global.x] : 0;
      k.barrier();
      for (let s = k.u32(4); s > 0; s >>= 1) {
        if (l < s) tile[l] += tile[l + s];
        k.barrier();
      }
      if (l === 0) out[k.group.x] = tile[0];
    }`,
  ),
  outline: 'items; let s; loop { items below; set s }; items below',
  args: { size: 20, values: { x: x20, out: 3 } },
  expected: { out: groupsOf(x20, 8).map(sum) },
};

const scan: Case = {
  definition: full(
    { params: { x: input(u32), out: output(u32) }, workgroup: 8, shared: { tile: shared(u32, 8) } },
    `(k, { x, out, tile }) => {
      const l = k.local.x;
      tile[l] = k.inRange ? x[k.global.x] : 0;
      k.barrier();
      for (let d = k.u32(1); d < 8; d *= 2) {
        let v = tile[l];
        if (l >= d) v += tile[l - d];
        k.barrier();
        tile[l] = v;
        k.barrier();
      }
      if (k.inRange) out[k.global.x] = tile[l];
    }`,
  ),
  outline: 'items; let d; loop { items keeps v; items takes v; set d }; items',
  args: { size: 20, values: { x: x20, out: 20 } },
  expected: { out: x20.map((_, i) => sum(x20.slice(i - (i % 8), i + 1))) },
};

const transpose: Case = {
  definition: full(
    {
      params: { a: input(u32), out: output(u32), w: uniform(u32), h: uniform(u32) },
      workgroup: [4, 4],
      shared: { tile: shared(u32, 20) },
    },
    `(k, { a, out, w, h, tile }) => {
      const { x, y } = k.local;
      const gx = k.global.x;
      const gy = k.global.y;
      if (k.inRange) tile[y * 5 + x] = a[gy * w + gx];
      k.barrier();
      const ox = k.group.y * 4 + x;
      const oy = k.group.x * 4 + y;
      if (ox < h && oy < w) out[oy * h + ox] = tile[x * 5 + y];
    }`,
  ),
  outline: 'items; items',
  args: { size: [6, 10, 1], values: { a: counting(60), out: 60, w: 6, h: 10 } },
  expected: { out: counting(60, (i) => (i % 10) * 6 + Math.floor(i / 10)) },
};

const acrossBarrier: Case = {
  definition: full(
    { params: { x: input(i32), out: output(i32) }, workgroup: 4, shared: { tile: shared(i32, 4) } },
    `(k, { x, out, tile }) => {
      const i = k.global.x;
      let v = k.i32(-1);
      if (k.inRange) v = x[i] * 3;
      let kept = k.i32(7);
      if (v > 10) kept = v;
      tile[k.local.x] = v;
      k.barrier();
      const other = tile[3 - k.local.x];
      k.barrier();
      if (k.inRange) out[i] = other * 1000 + kept;
    }`,
  ),
  outline: 'items keeps kept; items keeps other; items takes kept other',
  args: { size: 6, values: { x: [1, 2, 3, 4, 5, 6], out: 6 } },
  expected: { out: [12007, 9007, 6007, 3012, -985, -982] },
};

const uniformBreak: Case = {
  definition: full(
    { params: { limit: input(u32), a: inout(u32) }, workgroup: 4 },
    `(k, { limit, a }) => {
      const i = k.global.x;
      let mine = k.u32(0);
      for (let round = k.u32(0); ; round++) {
        if (round >= limit[k.group.x]) break;
        mine += round + k.local.x;
        k.barrier();
        if (round === 2) { a[i] += 100; continue; }
        a[i] += mine;
      }
      if (limit[k.group.x] > 9) return;
      k.barrier();
      a[i] += 1000;
    }`,
  ),
  // A check of the limit counts per id, so ids evaluate it.
  outline:
    'let round; items keeps mine; loop { items; if { break }; items takes mine keeps mine; items takes mine; set round }; items; if { items }',
  args: { size: 8, values: { limit: [3, 12], a: counting(8, () => 0) } },
  expected: {
    a: [
      ...counting(4, (l) => l + (1 + 2 * l) + 100 + 1000),
      ...counting(4, (l) => {
        let [mine, a] = [0, 0];
        for (let round = 0; round < 12; round++) {
          mine += round + l;
          a += round === 2 ? 100 : mine;
        }
        return a;
      }),
    ],
  },
};

const leaving: Case = {
  definition: full(
    { params: { n: uniform(u32), a: inout(u32) }, workgroup: 4 },
    `(k, { n, a }) => {
      const i = k.global.x;
      for (let r = k.u32(0); r < 3; r++) {
        if (n > 1) {
          k.barrier();
          a[i] += 1;
          if (k.local.x > r) { if (n > 2) continue; a[i] += 10; }
          a[i] += 100;
        }
        a[i] += 1000;
      }
      if (n > 1) {
        k.barrier();
        if (k.local.x === 2) { if (n > 2) return; a[i] += 5; }
        a[i] += 10000;
      }
      a[i] += 100000;
    }`,
  ),
  outline:
    'let r; loop { items keeps left; if { items takes left keeps left }; items takes left }; items keeps left; if { items takes left keeps left }; items takes left',
  args: { size: 4, values: { n: 3, a: counting(4, () => 0) } },
  expected: { a: counting(4, (l) => 3 + 1100 * (3 - Math.min(l, 3)) + (l === 2 ? 0 : 110000)) },
};

const awkward: Case = {
  definition: full(
    { params: { x: input(u32), a: inout(u32), n: uniform(u32) }, workgroup: 4, shared: { tile: shared(u32, 4) } },
    `(k, { x, a, n, tile }) => {
      const l = k.local.x;
      let total = k.u32(0);
      let j = l;
      let i = k.u32(0);
      for (; (total += 1, i < x[n]); j += 2, i++) {
        k.barrier();
        if (i === 1) continue;
        tile[l] = j;
        k.barrier();
        total += tile[3 - l] * 10;
      }
      let again = k.u32(0);
      do { a[k.global.x] += total; k.barrier(); again++; } while (again < x[0]);
    }`,
  ),
  outline:
    'let i; items keeps total j; loop { items takes total keeps total; if { break }; if { items takes j; items takes total keeps total }; set i; items takes j keeps j }; let again; set group; loop { if { items; if { break } }; set group; items takes total; set again }',
  args: { size: 4, values: { x: [2, 3], a: counting(4, () => 0), n: 1 } },
  // Rounds 0 and 2 add ten times the partner's j; four tests of the condition add one each.
  expected: { a: counting(4, (l) => 2 * (4 + 10 * (3 - l) + 10 * (3 - l + 4))) },
};

const roundAgain: Case = {
  definition: full(
    { params: { n: uniform(u32), a: inout(u32) }, workgroup: 4 },
    `(k, { n, a }) => {
      let j = k.local.x;
      for (let i = k.u32(0); i < 4; j += 2, i++) {
        if (n > 1) {
          k.barrier();
          if (n + i > 4) { if (i > 2) continue; a[k.global.x] += 100; }
          a[k.global.x] += j;
        }
        a[k.global.x] += 1000;
      }
    }`,
  ),
  outline:
    'let i; items keeps j; set group; loop { if { set i; items takes j keeps j }; set group; if { break }; if { if { if { continue } else { items } }; items takes j }; items }',
  args: { size: 4, values: { n: 3, a: counting(4, () => 0) } },
  expected: { a: counting(4, (l) => 3000 + 100 + l + (l + 2) + (l + 4)) },
};

const setOnSomePaths: Case = {
  definition: full(
    { params: { a: inout(u32) }, workgroup: 4, shared: { tile: shared(u32, 4) } },
    `(k, { a, tile }) => {
      const l = k.local.x;
      let v = l * 3;
      tile[l] = v + 1;
      k.barrier();
      if (l > 1) v = tile[l - 2] + 100;
      k.barrier();
      a[k.global.x] = v;
    }`,
  ),
  outline: 'items keeps v; items takes v keeps v; items takes v',
  args: { size: 4, values: { a: counting(4, () => 0) } },
  expected: { a: [0, 3, 101, 104] },
};

const groupSetsInOrder: Case = {
  definition: full(
    { params: { a: inout(u32), n: uniform(u32) }, workgroup: 4 },
    `(k, { a, n }) => {
      const i = k.global.x;
      let s = n;
      a[i] += s;
      s += 1;
      a[i] += s * 10;
      if (s > 2) k.barrier();
      a[i] *= 2;
    }`,
  ),
  outline: 'let s; items; set s; items; if {  }; items',
  args: { size: 4, values: { a: counting(4, () => 0), n: 5 } },
  expected: { a: counting(4, () => 130) },
};

const cases = {
  setOnSomePaths,
  groupSetsInOrder,
  roundAgain,
  reduction,
  scan,
  transpose,
  acrossBarrier,
  uniformBreak,
  leaving,
  awkward,
};

describe.each(Object.entries(cases))('%s', (_, { definition, outline: wanted, args, expected }) => {
  it('is split as it should be', () => {
    expect(outline(toCpuForm(buildIr(definition)))).toBe(wanted);
  });

  it.each(['js', 'wasm'] as const)('gives as %s what plain TypeScript gives, in any split of the groups', (target) => {
    const compiled = createKernelCompiler().compile(definition);
    const whole = runKernel(compiled, target, args);
    expect(whole).toMatchObject({ outputs: expected, violations: 0, canariesIntact: true });
    const third = runKernel(compiled, target, { ...args, group: 2, groups: 3 });
    expect(third).toMatchObject({ outputs: expected, violations: 0, canariesIntact: true });
  });
});
