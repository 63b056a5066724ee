import { describe, expect, it } from 'vitest';
import { buildIr } from '../compile/kernel-compiler.js';
import { createKernelCompiler, f32, helper, input, mapKernel, output } from '../index.js';
import { runKernel } from '../testing/argument-block.js';
import { lowerMath } from './lower-math.js';

const circle = helper(
  'circle',
  { args: { x: f32 }, returns: f32 },
  (k, { x }) => k.sin(x) * k.sin(x) + k.cos(x) * k.cos(x),
);
const ones = helper('ones', { args: { x: f32 }, returns: f32, uses: { circle } }, (k, { x }) => k.uses.circle({ x }));
const kernel = mapKernel(
  'test/lowered',
  { params: { x: input(f32), y: output(f32) }, uses: { ones } },
  (k, p) => void (p.y.value = k.fma(k.uses.ones({ x: p.x }), 2, k.cos(k.f32(0)))),
);

describe('lowering of math functions', () => {
  it('puts each library function once before the functions that call it', () => {
    const names = lowerMath(buildIr(kernel)).helpers.map((h) => h.name);
    expect([...names].sort()).toEqual([...new Set(names)].sort());
    expect(names.indexOf('sine_f32')).toBeLessThan(names.indexOf('sin_f32'));
    expect(names.slice(-2)).toEqual(['circle', 'ones']);
  });

  it('leaves functions alone that the target has', () => {
    const text = JSON.stringify(lowerMath(buildIr(kernel), new Set(['fma'])));
    expect(text.match(/"op":"math","type":"f32","fn":"\w+"/g)).toEqual(['"op":"math","type":"f32","fn":"fma"']);
    expect(text).not.toContain('fma_f32');
  });

  it('keeps calls pointing at what they called', () => {
    const compiled = createKernelCompiler().compile(kernel);
    for (const target of ['wasm', 'js'] as const) {
      const { outputs } = runKernel(compiled, target, { size: 2, values: { x: [0.25, 1e30] } });
      expect(outputs['y']).toEqual([3, 3]);
    }
  });
});
