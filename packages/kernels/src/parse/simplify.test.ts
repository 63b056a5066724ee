import { describe, expect, it } from 'vitest';
import { createKernelCompiler, f32, i64, input, mapKernel, output, struct, u32 } from '../index.js';
import { functionOf } from '../testing/kernel-from-text.js';

const compiler = createKernelCompiler();

const forms = mapKernel(
  'test/forms',
  {
    params: {
      rate: input(f32),
      out: output(struct({ n: u32, sum: i64, rate: f32 })),
    },
  },
  () => undefined,
);

describe('a body with the statement forms of minifiers', () => {
  it('compiles to the same kernel', () => {
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

  it('computes literals as JavaScript does before it gives them a type', () => {
    const rate = (text: string): string =>
      compiler.compile({ ...forms, body: functionOf(`(k,{out:o})=>{o.rate=${text}}`) }).descriptor.id;
    expect(rate('0.1 + 0.2')).toBe(rate('0.30000000000000004'));
    expect(rate('16777217 * 3')).toBe(rate('50331651'));
    expect(rate('-(7 / 2)')).toBe(rate('-3.5'));
  });
});

describe('coverage counters', () => {
  const body = (text: string): string => compiler.compile({ ...forms, body: functionOf(text) }).descriptor.id;
  const plain = body('(k, { out, rate }) => { if (rate > 2 && rate < 5) out.n = 1; else out.rate = rate; }');

  it('are not part of a kernel', () => {
    expect(
      body(`(k, { out, rate }) => {
        cov_1x().f[0]++;
        cov_1x().s[4]++;
        if ((cov_1x().b[1][0]++, rate > 2) && (cov_1x().b[1][1]++, rate < 5)) {
          cov_1x().b[0][0]++;
          cov_1x().s[5]++;
          out.n = 1;
        } else {
          cov_1x().b[0][1]++;
          out.rate = (cov_1x().s[6]++, rate);
        }
      }`),
    ).toBe(plain);
    expect(body('(k,{out:o,rate:r})=>{t().f[0]++,t().b[1][0]++,r>2&&r<5?(++t().s[1],o.n=1):o.rate=r}')).toBe(plain);
    expect(body('(k,{out:o,rate:r})=>{cov_9.s[0]++;r>2&&r<5?o.n=1:o.rate=r}')).toBe(plain);
  });

  it('are told apart from what an author writes', () => {
    const refused =
      (text: string): (() => string) =>
      () =>
        body(`(k, { out, rate }) => { ${text} }`);
    for (const text of ['t().x[0]++;', 't(1).s[0]++;', 's[0]++;', 't().s[rate]++;', 't().s[0] += 2;', 'k.s[0]++;']) {
      expect(refused(text), text).toThrow(/KERNEL_BUILD_FAILED/);
    }
  });
});
