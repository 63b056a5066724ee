import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { KernelDefinition, KernelDiagnostic } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import {
  array,
  atomic,
  columns,
  constant,
  f32,
  gridKernel,
  helper,
  i32,
  i64,
  inout,
  input,
  mapKernel,
  mutableArray,
  mutableColumns,
  output,
  ragged,
  shared,
  sharedAtomic,
  struct,
  u32,
} from '../index.js';
import { functionOf, gridFromText, helperFromText, mapFromText } from '../testing/kernel-from-text.js';
import { checkKernel } from './check-kernel.js';
import { RULES } from './diagnostics.js';
import type { Rule } from './diagnostics.js';

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
const Pair = struct({ q: u32, r: u32 });

function diagnosticsOf(definition: KernelDefinition): readonly KernelDiagnostic[] {
  try {
    checkKernel(definition);
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
const nothing = helper('nothing', { args: { n: u32 } }, () => undefined);
const divmod = helper('divmod', { args: { n: u32 }, returns: Pair }, (_k, { n }) => ({ q: n / 3, r: n % 3 }));
const fill = helper('fill', { args: { xs: mutableArray(i64) } }, (_k, { xs }) => {
  xs[0] = 1n;
});
const sum = helper('sum', { args: { lines: columns(struct({ amount: i64 })) }, returns: i64 }, (_k, { lines }) =>
  lines.amount.get(0),
);
const rank = helper('rank', { args: { lines: mutableColumns(struct({ amount: i64 })) } }, () => undefined);
const options = {
  params,
  uses: { twice, nothing, divmod, fill, sum, rank },
  constants: { TEN: constant(u32, 10) },
};

type Refused = Partial<Record<Rule, readonly (readonly [statement: string, fix: string])[]>>;
/** The place of the finding in the statements below. */
const HERE = '‸';

/** Statements of a map kernel that break one rule each, and what their message says about it. */
const IN_MAP_KERNELS: Refused = {
  unsupported: [
    ['p.out.value = ‸p.a ** 2;', 'write k.pow(x, y)'],
    ['p.out.value = ‸+p.a;', 'write k.f64(x)'],
    ["p.out.value = ‸'a' in p;", 'nothing has keys'],
    ['p.out.value = ‸p instanceof p;', 'types are known'],
    ["p.out.value = ‸typeof p.a === 'number';", 'types are known'],
    ['‸delete p.a;', 'assign its value'],
    ['p.out.value = ‸delete p.a;', 'nothing can be deleted'],
    ['p.out.value = ‸p.a ?? 1;', 'drop the ??'],
    ['p.out.value = ‸p?.a;', 'write a plain member'],
    ['p.out.value = ‸p.lines.amount?.[0];', 'write a plain member'],
    ["p.out.value = ‸'text';", 'use numbers or booleans'],
    ['p.out.value = ‸`text`;', 'use numbers'],
    ['p.out.value = ‸tag`text`;', 'use numbers'],
    ['p.out.value = ‸/x/;', 'use numbers or booleans'],
    ['p.out.value = ‸null;', 'use numbers or booleans'],
    ['const xs = ‸[1, 2];', 'scratch or shared memory'],
    ['const o = ‸{ n: p.a };', 'push and helpers'],
    ['const o = ‸new Array(4);', 'scratch or shared memory'],
    ['const f = ‸() => 1;', 'make it a helper'],
    ['const f = ‸function () { return 1; };', 'make it a helper'],
    ['‸function f() { return 1; }', 'make it a helper'],
    ['‸class C {}', 'use locals and helpers'],
    ['p.out.value = ‸this;', 'use the context'],
    ["const m = ‸import('x');", 'use helpers'],
    ['‸switch (p.a) {}', 'use if and else'],
    ['‸for (const v of p.lines.amount) {}', 'count an index'],
    ['‸for (const v in p) {}', 'count an index'],
    ['‸try { p.out.value = 1; } catch { }', 'drop the `try`'],
    ['‸throw 1;', 'write an output'],
    ['‸debugger;', 'drop the statement'],
    ['‸var v = k.u32(1);', 'use let or const'],
    ['const ‸[v] = p.lines.amount;', 'array patterns'],
    ['const ‸{ length } = p.a;', 'only parameters, the context and results'],
    ['const { ‸...rest } = p;', 'only plain names'],
    ['const { a: ‸c = 1 } = p;', 'only plain names'],
    ['const { ‸n } = p.rec;', 'write the record and its field'],
    ['let c = k.u32(1); ‸[c] = p.lines;', 'write one for each'],
    ['let c = k.u32(1); ‸c **= 2;', 'write the whole assignment'],
    ['let c = k.u32(1); ‸c ??= 2;', 'write the whole assignment'],
    ['‸p.a + 1;', 'assign its value to something'],
    ['‸k.min(p.a, 1);', 'assign its value to something'],
    ['p.out.value = k.min(‸...p.lines);', 'spread'],
    ['p.out.value = (‸p.rec.n = 1);', 'write this one as a statement'],
    ['p.out.value = ‸p.rec.n++;', 'write this one as a statement'],
    ['p.out.value = (‸p.a > 1 && k.uses.nothing({ n: 1 }), p.a);', 'write it as a statement before'],
    ['p.out.value = k.uses.twice({ ‸...p });', 'only `name: value`'],
    ["p.out.value = k.uses.twice({ ‸['n']: p.a });", 'only `name: value`'],
  ],
  'free-name': [
    ['p.out.value = ‸outside;', 'through `constants`'],
    ['p.out.value = ‸Math.max(p.a, p.a);', 'k.sqrt(x)'],
    ['p.out.value = ‸Math.PI;', 'members of the context'],
    ['p.out.value = ‸Number(p.a);', 'k.f64(x)'],
    ['p.flows.push({ rank: 1, amount: ‸BigInt(p.a) });', 'k.i64(x)'],
    ['‸console.log(p.a);', 'through `uses`'],
    ['p.out.value = ‸p.a();', 'call intrinsics as k.name'],
    ['{ const n = p.a; } p.out.value = ‸n;', 'declare it in the body'],
  ],
  'unknown-member': [
    ['p.out.value = k.‸nothing(p.a);', 'it has item'],
    ['p.out.value = p.‸nothing;', 'it has a, b, x, w'],
    ['p.rec.‸m = 1;', 'it has n'],
    ['p.out.value = p.lines.‸account[0];', 'it has amount, length'],
    ['p.out.value = p.lines.amount.‸map(1);', 'it has length, get'],
    ['p.out.value = k.constants.‸ELEVEN;', 'it has TEN'],
    ['p.out.value = k.constants.‸toString;', 'it has TEN'],
    ['p.out.value = k.uses.‸thrice({ n: p.a });', 'it has twice'],
    ['p.out.value = k.‸global.x;', 'it has item'],
    ['p.out.value = p.‸tile[0];', 'it has a, b'],
    ['k.‸atomicAdd(p.a, 0, 1);', 'it has item'],
    ['k.‸barrier();', 'it has item'],
    ['p.flows.push(‸{ rank: 1, amount: 1n, more: 2 });', 'it has rank, amount'],
    ['const r = k.uses.divmod({ n: p.a }); p.out.value = r.‸s;', 'it has q, r'],
    ['const { ‸s } = k.uses.divmod({ n: p.a });', 'it has q, r'],
    ['const n = p.a; p.out.value = n.‸x;', 'has no members'],
  ],
  'type-mismatch': [
    ['p.out.value = ‸p.a + p.b;', 'convert one side'],
    ['p.out.value = ‸p.b;', 'write k.u32(…)'],
    ['p.out.value = k.u32(‸p.a * p.w);', 'convert one side'],
    ['const t = ‸p.a == p.b;', 'convert one side'],
    ['const t = ‸p.a === p.x;', 'convert one side'],
    ['const t = ‸p.a === true;', 'convert one side'],
    ['const t = ‸p.a > 1 ? p.a : p.x;', 'convert one side'],
    ['let c = k.u32(1); c = ‸p.x;', 'write k.u32(…)'],
    ['let c = k.u32(1); c += ‸p.b;', 'write k.u32(…)'],
    ['p.out.value = ‸k.min(p.a, p.b);', 'convert one side'],
    ['p.out.value = k.uses.twice({ n: ‸p.b });', "argument 'n' must be u32"],
    ['p.flows.push({ rank: ‸p.w, amount: 1n });', "field 'rank'"],
    ['‸return p.a;', 'write to an output'],
    ["p.out.value = ‸k.bitcast('u32', p.w);", 'bitcast keeps the bits'],
    ['const t = k.bool(p.a) === ‸1;', 'write true, false'],
  ],
  'untyped-literal': [
    ['let y = ‸1;', 'write k.u32(…)'],
    ['const y = ‸1n;', 'write k.u32(…)'],
    ['const y = ‸-1;', 'write k.u32(…)'],
    ['const t = ‸1 < 2;', 'write k.u32(…)'],
    ["const y = k.bitcast('u32', ‸1);", 'write k.u32(…)'],
  ],
  'literal-range': [
    ['p.out.value = ‸1.5;', 'write an integer'],
    ['p.out.value = ‸-1;', 'choose a wider type'],
    ['p.out.value = ‸4294967296;', 'choose a wider type'],
    ['p.out.value = k.u32(k.i32(‸2147483648));', 'choose a wider type'],
  ],
  'bigint-literal': [
    ['p.out.value = ‸5n;', 'without the n'],
    ['if (p.w === ‸0) p.out.value = 1;', 'write 0n'],
    ['p.out.value = k.u32(p.w + ‸1);', 'write 1n'],
    ['p.out.value = p.a + ‸1n;', 'without the n'],
    ['p.flows.push({ rank: 1, amount: ‸2 });', 'write 2n'],
  ],
  'operator-type': [
    ['p.out.value = k.u32(‸p.x % 2);', 'k.trunc(x / y)'],
    ['p.out.value = k.u32(‸p.x | 0);', 'convert to an integer'],
    ['p.out.value = k.u32(‸~p.x);', '~ does not apply to f32'],
    ['p.out.value = k.u32(‸p.w >>> 1n);', 'k.u64(x) >> n'],
    ['p.out.value = k.u32(‸true < false);', 'use === or !=='],
    ['const t = ‸(p.a > 1) + (p.a > 2);', 'use &&, ||, !'],
    ['let t = p.a > 1; ‸t++;', '++ does not apply to bool'],
    ['const t = ‸-(p.a > 1);', '- does not apply to bool'],
    ['p.out.value = ‸k.abs(p.a);', 'wants a signed type'],
    ['p.out.value = ‸k.sqrt(p.a);', 'wants f32 or f64'],
    ['p.out.value = ‸k.exp(p.a);', 'write k.f32(…) or k.f64(…)'],
    ['p.out.value = ‸k.pow(p.a, 2);', 'write k.f32(…) or k.f64(…)'],
    ['p.out.value = k.u32(‸k.popcount(p.x));', 'wants i32, u32, i64 or u64'],
    ['const t = ‸k.min(true, false);', 'does not apply to bool'],
  ],
  'condition-type': [
    ['if (‸p.a) p.out.value = 1;', 'compare it'],
    ['while (‸1) p.out.value = 1;', 'compare it'],
    ['for (; ‸p.a;) p.out.value = 1;', 'compare it'],
    ['do p.out.value = 1; while (‸p.a);', 'compare it'],
    ['p.out.value = ‸p.a && 1;', 'compare it'],
    ['const t = !‸p.a;', 'compare it'],
    ['p.out.value = ‸p.a ? 1 : 2;', 'compare it'],
    ['p.out.value = k.select(‸p.a, p.a, 2);', 'compare it'],
  ],
  'index-type': [
    ['p.out.value = k.u32(p.lines.amount[‸p.w]);', 'write k.u32(…)'],
    ['p.out.value = k.u32(p.lines.amount[‸p.x]);', 'write k.u32(…)'],
    ['p.out.value = k.u32(p.lines.amount.get(‸p.x));', 'write k.u32(…)'],
    ['p.flows.amount[‸p.x] = 1n;', 'write k.u32(…)'],
  ],
  'read-only': [
    ['‸p.a = 1;', 'copy it into a let'],
    ['‸p.a++;', 'copy it into a let'],
    ['‸p.lines.amount[0] = 1n;', 'write to an output, inout or scratch'],
    ['‸p.out = 1;', 'assign to out.value'],
    ['const c = k.u32(1); ‸c = 2;', 'declare it with let'],
    ['‸p.lines.length = 3;', 'copy it into a let'],
    ['let q = p.lines; ‸q = p.lines;', "'lines' cannot be assigned to"],
    ['‸k.constants.TEN = 1;', 'copy it into a let'],
    ['const r = k.uses.divmod({ n: p.a }); ‸r.q = 1;', 'copy it into a let'],
    ['const { q } = k.uses.divmod({ n: p.a }); ‸q = 1;', 'copy it into a let'],
    ['k.uses.fill({ xs: ‸p.lines.amount });', 'is an input'],
    ['k.uses.rank({ lines: ‸p.lines });', 'is an input'],
  ],
  'not-a-value': [
    ['p.out.value = ‸p.lines;', 'index it'],
    ['p.out.value = ‸p.rec;', 'name one of its fields'],
    ['p.out.value = ‸k.min;', 'call it'],
    ['p.out.value = ‸k;', 'name one of its members'],
    ['p.out.value = ‸p.a[0];', 'only arrays can be indexed'],
    ['p.out.value = ‸undefined;', 'undefined is not a value'],
    ['p.out.value = ‸k.uses.nothing({ n: 1 });', 'call it as a statement'],
    ['p.out.value = ‸k.uses.divmod({ n: 1 });', 'read its fields'],
    ['const r = k.uses.divmod({ n: 1 }); p.out.value = ‸r;', 'name one of its fields'],
    ['p.out.value = ‸p.flows.push({ rank: 1, amount: 1n });', 'write it as a statement'],
  ],
  arguments: [
    ['p.flows.push(‸{ rank: 1 });', "the field 'amount'"],
    ['p.flows.push(‸1);', '{ rank, amount }'],
    ['‸p.flows.push();', 'takes one element'],
    ['p.out.value = ‸k.min(p.a);', 'takes 2 arguments, got 1'],
    ['p.out.value = ‸k.fma(p.x, p.x);', 'takes 3 arguments, got 2'],
    ['p.out.value = ‸k.bitcast(p.a, p.a);', "k.bitcast('u32', x)"],
    ['p.out.value = ‸k.uses.twice(p.a);', 'one object of named arguments: { n }'],
    ['p.out.value = ‸k.uses.twice({ m: p.a });', "has no argument 'm'"],
    ['p.out.value = ‸k.uses.twice({});', "also needs 'n'"],
    ['k.uses.fill({ xs: ‸p.a });', 'must be an array of i64'],
    ['p.out.value = k.u32(k.uses.sum({ lines: ‸p.lines.amount }));', 'list or array of structs with amount'],
  ],
  label: [
    ['‸outer: for (;;) break outer;', 'use a flag or a helper'],
    ['‸block: { p.out.value = 1; }', 'use a flag or a helper'],
  ],
  initialiser: [['let ‸y;', 'for example k.u32(0)']],
  'duplicate-name': [['p.out.value = k.uses.twice({ n: 1, ‸n: 2 });', 'is given twice']],
};

/** Statements of a grid kernel with a workgroup, full groups and shared arrays. */
const IN_GRID_KERNELS: Refused = {
  arguments: [
    ['k.atomicAdd(‸p.a, 0, 1);', 'declared with atomic(…)'],
    ['k.atomicAdd(‸p.tile, 0, 1);', 'declared with sharedAtomic(…)'],
    ['k.atomicAdd(‸p, 1, 1);', 'declared with atomic(…)'],
    ['‸k.atomicAdd(p.bins, 0);', 'takes 3 arguments, got 2'],
    ['‸k.atomicLoad(p.bins, 0, 1);', 'takes 2 arguments, got 3'],
    ['‸k.atomicCompareExchange(p.bins, 0, 1);', 'takes 4 arguments, got 3'],
    ['‸k.barrier(1);', 'takes no arguments'],
  ],
  'operator-type': [
    ['‸k.atomicMin(p.sums, 0, 1);', 'atomicAdd, atomicLoad, atomicStore and atomicExchange'],
    ['‸k.atomicCompareExchange(p.sums, 0, 1, 2);', 'does not apply to f32'],
  ],
  'type-mismatch': [
    ['k.atomicAdd(p.bins, 0, ‸k.i32(1));', "the value for 'bins' must be u32"],
    ['p.tile[0] = ‸k.u32(1);', 'write k.f32(…)'],
  ],
  'index-type': [['k.atomicAdd(p.bins, ‸k.f32(1), 1);', 'write k.u32(…)']],
  'read-only': [
    ['‸p.bins[0] = 1;', 'k.atomicAdd and the other atomics'],
    ['‸p.counts[0]++;', 'k.atomicAdd and the other atomics'],
    ['‸p.a[0] = 1;', 'write to an output'],
    ['‸k.global.x = 1;', 'copy it into a let'],
  ],
  'not-a-value': [
    ['p.out[0] = ‸p.bins[0];', 'k.atomicLoad'],
    ['p.out[0] = ‸p.bins;', 'k.atomicLoad'],
    ['k.atomicAdd(‸p.bins[0], 1, 1);', 'cannot be indexed'],
    ['const n = ‸k.atomicStore(p.bins, 0, 1);', 'write it as a statement'],
    ['const n = ‸k.barrier();', 'write it as a statement'],
    ['p.out[0] = ‸k.local;', 'name one of its members'],
  ],
  'unknown-member': [
    ['const i = k.‸item;', 'it has global'],
    ['const i = k.local.‸w;', 'it has x, y, z'],
    ['const n = p.bins.‸get(0);', 'k.atomicAdd'],
  ],
  unsupported: [['const n = (‸k.barrier(), p.a[0]);', 'write it as a statement before']],
  'barrier-divergence': [
    ['if (k.local.x > 3) ‸k.barrier();', 'move the barrier out'],
    ['if (!k.inRange) return; ‸k.barrier();', 'k.inRange'],
    ['for (let i = k.u32(0); i < k.local.x; i++) ‸k.barrier();', 'move the barrier out'],
    ['if (p.tile[0] > 1) ‸k.barrier();', 'move the barrier out'],
    ['for (let i = k.u32(0); i < 4; i++) { if (k.local.x > i) break; ‸k.barrier(); }', 'move the barrier out'],
  ],
};

/** Statements of a grid kernel without a workgroup. */
const IN_PLAIN_GRID_KERNELS: Refused = {
  workgroup: ['local.x', 'localSize.x', 'group.x', 'groupCount.x', 'inRange'].map((member) => [
    `const i = k.‸${member};`,
    'declare one beside params, for example workgroup: 256',
  ]),
  barrier: [['k.‸barrier();', 'declare one beside params']],
};

/** Statements of a helper `(k, { a, xs, ys, lines })` that returns a u32. */
const IN_HELPERS: Refused = {
  barrier: [['k.‸barrier(); return a;', 'in the body of a kernel, not in helpers']],
  'unknown-member': [
    ['return k.‸global.x;', 'it has constants'],
    ['return k.‸item;', 'it has constants'],
    ['return k.‸atomicLoad(xs, 0);', 'it has constants'],
  ],
  'type-mismatch': [
    ['return ‸k.i32(a);', 'the result must be u32'],
    ['return k.uses.twice({ n: ‸k.i32(1) });', "argument 'n'"],
  ],
  'read-only': [
    ['‸xs[0] = 1; return a;', 'is an input'],
    ['‸lines.amount[0] = 1n; return a;', 'is an input'],
    ['‸ys.length = 1; return a;', 'copy it into a let'],
  ],
  'missing-return': [
    ['if (a > 1) return a; ‸', 'return one on every path'],
    ['‸return;', 'give a value'],
  ],
};

/** Statements of a helper `(k, { a })` that returns `struct({ q: u32, r: u32 })`. */
const IN_HELPERS_OF_STRUCTS: Refused = {
  'type-mismatch': [
    ['return ‸a;', '{ q, r }'],
    ['return { q: a, r: ‸k.i32(1) };', "field 'r' must be u32"],
  ],
  arguments: [['return ‸{ q: a };', "also needs the field 'r'"]],
  'unknown-member': [['return ‸{ q: a, r: a, s: a };', 'it has q, r']],
  'duplicate-name': [['return { q: a, r: a, ‸q: a };', 'is given twice']],
  'missing-return': [['if (a > 1) return { q: a, r: a }; ‸', 'return one on every path']],
};

const CONTEXTS: readonly (readonly [name: string, refused: Refused, wrap: (statement: string) => KernelDefinition])[] =
  [
    ['a map kernel', IN_MAP_KERNELS, (s) => mapFromText(options, `(k, p) => {\n  ${s}}`)],
    [
      'a grid kernel',
      IN_GRID_KERNELS,
      (s) =>
        gridFromText(
          {
            params: { a: input(f32), out: output(f32), bins: atomic(u32), sums: atomic(f32) },
            workgroup: 64,
            grid: 'full-groups',
            shared: { tile: shared(f32, 64), counts: sharedAtomic(u32, 8) },
          },
          `(k, p) => {\n  ${s}}`,
        ),
    ],
    [
      'a grid kernel without a workgroup',
      IN_PLAIN_GRID_KERNELS,
      (s) => gridFromText({ params: { out: output(f32) } }, `(k, p) => {\n  ${s}}`),
    ],
    [
      'a helper',
      IN_HELPERS,
      (s) => {
        const args = { a: u32, xs: array(u32), ys: mutableArray(u32), lines: columns(struct({ amount: i64 })) };
        const h = helperFromText(
          'h',
          { args, returns: u32, uses: { twice } },
          `(k, { a, xs, ys, lines }) => {\n  ${s}}`,
        );
        const grid = { params: { n: inout(u32), lines: input(struct({ amount: i64 })) }, uses: { h } };
        return gridFromText(grid, '(k, { n, lines }) => { k.uses.h({ a: 1, xs: n, ys: n, lines }); }');
      },
    ],
    [
      'a helper with several results',
      IN_HELPERS_OF_STRUCTS,
      (s) => {
        const h = helperFromText('h', { args: { a: u32 }, returns: Pair }, `(k, { a }) => {\n  ${s}}`);
        return mapFromText({ params: { a: input(u32) }, uses: { h } }, '(k, { a }) => { k.uses.h({ a }); }');
      },
    ],
  ];

describe.each(CONTEXTS)('in %s', (_name, refused, wrap) => {
  const rows = Object.entries(refused).flatMap(([rule, list]) => list.map(([s, fix]) => [rule, s, fix] as const));
  it.each(rows)('%s refuses `%s`', (rule, statement, fix) => {
    const [finding, ...more] = diagnosticsOf(wrap(statement.replace(HERE, '')));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ rule, line: 2, column: statement.indexOf(HERE) + 3 });
    expect(finding?.message).toContain(fix);
  });
});

describe('the checker', () => {
  it('has a refusal for each of its rules in this file', () => {
    const elsewhere: Rule[] = ['syntax', 'recursion'];
    const refused = CONTEXTS.flatMap(([, rules]) => Object.keys(rules));
    expect(new Set([...refused, ...elsewhere])).toEqual(new Set(RULES));
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
    expect(() => checkKernel(definition)).toThrow(
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
    const [finding] = diagnosticsOf(mapKernel('test/bound', { params }, functionOf('() => {}').bind(null)));
    expect(finding).toMatchObject({ rule: 'syntax', line: 1, column: 1 });
    expect(finding?.message).toContain('pass an arrow function');
  });
});

describe('a body that is another kind of function', () => {
  it.each([
    ['class C {}', 'syntax', "keyword 'class'"],
    ['async (k, p) => { }', 'unsupported', 'a plain function'],
    ['function* (k, p) { }', 'unsupported', 'a plain function'],
    ['(k, p, more) => { }', 'arguments', 'takes the context and the parameters'],
    ['(k, [p]) => { }', 'unsupported', 'only plain names'],
    ['(k, p) => p.a', 'unsupported', 'assign its value'],
  ])('%s is refused by %s', (text, rule, fix) => {
    const [finding, ...more] = diagnosticsOf(mapFromText(options, text));
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ rule, line: 1 });
    expect(finding?.message).toContain(fix);
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
