import { describe, expect, it } from 'vitest';
import { buildIr } from '../compile/kernel-compiler.js';
import { inout, u32, uniform } from '../index.js';
import type { Stmt } from '../ir/nodes.js';
import { blocksOf } from '../ir/walk.js';
import { gridFromText } from '../testing/kernel-from-text.js';
import { withClosedBranches } from './closed-branches.js';

function closed(text: string): string {
  const options = { params: { n: uniform(u32), a: inout(u32) }, workgroup: 8, grid: 'full-groups' } as const;
  const kernel = buildIr(gridFromText(options, `(k, { n, a }) => { ${text} }`));
  return outlineOf(withClosedBranches(kernel).main.body);
}

function outlineOf(stmts: readonly Stmt[]): string {
  const one = (stmt: Stmt): string => {
    const blocks = blocksOf(stmt).filter((block) => block.length > 0);
    return [stmt.op, ...blocks.map((block) => `{ ${outlineOf(block)} }`)].join(' ');
  };
  return stmts.map(one).join(' ');
}

describe('branches with barriers', () => {
  it.each([
    ['at its end', 'if (n > 3) { k.barrier(); if (k.inRange) a[0] = 1; }', 'if { barrier if { store } barrier }'],
    [
      'before it leaves a loop',
      'for (;;) { k.barrier(); if (n > 3) break; a[0] = 1; }',
      'loop { barrier if { barrier break } { store } }',
    ],
  ])('get one %s', (_, text, outline) => {
    expect(closed(text)).toBe(outline);
  });

  it.each([
    ['has one there', 'if (n > 3) { a[0] = 1; k.barrier(); }', 'if { store barrier }'],
    ['has none inside', 'k.barrier(); if (n > 3) { a[0] = 1; }', 'barrier if { store }'],
    [
      'loses ids on the way',
      'if (n > 3) { k.barrier(); for (;;) { if (k.local.x > n) return; a[0] = 1; } }',
      'if { barrier loop { if { return } { store } } }',
    ],
  ])('get none more where a branch %s', (_, text, outline) => {
    expect(closed(text)).toBe(outline);
  });
});
