import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RULES } from '../check/diagnostics.js';
import { createKernelCompiler, f32, i64, input, mapKernel, output, u32 } from '../index.js';
import type { KernelDescriptor } from '../index.js';
import { mapFromText } from '../testing/kernel-from-text.js';
import { sorted, totals } from '../testing/sample-kernels.js';

const describeKernel = (
  definition: Parameters<ReturnType<typeof createKernelCompiler>['compile']>[0],
): KernelDescriptor => createKernelCompiler().compile(definition).descriptor;

describe('a descriptor', () => {
  it('says what a kernel does and needs', () => {
    expect(describeKernel(totals)).toMatchObject({ effects: 'pure', requires: ['f64', 'i64'], readsItemIndex: false });
    expect(describeKernel(sorted)).toMatchObject({ requires: ['i64'], kind: 'map', fp: 'default', bounds: 'checked' });
  });

  it('tells which kernels read the index of their item', () => {
    const definition = mapKernel('test/item', { params: { out: output(u32) } }, (k, { out }) => {
      out.value = k.item;
    });
    expect(describeKernel(definition)).toMatchObject({ readsItemIndex: true, requires: [] });
  });

  it('requires what only the body uses', () => {
    const params = { a: input(f32), out: output(f32) };
    expect(
      describeKernel(mapFromText({ params }, '(k, { a, out }) => { out.value = k.f32(k.f64(a) * 3); }')).requires,
    ).toEqual(['f64']);
    const wide = { a: input(i64), out: output(f32) };
    const rounded = mapFromText({ params: wide }, '(k, { a, out }) => { out.value = k.f32(a); }');
    expect(describeKernel(rounded).requires).toEqual(['f64', 'i64']);
  });

  it('keeps its id when only names and white space change, and changes it with the program', () => {
    const params = { a: input(u32), out: output(u32) };
    const id = (text: string): string => describeKernel(mapFromText({ params }, text)).id;
    const first = id('(k, { a, out }) => { let n = a; n += 1; n *= n; out.value = n; }');
    expect(first).toMatch(/^test\/text@[0-9a-f]{16}$/);
    expect(
      id('(ctx, p) => {\n  let other = p.a; // the same\n  other++;\n  other *= other;\n  p.out.value = other;\n}'),
    ).toBe(first);
    expect(id('(k, { a, out }) => { let n = a; n += 2; n *= n; out.value = n; }')).not.toBe(first);
  });
});

describe('docs/KERNELS.md', () => {
  it('lists every rule of the checker', () => {
    const docs = readFileSync(new URL('../../../../docs/KERNELS.md', import.meta.url), 'utf8');
    expect(RULES.filter((rule) => !docs.includes(`| \`${rule}\` |`))).toEqual([]);
  });
});
