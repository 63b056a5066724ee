import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { createKernelCompiler, f32, i64, input, mapKernel, output, ragged, scratch, struct, u32 } from '../index.js';
import type { KernelDefinition } from '../index.js';
import { functionOf } from '../testing/kernel-from-text.js';
import { helped, sorted, totals } from '../testing/sample-kernels.js';

// esbuild comes with tsup, which is what minifies users' bundles here.
const fromTsup = createRequire(createRequire(import.meta.url).resolve('tsup/package.json'));
const { transformSync } = fromTsup('esbuild') as {
  transformSync: (code: string, options: { minify: boolean; target: string }) => { code: string };
};

const compiler = createKernelCompiler();

function minified(text: string): string {
  const { code } = transformSync(`globalThis.body = ${text}`, { minify: true, target: 'es2022' });
  return code
    .trim()
    .replace(/^globalThis\.body=/, '')
    .replace(/;$/, '');
}

const forms = mapKernel(
  'test/forms',
  {
    params: {
      lines: input(ragged(struct({ amount: i64, kind: u32 }))),
      rate: input(f32),
      work: scratch(u32, { max: [1, 4] }),
      out: output(struct({ n: u32, sum: i64, rate: f32 })),
    },
  },
  (k, { lines, rate, work, out }) => {
    let found = k.u32(0);
    let sum = k.i64(0);
    if (lines.length === 0) {
      out.n = 0;
      return;
    }
    for (let i = k.u32(0); i < lines.length; i++) {
      const amount = lines.amount[i]!;
      if (amount < 0n) continue;
      if (lines.kind[i]! === 3 || !(amount > 5n)) {
        if (found < work.length) {
          work[found] = i;
          found++;
        }
      } else if (amount > 1000n) {
        break;
      }
      sum += amount;
    }
    while (true) {
      if (found > 3) break;
      found += 2;
    }
    out.n = found > 4 ? found : 4;
    if (rate > 2) out.rate = rate;
    else out.rate = 2;
    out.sum = sum;
  },
);

describe('a body minified by esbuild', () => {
  it.each([totals, sorted, helped, forms].map((d): [string, KernelDefinition] => [d.name, d]))(
    'compiles %s to the same kernel',
    (_, definition) => {
      const text = Function.prototype.toString.call(definition.body);
      const small = minified(text);
      expect(small.length).toBeLessThan(text.length);
      const again = { ...definition, body: functionOf(small) };
      expect(compiler.compile(again).descriptor.id).toBe(compiler.compile(definition).descriptor.id);
    },
  );

  it('may use the statement forms of minifiers', () => {
    const body = (text: string): string => compiler.compile({ ...forms, body: functionOf(text) }).descriptor.id;
    expect(body('(k,{out:o,rate:r})=>{r>2&&(o.n=1,o.sum=2n)}')).toBe(
      body('(k, { out, rate }) => { if (rate > 2) { out.n = 1; out.sum = 2n; } }'),
    );
    expect(body('(k,{out:o,rate:r})=>{r>2||(o.n=1)}')).toBe(
      body('(k, { out, rate }) => { if (!(rate > 2)) out.n = 1; }'),
    );
    expect(body('(k,{out:o})=>{for(let i=k.u32(0);i<3;)o.n+=i,i++}')).toBe(
      body('(k, { out }) => { for (let i = k.u32(0); i < 3; i++) out.n += i; }'),
    );
    expect(body('(k,{out:o,rate:r})=>{if(r>2?(o.n=1,o.sum=2n):r>1&&(o.n=2),r>3){o.sum=4n}}')).toBe(
      body(
        '(k, { out, rate }) => { if (rate > 2) { out.n = 1; out.sum = 2n; } else if (rate > 1) out.n = 2; if (rate > 3) out.sum = 4n; }',
      ),
    );
    expect(body('(k,{out:o})=>{let a=!0;a&&(o.n=1)}')).toBe(
      body('(k, { out }) => { const a = true; if (a) out.n = 1; }'),
    );
    expect(body('(k,{out:o})=>{o.n=1;return void 0}')).toBe(body('(k, { out }) => { out.n = 1; }'));
  });
});
