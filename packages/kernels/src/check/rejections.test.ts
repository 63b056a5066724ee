import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelDefinition, KernelDiagnostic } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import {
  array,
  atomic,
  constant,
  createKernelCompiler,
  f32,
  gridKernel,
  helper,
  i32,
  i64,
  input,
  mapKernel,
  output,
  ragged,
  struct,
  u32,
} from '../index.js';
import { functionOf, gridFromText, mapFromText } from '../testing/kernel-from-text.js';

const compiler = createKernelCompiler();
const params = {
  a: input(u32),
  b: input(i32),
  x: input(f32),
  w: input(i64),
  lines: input(ragged(struct({ amount: i64 }))),
  flows: output(ragged(struct({ rank: u32, amount: i64 }), { max: [1, 0] })),
  out: output(u32),
  rec: output(struct({ n: u32 })),
};

function diagnosticsOf(definition: KernelDefinition): readonly KernelDiagnostic[] {
  try {
    compiler.compile(definition);
  } catch (e) {
    if (GpuBridgeError.is(e, 'KERNEL_BUILD_FAILED')) return e.details.diagnostics;
    throw e;
  }
  return [];
}

function findings(definition: KernelDefinition): string[] {
  return diagnosticsOf(definition).map((d) => `${d.line}:${d.column} ${d.rule}`);
}

const twice = helper('twice', { args: { n: u32 }, returns: u32 }, (_k, { n }) => n + n);
const options = { params, uses: { twice }, constants: { TEN: constant(u32, 10) } };
const inBody = (statement: string): string[] => findings(mapFromText(options, `(k, p) => {\n  ${statement}\n}`));

const REFUSED: readonly (readonly [statement: string, finding: string])[] = [
  ['let y = 1;', '2:11 untyped-literal'],
  ['const y = 1n;', '2:13 untyped-literal'],
  ['let y;', '2:7 initialiser'],
  ['p.out.value = p.a + p.b;', '2:17 type-mismatch'],
  ['p.out.value = p.b;', '2:17 type-mismatch'],
  ['p.out.value = 1.5;', '2:17 literal-range'],
  ['p.out.value = -1;', '2:17 literal-range'],
  ['p.out.value = 5n;', '2:17 bigint-literal'],
  ['if (p.w === 0) p.out.value = 1;', '2:15 bigint-literal'],
  ['if (p.a) p.out.value = 1;', '2:7 condition-type'],
  ['while (1) p.out.value = 1;', '2:10 condition-type'],
  ['p.out.value = p.a && 1;', '2:17 condition-type'],
  ['p.out.value = k.u32(p.x % 2);', '2:23 operator-type'],
  ['p.out.value = k.u32(~p.x);', '2:23 operator-type'],
  ['p.out.value = k.u32(p.w >>> 1n);', '2:23 operator-type'],
  ['p.out.value = k.u32(true < false);', '2:23 operator-type'],
  ['p.out.value = p.a ** 2;', '2:17 unsupported'],
  ['p.out.value = outside;', '2:17 free-name'],
  ['Math.max(p.a, p.a);', '2:3 free-name'],
  ['p.out.value = k.nothing(p.a);', '2:19 unknown-member'],
  ['p.out.value = p.nothing;', '2:19 unknown-member'],
  ['p.rec.m = 1;', '2:9 unknown-member'],
  ['p.out.value = k.constants.ELEVEN;', '2:29 unknown-member'],
  ['p.a = 1;', '2:3 read-only'],
  ['p.lines.amount[0] = 1n;', '2:3 read-only'],
  ['p.out = 1;', '2:3 read-only'],
  ['const c = k.u32(1); c = 2;', '2:23 read-only'],
  ['p.lines.length = 3;', '2:3 read-only'],
  ['p.out.value = k.u32(p.lines.amount[p.w]);', '2:38 index-type'],
  ['p.out.value = p.lines;', '2:17 not-a-value'],
  ['p.out.value = p.a[0];', '2:17 not-a-value'],
  ['p.flows.push({ rank: 1 });', '2:16 arguments'],
  ['p.flows.push({ rank: 1, amount: 1n, more: 2 });', '2:16 unknown-member'],
  ['p.flows.push(1);', '2:16 arguments'],
  ['p.out.value = k.min(p.a);', '2:17 arguments'],
  ['p.out.value = k.uses.twice(p.a);', '2:17 arguments'],
  ['p.out.value = k.uses.twice({ n: p.b });', '2:35 type-mismatch'],
  ['p.out.value = k.uses.twice({ m: p.a });', '2:17 arguments'],
  ['outer: for (;;) break outer;', '2:3 label'],
  ['switch (p.a) {}', '2:3 unsupported'],
  ['for (const v of p.lines.amount) {}', '2:3 unsupported'],
  ['try { } catch { }', '2:3 unsupported'],
  ['throw 1;', '2:3 unsupported'],
  ['var v = k.u32(1);', '2:3 unsupported'],
  ['const f = () => 1;', '2:13 unsupported'],
  ["p.out.value = 'text';", '2:17 unsupported'],
  ['p.out.value = p?.a;', '2:17 unsupported'],
  ['p.a + 1;', '2:3 unsupported'],
  ['return p.a;', '2:3 type-mismatch'],
  ["p.out.value = k.bitcast('u32', p.w);", '2:17 type-mismatch'],
  ['p.out.value = k.abs(p.a);', '2:17 operator-type'],
  ['p.out.value = k.sqrt(p.a);', '2:17 operator-type'],
  ['k.atomicAdd(p.a, 0, 1);', '2:5 unknown-member'],
  ['p.out.value = k.global.x;', '2:19 unknown-member'],
  ['const q = p.lines; let r = p.lines;', '2:26 not-a-value'],
];

describe('the checker', () => {
  it.each(REFUSED)('refuses `%s`', (statement, finding) => {
    expect(inBody(statement)).toEqual([finding]);
  });

  it('reports all findings of one kernel at once and none that follow from another', () => {
    const text = `(k, p) => {\n  let y = 1;\n  p.out.value = y + 1;\n  if (p.a) {\n    p.rec.n = p.b;\n  }\n  p.rec.n = unknown;\n}`;
    expect(findings(mapFromText(options, text))).toEqual([
      '2:11 untyped-literal',
      '4:7 condition-type',
      '5:15 type-mismatch',
      '7:13 free-name',
    ]);
  });

  it('names the remedy in the message', () => {
    const definition = mapFromText(options, '(k, p) => { p.out.value = LIMIT; }');
    expect(() => compiler.compile(definition)).toThrow(
      /'LIMIT' is not declared in the body; pass a value through `constants`/,
    );
  });

  it('gives positions in the source file of the author', () => {
    const definition = mapKernel('test/located', { params }, (_k, p) => {
      const fine = p.a;
      p.out.value = p.b as number; // line of interest
      p.rec.n = fine;
    });
    const [finding] = diagnosticsOf(definition);
    const file = fileURLToPath(import.meta.url);
    const line =
      readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((text) => text.endsWith('// line of interest')) + 1;
    expect(finding).toMatchObject({ rule: 'type-mismatch', file, line, column: 21 });
  });

  it('refuses recursion between helpers', () => {
    const uses: Record<string, typeof twice> = {};
    const even = helper('even', { args: { n: u32 }, returns: u32, uses }, (k, { n }) => k.uses.odd!({ n }));
    uses.odd = helper('odd', { args: { n: u32 }, returns: u32, uses: { even } }, (k, { n }) => k.uses.even({ n }));
    const definition = mapKernel(
      'test/circle',
      { params: { n: input(u32), r: output(u32) }, uses: { even } },
      (k, { n, r }) => {
        r.value = k.uses.even({ n });
      },
    );
    expect(findings(definition).some((f) => f.endsWith('recursion'))).toBe(true);
  });

  it('refuses a helper that may end without a value', () => {
    const half = helper(
      'half',
      { args: { n: u32 }, returns: u32 },
      functionOf('(k, { n }) => { if (n > 1) return n; }') as never,
    );
    const definition = mapKernel(
      'test/half',
      { params: { n: input(u32), r: output(u32) }, uses: { half } },
      (k, { n, r }) => {
        r.value = k.uses.half({ n });
      },
    );
    expect(diagnosticsOf(definition).map((d) => d.rule)).toEqual(['missing-return']);
  });

  it('refuses to hand an input to a helper that writes it', () => {
    const text = '(k, { xs }) => { xs[0] = 1; }';
    const write = helper('write', { args: { xs: { ...array(u32), writable: true } } }, functionOf(text) as never);
    const definition = mapFromText(
      { params: { xs: input(ragged(u32)), r: output(u32) }, uses: { write } },
      '(k, { xs }) => { k.uses.write({ xs }); }',
    );
    expect(findings(definition)).toEqual(['1:33 read-only']);
  });

  it('refuses plain access to atomic arrays', () => {
    const definition = gridFromText({ params: { bins: atomic(u32) } }, '(k, { bins }) => { bins[0] += 1; }');
    expect(findings(definition)).toEqual(['1:20 read-only']);
  });

  it('refuses a function whose source cannot be seen', () => {
    expect(findings(mapKernel('test/bound', { params }, functionOf('() => {}').bind(null)))).toEqual(['1:1 syntax']);
  });
});

describe('definitions', () => {
  it.each([
    ['Bad Name', params],
    ['test/inout', { a: { role: 'inout', type: u32 } as const }],
    ['test/unbounded', { a: output(ragged(u32) as never) }],
    ['test/no-driver', { a: output(ragged(u32, { max: [1, 0] })) }],
  ])('are refused: %s', (name, bad) => {
    expect(() => mapKernel(name, { params: bad }, () => undefined)).toThrow(/INVALID_ARGUMENT/);
  });

  it('refuses an index column that names no array', () => {
    expect(() => gridKernel('test/indexes', { params: { a: input(u32, { indexes: 'b' }) } }, () => undefined)).toThrow(
      /INVALID_ARGUMENT/,
    );
  });

  it('refuses constants outside their type', () => {
    expect(() => constant(u32, -1)).toThrow(/INVALID_ARGUMENT/);
    expect(() => constant(i64, 2n ** 63n)).toThrow(/INVALID_ARGUMENT/);
    expect(constant(f32, 0.1).value).toBe(Math.fround(0.1));
  });
});
