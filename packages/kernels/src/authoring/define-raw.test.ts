import { describe, expect, it } from 'vitest';
import { checkKernel } from '../check/check-kernel.js';
import { f32, input, output, raw, shared, struct, u32, uniform } from '../index.js';

const params = { a: input(f32), scale: uniform(f32), out: output(f32) };

describe('raw', () => {
  it('declares a grid kernel with its texts, without a body', () => {
    const options = {
      params,
      workgroup: [8, 8] as const,
      grid: 'full-groups' as const,
      shared: { tile: shared(f32, 64) },
    };
    const texts = { cuda: 'out[global_x] = a[global_x] * scale;', opencl: 'out[global_x] = a[global_x] * scale;' };
    const definition = raw('test/raw', options, texts);
    expect(definition).toMatchObject({
      kind: 'grid',
      name: 'test/raw',
      params,
      workgroup: [8, 8, 1],
      grid: 'full-groups',
      shared: options.shared,
      bounds: 'off',
      raw: texts,
    });
    expect(Object.isFrozen(definition)).toBe(true);
    expect(checkKernel(definition)).toMatchObject({ workgroup: [8, 8, 1], main: { body: [] } });
  });

  it.each([
    ['no text', {}, /sources.*at least one of cuda, opencl, wgsl/],
    ['an empty text', { cuda: ' ' }, /sources\.cuda/],
    ['another language', { hip: 'x' }, /sources.*cuda, opencl, wgsl.*hip/],
    ['nothing', undefined, /sources/],
  ])('refuses %s', (_what, sources, message) => {
    expect(() => raw('test/raw', { params }, sources as never)).toThrow(message);
  });

  it('refuses parameters that would have one name in the text', () => {
    const clash = { a: input(f32), a_length: uniform(u32) };
    expect(() => raw('test/raw', { params: clash }, { cuda: ';' })).toThrow(/params.*a_length/);
    const columns = { p: input(struct({ x: f32 })), p_x: input(f32) };
    expect(() => raw('test/raw', { params: columns }, { cuda: ';' })).toThrow(/params.*p_x/);
  });

  it('refuses what other kernels refuse', () => {
    expect(() => raw('Test', { params }, { cuda: ';' })).toThrow(/INVALID_ARGUMENT: name/);
    expect(() => raw('test/raw', { params, grid: 'full-groups' }, { cuda: ';' })).toThrow(/INVALID_ARGUMENT: grid/);
  });
});
