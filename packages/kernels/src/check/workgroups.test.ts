import { describe, expect, it } from 'vitest';
import { atomic, f32, gridKernel, input, mapKernel, output, shared, sharedAtomic, u32 } from '../index.js';
import type { IrKernel, Stmt } from '../ir/nodes.js';
import { gridFromText } from '../testing/kernel-from-text.js';
import type { TextGridKernel } from '../testing/kernel-from-text.js';
import { checkKernel } from './check-kernel.js';

const params = { a: input(f32), out: output(f32), bins: atomic(u32), sums: atomic(f32) };
const options = {
  params,
  workgroup: [16, 4] as const,
  grid: 'full-groups' as const,
  shared: { tile: shared(f32, 64), counts: sharedAtomic(u32, 8) },
};

const lower = (statement: string): IrKernel => checkKernel(gridFromText(options, `(k, p) => { ${statement} }`));
const only = (statement: string): Stmt | undefined => lower(statement).main.body[0];

describe('a kernel with a workgroup', () => {
  it('carries its workgroup and shared arrays into the intermediate form', () => {
    expect(lower('')).toMatchObject({
      workgroup: [16, 4, 1],
      fullGroups: true,
      shared: [
        { name: 'tile', dtype: 'f32', length: 64, atomic: false },
        { name: 'counts', dtype: 'u32', length: 8, atomic: true },
      ],
    });
  });

  it.each([
    ['local', 'x'],
    ['group', 'y'],
    ['groupCount', 'z'],
  ])('reads k.%s.%s', (which, axis) => {
    expect(only(`const i = k.${which}.${axis};`)).toMatchObject({ op: 'let', value: { op: 'id', which, axis } });
  });

  it('knows its local size and the lengths of its shared arrays', () => {
    const values = (body: readonly Stmt[]): unknown[] =>
      body.map((s) => (s.op === 'let' && s.value.op === 'literal' ? s.value.value : s));
    expect(values(lower('const a = k.localSize.x, b = k.localSize.y, c = k.localSize.z;').main.body)).toEqual([
      16, 4, 1,
    ]);
    expect(values(lower('const a = p.tile.length, b = p.counts.length;').main.body)).toEqual([64, 8]);
  });

  it('has barriers as statements', () => {
    expect(lower('p.tile[k.local.x] = 1; k.barrier();').main.body).toMatchObject([
      { op: 'store', array: { kind: 'shared', shared: 0, dtype: 'f32' } },
      { op: 'barrier' },
    ]);
  });

  it('asks whether an id is in range only where ids beyond the global size run', () => {
    const text = '(k, p) => { const inside = k.inRange; }';
    expect(checkKernel(gridFromText(options, text)).main.body).toMatchObject([{ value: { op: 'inRange' } }]);
    const exact = gridFromText({ params, workgroup: 64 }, text);
    expect(checkKernel(exact).main.body).toMatchObject([{ value: { op: 'literal', value: true } }]);
  });

  it.each([
    ['k.atomicAdd(p.bins, 0, 1)', { operator: 'add', value: { value: 1 }, expected: null }],
    ['k.atomicStore(p.counts, 0, 1)', { operator: 'store', array: { kind: 'shared', shared: 1 }, expected: null }],
    ['k.atomicExchange(p.sums, 0, 1.5)', { operator: 'exchange', type: 'f32', value: { value: 1.5 } }],
    [
      'k.atomicCompareExchange(p.bins, 1, 2, 3)',
      { operator: 'compareExchange', expected: { value: 2 }, value: { value: 3 } },
    ],
  ])('lowers %s', (call, node) => {
    expect(only(`${call};`)).toMatchObject({ op: 'do', value: { op: 'atomic', ...node } });
  });

  it.each([
    ['k.pow(p.a[0], 2)', { op: 'math', fn: 'pow', type: 'f32', args: [{ op: 'load' }, { op: 'literal', value: 2 }] }],
    ['k.fma(k.f64(1), 2, 3)', { op: 'math', fn: 'fma', type: 'f64' }],
  ])('lowers %s', (call, node) => {
    expect(only(`const x = ${call};`)).toMatchObject({ op: 'let', value: node });
  });
});

describe('definitions with workgroups', () => {
  const body = (): void => undefined;
  it.each([
    ['a workgroup of 0', { params, workgroup: 0 }],
    ['a fractional workgroup', { params, workgroup: 1.5 }],
    ['more than 1024 ids', { params, workgroup: [64, 32] as const }],
    ['four axes', { params, workgroup: [1, 1, 1, 1] as never }],
    ['no number', { params, workgroup: '64' as never }],
    ['an unknown grid', { params, workgroup: 64, grid: 'full' as never }],
    ['full groups without a workgroup', { params, grid: 'full-groups' as const }],
    ['shared arrays without a workgroup', { params, shared: { tile: shared(f32, 4) } }],
    ['a shared array named like a parameter', { params, workgroup: 4, shared: { a: shared(f32, 4) } }],
    ['more than 32 KiB', { params, workgroup: 4, shared: { a1: shared(f32, 8000), b1: shared(f32, 193) } }],
    ['something else as shared array', { params, workgroup: 4, shared: { tile: input(f32) as never } }],
    [
      'an atomic array of bool',
      { params: { a: { role: 'atomic', type: { kind: 'scalar', dtype: 'bool' } } as never } },
    ],
  ])('are refused: %s', (_what, bad) => {
    expect(() => gridKernel('test/bad', bad as TextGridKernel, body)).toThrow(/INVALID_ARGUMENT/);
  });

  it('are refused in map kernels', () => {
    const bad = { params: { a: input(f32) }, workgroup: 64 };
    expect(() => mapKernel('test/bad', bad, body)).toThrow(/INVALID_ARGUMENT.*workgroup/);
  });

  it.each([
    [64, [64, 1, 1]],
    [
      [8, 8],
      [8, 8, 1],
    ],
    [
      [4, 4, 4],
      [4, 4, 4],
    ],
  ])('normalise %j', (workgroup, sizes) => {
    const options = { params, workgroup: workgroup as number };
    expect(gridKernel('test/good', options, body).workgroup).toEqual(sizes);
  });
});

describe('a barrier that some ids may not reach', () => {
  it('is refused with its place, the place of the condition and what to do', () => {
    const text = '(k, p) => {\n  if (k.local.x > 3) return;\n  k.barrier();\n}';
    expect(() => checkKernel(gridFromText(options, text))).toThrow(
      /:3:3 barrier-divergence: .*because .*\(2:\d+\); move the barrier out/,
    );
  });
});
