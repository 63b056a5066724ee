import { describe, expect, it } from 'vitest';
import { createKernelCompiler, f32, input, mapKernel, output } from '../index.js';

const copy = mapKernel('test/copy', { params: { x: input(f32), y: output(f32) } }, (_k, { x, y }) => {
  y.value = x;
});

describe('a compiler', () => {
  it.each([
    ['what is no kernel', {}, {}, /INVALID_ARGUMENT: definition/],
    ['a target that it does not know', copy, { targets: ['metal'] }, /options\.targets must be one of wasm, js/],
    ['another form of SIMD', copy, { simd: 'maybe' }, /options\.simd must be auto, never or always/],
  ])('refuses %s', (_what, definition, options, message) => {
    expect(() => createKernelCompiler().compile(definition as never, options as never)).toThrow(message);
  });
});
