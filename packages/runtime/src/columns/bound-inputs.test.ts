import {
  GpuBridgeError,
  atomic,
  bool,
  f32,
  f64,
  i32,
  i64,
  inout,
  input,
  output,
  ragged,
  struct,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { kernelOf } from '../testing/fixture.js';
import { bindGridInputs, bindMapInputs } from './bound-inputs.js';

const map = kernelOf({
  by: uniform(i32),
  big: uniform(u64),
  on: uniform(bool),
  rate: uniform(f32),
  x: input(f32),
  id: input(i64),
  flag: input(bool),
  pair: input(struct({ a: f64, b: u32 })),
  lines: input(ragged(struct({ account: u32, amount: i64 }))),
  out: output(u32),
}).shape;

const good = (): Record<string, unknown> => ({
  by: -5,
  big: 2n ** 63n,
  on: true,
  rate: 0.5,
  x: new Float32Array(2),
  id: Float64Array.of(-1, 2 ** 53 - 1),
  flag: Uint32Array.of(0, 1),
  pair: { a: new Float64Array(2), b: new Uint32Array(2) },
  lines: {
    offsets: Uint32Array.of(0, 1, 4),
    columns: { account: new Uint32Array(4), amount: new BigInt64Array(4) },
  },
});

const lines = (offsets: unknown, amount: unknown = new BigInt64Array(4)): Record<string, unknown> => ({
  lines: { offsets, columns: { account: new Uint32Array(4), amount } },
});

describe('bindMapInputs', () => {
  it('flattens good inputs to slots, with what their lists hold', () => {
    const bound = bindMapInputs(map, good());
    expect(bound).toMatchObject({ itemCount: 2, elements: [4], longest: [3], grid: [2, 1, 1] });
    expect(bound.uniforms).toEqual([-5, 2n ** 63n, true, 0.5]);
    expect(bound.sources.filter((source) => source !== undefined)).toHaveLength(8);
  });

  it.each<[field: string, change: Record<string, unknown>]>([
    ['by', { by: 2 ** 31 }],
    ['by', { by: 1.5 }],
    ['by', { by: undefined }],
    ['big', { big: -1n }],
    ['big', { big: 2 ** 53 }],
    ['on', { on: 1 }],
    ['rate', { rate: '1' }],
    ['x', { x: [1, 2] }],
    ['x', { x: undefined }],
    ['x', { x: new Float64Array(2) }],
    ['id', { id: new Float32Array(2) }],
    ['id', { id: { low: new Uint32Array(2), high: new Uint32Array(1) } }],
    ['id', { id: new BigUint64Array(2) }],
    ['flag[1]', { flag: Uint32Array.of(0, 2) }],
    ['pair.b', { pair: { a: new Float64Array(2) } }],
    ['pair.a', { pair: null }],
    ['pair', { pair: { a: new Float64Array(2), b: new Uint32Array(3) } }],
    ['id', { id: new BigInt64Array(3) }],
    ['lines.offsets', { lines: undefined }],
    ['lines.offsets', lines([0, 1, 4])],
    ['lines.offsets', lines(new Uint32Array(0))],
    ['lines.offsets[0]', lines(Uint32Array.of(1, 1, 4))],
    ['lines.offsets[2]', lines(Uint32Array.of(0, 3, 2))],
    ['lines.columns.amount', lines(Uint32Array.of(0, 1, 4), new Int32Array(4))],
    ['lines.columns.amount', lines(Uint32Array.of(0, 1, 4), new BigInt64Array(3))],
    ['lines', lines(Uint32Array.of(0, 1, 2, 4))],
    ['items', { typo: new Float32Array(2) }],
    ['items', { out: new Uint32Array(2) }],
  ])('refuses what is wrong with %s', (field, change) => {
    let thrown: unknown;
    try {
      bindMapInputs(map, { ...good(), ...change });
    } catch (error) {
      thrown = error;
    }
    if (!GpuBridgeError.is(thrown, 'INVALID_ARGUMENT')) throw thrown;
    expect(thrown.details.field).toBe(field);
  });

  it('refuses items that are no object, and kernels without any input to count items by', () => {
    expect(() => bindMapInputs(map, null as never)).toThrow(/items must be an object of columns/);
    const bare = kernelOf({ by: uniform(u32), out: output(u32) }).shape;
    expect(() => bindMapInputs(bare, { by: 1 })).toThrow(/at least one input column/);
  });

  it('names the element that is no safe integer', () => {
    const bind = (id: Float64Array) => () => bindMapInputs(map, { ...good(), id });
    expect(bind(Float64Array.of(0, 0.5))).toThrow(/NOT_SAFE_INTEGER: element 1 is 0.5/);
    expect(bind(Float64Array.of(2 ** 53, 0))).toThrow(/element 0/);
  });

  it('takes columns longer than the lists need, and empty batches', () => {
    const roomy = lines(Uint32Array.of(0, 1, 2));
    expect(bindMapInputs(map, { ...good(), ...roomy })).toMatchObject({ elements: [2], longest: [1] });
    const one = kernelOf({ x: input(ragged(u32)), out: output(u32) }).shape;
    const none = { x: { offsets: Uint32Array.of(0), columns: { value: new Uint32Array(0) } } };
    expect(bindMapInputs(one, none)).toMatchObject({ itemCount: 0, elements: [0], longest: [0] });
  });
});

const grid = kernelOf(
  {
    rows: input(u32, { indexes: 'cells', inclusive: true }),
    to: input(u32, { indexes: 'cells' }),
    cells: inout(struct({ a: u32, b: f32 })),
    by: uniform(f64),
    out: output(u32),
    bins: atomic(u32),
  },
  { kind: 'grid' },
).shape;

const args = (): Record<string, unknown> => ({
  rows: Uint32Array.of(0, 3),
  to: Uint32Array.of(0, 2, 1, 0),
  cells: { a: new Uint32Array(3), b: new Float32Array(3) },
  by: 1,
});

describe('bindGridInputs', () => {
  it('takes lengths from inputs, from sizes, and otherwise from the global size', () => {
    const bound = bindGridInputs(grid, args(), { globalSize: [4, 2], sizes: { bins: 7 } });
    expect(bound).toMatchObject({ itemCount: 8, grid: [4, 2, 1] });
    expect(bound.arrayLengths).toEqual([2, 4, 3, 3, 0, 8, 7]);
  });

  it('counts groups where ids run in workgroups, and keeps what was submitted', () => {
    const tiled = kernelOf({ out: output(u32) }, { kind: 'grid', workgroup: [16, 4, 1] }).shape;
    const bound = bindGridInputs(tiled, {}, { globalSize: [33, 8] });
    expect(bound).toMatchObject({ itemCount: 3 * 2, submittedCount: 33 * 8, grid: [33, 8, 1], arrayLengths: [33 * 8] });
  });

  it.each<[field: string, change: Record<string, unknown>, launch: object]>([
    ['launch.globalSize', {}, { globalSize: [] }],
    ['launch.globalSize', {}, { globalSize: [1, 2, 3, 4] }],
    ['launch.globalSize', {}, { globalSize: [0] }],
    ['launch.globalSize', {}, { globalSize: [1.5] }],
    ['launch.globalSize', {}, { globalSize: [65_536, 65_536] }],
    ['launch.globalSize', {}, { globalSize: 5 }],
    ['launch.globalSize', {}, {}],
    ['launch.sizes', {}, { globalSize: [1], sizes: { cells: 4 } }],
    ['launch.sizes', {}, { globalSize: [1], sizes: { binz: 4 } }],
    ['launch.sizes.bins', {}, { globalSize: [1], sizes: { bins: -1 } }],
    ['launch.sizes.bins', {}, { globalSize: [1], sizes: { bins: 2 ** 32 } }],
    ['cells.b', { cells: { a: new Uint32Array(3), b: new Float32Array(2) } }, { globalSize: [1] }],
    ['to', { to: new Int32Array(1) }, { globalSize: [1] }],
    ['by', { by: 1n }, { globalSize: [1] }],
    ['items', { out: new Uint32Array(1) }, { globalSize: [1] }],
  ])('refuses what is wrong with %s', (field, change, launch) => {
    let thrown: unknown;
    try {
      bindGridInputs(grid, { ...args(), ...change }, launch as never);
    } catch (error) {
      thrown = error;
    }
    if (!GpuBridgeError.is(thrown, 'INVALID_ARGUMENT')) throw thrown;
    expect(thrown.details.field).toBe(field);
  });

  it('names the element of an index column that points outside', () => {
    const bind = (change: Record<string, unknown>) => (): unknown =>
      bindGridInputs(grid, { ...args(), ...change }, { globalSize: [1] });
    expect(bind({ to: Uint32Array.of(0, 3) })).toThrow(
      expect.objectContaining({ code: 'INDEX_OUT_OF_RANGE', details: { param: 'to', element: 1, index: 3, limit: 3 } }),
    );
    expect(bind({ rows: Uint32Array.of(4) })).toThrow(/rows\[0\] is 4/);
    expect(bind({ rows: Uint32Array.of(3) })).not.toThrow();
  });
});
