import { atomic, f32, helper, inout, input, shared, u32, uniform } from '../index.js';
import { describe, expect, it } from 'vitest';
import { array, mutableArray } from '../authoring/define-helper.js';
import { lowerKernel } from '../check/check-kernel.js';
import { walkStmts } from '../ir/walk.js';
import { functionOf, gridFromText } from '../testing/kernel-from-text.js';
import { canonicalise } from './canonical.js';
import { uniformityOf, uniformityOfHelper } from './uniformity.js';
import type { Uniformity } from './uniformity.js';

const sum = helper(
  'sum',
  { args: { xs: array(u32), from: u32 }, returns: u32 },
  functionOf(
    '(k, { xs, from }) => { let s = k.u32(0); for (let i = from; i < xs.length; i++) s += xs[i]; return s; }',
  ) as never,
);
const put = helper(
  'put',
  { args: { xs: mutableArray(u32), at: u32 }, returns: u32 },
  functionOf('(k, { xs, at }) => { xs[at] = 1; return at; }') as never,
);

const options = {
  params: { x: input(u32), y: inout(u32), bins: atomic(u32), n: uniform(u32), f: input(f32) },
  workgroup: 64 as const,
  grid: 'full-groups' as const,
  shared: { tile: shared(u32, 64) },
  uses: { sum, put },
};

function analyse(text: string): Uniformity {
  return uniformityOf(
    canonicalise(lowerKernel(gridFromText(options, `(k, { x, y, bins, n, f, tile }) => { ${text} }`))),
  );
}

describe('a barrier', () => {
  it.each([
    ['an if on a uniform', 'if (n > 3) { k.barrier(); }'],
    ['an if on a group id', 'if (k.group.x === 0 || k.groupCount.x > n) k.barrier();'],
    ['a counting loop', 'for (let s = k.u32(32); s > 0; s >>= 1) { if (k.local.x < s) tile[0] = s; k.barrier(); }'],
    ['an input read at a uniform index', 'const m = x[k.group.x]; for (let i = k.u32(0); i < m; i++) k.barrier();'],
    ['lengths', 'if (x.length > tile.length) k.barrier();'],
    ['a uniform break', 'for (;;) { k.barrier(); if (n > 3) break; }'],
    ['a uniform return before it', 'if (n > 3) return; k.barrier();'],
    ['an inner loop that some ids leave', 'let i = k.local.x; while (i > 3) { i -= 1; } k.barrier();'],
    ['an inner break', 'for (let i = k.u32(0); i < 9; i++) { if (i > k.local.x) break; } k.barrier();'],
    ['a helper that reads an input', 'if (k.uses.sum({ xs: x, from: n }) > 3) k.barrier();'],
    ['a varying return after it', 'k.barrier(); if (k.local.x > 3) return; y[k.global.x] = n;'],
    [
      'a varying continue after it',
      'for (let i = k.u32(0); i < n; i++) { k.barrier(); if (k.local.x > 3) { if (k.local.x > 5) continue; y[0] = 1; } y[1] = n; }',
    ],
    ['a cast and a select of uniforms', 'if (k.select(n > 2, k.f32(n), f[0]) > 2) k.barrier();'],
  ])('may stand behind %s', (_, text) => {
    expect(analyse(text).violations).toEqual([]);
  });

  it.each([
    ['an if on an id', 'if (k.local.x < 3) k.barrier();', 'k.local.x'],
    ['an else', 'if (k.global.x < 3) { y[0] = 1; } else { k.barrier(); }', 'k.global.x'],
    ['k.inRange', 'if (k.inRange) k.barrier();', 'k.inRange'],
    ['a varying local', 'let m = n; if (n > 3) m = k.local.x; if (m > 2) k.barrier();', "'m'"],
    ['a local assigned under varying flow', 'let m = n; if (k.local.x > 3) m = 2; if (m > 2) k.barrier();', "'m'"],
    [
      'a local assigned in a short-circuit',
      'let m = n; if (k.local.x > 3 && (m = 2) > 1) y[0] = 1; if (m > 2) k.barrier();',
      "'m'",
    ],
    ['a shared element', 'if (tile[0] > 2) k.barrier();', 'an array that ids write'],
    ['an inout element', 'if (y[0] > 2) k.barrier();', 'an array that ids write'],
    ['an input at a varying index', 'if (x[k.local.x] > 2) k.barrier();', 'k.local.x'],
    ['an atomic', 'if (k.atomicAdd(bins, 0, 1) > 2) k.barrier();', 'atomic'],
    ['a helper over a written array', 'if (k.uses.sum({ xs: y, from: 0 }) > 2) k.barrier();', 'helper'],
    ['a helper that writes', 'if (k.uses.put({ xs: y, at: 0 }) > 2) k.barrier();', 'helper'],
    ['a varying loop condition', 'for (let i = k.u32(0); i < k.local.x; i++) k.barrier();', 'numbers of rounds'],
    ['a varying break before it', 'for (;;) { if (k.local.x > 3) break; k.barrier(); }', 'numbers of rounds'],
    [
      'a varying break after it, in the next round',
      'for (let i = k.u32(0); i < n; i++) { k.barrier(); if (k.local.x > i) break; }',
      'this break',
    ],
    [
      'a varying continue before it',
      'for (let i = k.u32(0); i < n; i++) { if (n > 3) { if (k.local.x > i) continue; y[1] = 1; } k.barrier(); }',
      'this continue',
    ],
    ['a varying return before it', 'if (n > 3) { if (k.local.x > 3) return; y[1] = 1; } k.barrier();', 'this return'],
    [
      'a varying return in a loop around it',
      'for (let i = k.u32(0); i < n; i++) { k.barrier(); if (k.local.x > i) return; }',
      'this return',
    ],
    [
      'a local that becomes varying in a later round',
      'let m = n; for (let i = k.u32(0); i < n; i++) { if (m > 3) k.barrier(); m = k.local.x; }',
      "'m'",
    ],
  ])('may not stand behind %s', (_, text, because) => {
    const [violation, ...more] = analyse(text).violations;
    expect(more).toEqual([]);
    expect(violation?.because).toContain(because);
  });

  it('is reported at its place, with the place of the cause', () => {
    const text = '(k, { y, tile }) => { y[0] = 1; if (k.local.x > 3) { y[1] = 2; k.barrier(); } }';
    const [violation] = uniformityOf(lowerKernel(gridFromText(options, text))).violations;
    expect(text.slice(violation?.at)).toMatch(/^k\.barrier\(\)/);
    expect(text.slice(violation?.causeAt)).toMatch(/^k\.local\.x > 3/);
  });
});

describe('in a helper', () => {
  const definition = gridFromText(
    options,
    '(k, { x, y, n }) => { y[k.global.x] = k.uses.sum({ xs: x, from: n }) + k.uses.sum({ xs: x, from: k.local.x }); }',
  );
  const kernel = lowerKernel(definition);

  it('the arguments of each call decide', () => {
    const outside = uniformityOf(kernel);
    const answers: boolean[] = [];
    walkStmts(kernel.main.body, {
      expr: (e) => {
        if (e.op !== 'call') return;
        const inside = uniformityOfHelper(kernel, e.helper, outside.argsOf(e));
        walkStmts(kernel.helpers[e.helper]?.body ?? [], {
          stmt: (s) => {
            if (s.op === 'return') answers.push(s.values.every((value) => inside.isUniform(value)));
          },
        });
      },
    });
    expect(answers).toEqual([true, false]);
  });
});
