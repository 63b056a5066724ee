import type { DeviceArray, ReadonlyDeviceArray } from '@gpu-bridge/abstractions';
import { describe, expectTypeOf, it } from 'vitest';
import {
  array,
  columns,
  constant,
  f32,
  gridKernel,
  helper,
  i64,
  input,
  mapKernel,
  mutableArray,
  mutableColumns,
  output,
  ragged,
  specialize,
  struct,
  u32,
} from '../index.js';

const Pair = struct({ x: u32, y: i64 });

describe('a helper with several results, in the editor', () => {
  const split = helper('split', { args: { a: u32 }, returns: Pair }, (k, { a }) => ({ x: a, y: k.i64(a) }));

  it('gives a record of its fields', () => {
    mapKernel('types/results', { params: { a: input(u32), out: output(Pair) }, uses: { split } }, (k, { a, out }) => {
      const r = k.uses.split({ a });
      expectTypeOf(r).toEqualTypeOf<{ readonly x: u32; readonly y: i64 }>();
      out.x = r.x;
      out.y = r.y;
      // @ts-expect-error -- results are not written
      r.x = 1;
      // @ts-expect-error -- no such field
      void r.z;
      // @ts-expect-error -- no such argument
      k.uses.split({ b: a });
    });
  });

  it('must return every field with its type', () => {
    // @ts-expect-error -- y is missing
    helper('missing', { args: { a: u32 }, returns: Pair }, (_k, { a }) => ({ x: a }));
    // @ts-expect-error -- y is an i64
    helper('wrong', { args: { a: u32 }, returns: Pair }, (_k, { a }) => ({ x: a, y: a }));
    // @ts-expect-error -- one value where a struct is declared
    helper('single', { args: { a: u32 }, returns: Pair }, (_k, { a }) => a);
  });
});

describe('helpers, in the editor', () => {
  it('see their arguments and constants with their types', () => {
    helper(
      'fill',
      {
        args: { xs: array(f32), ys: mutableArray(f32), n: u32 },
        constants: { SCALE: constant(f32, 2), BIG: constant(i64, 1n) },
      },
      (k, { xs, ys, n }) => {
        expectTypeOf(xs).toEqualTypeOf<ReadonlyDeviceArray<f32>>();
        expectTypeOf(ys).toEqualTypeOf<DeviceArray<f32>>();
        expectTypeOf(n).toEqualTypeOf<u32>();
        expectTypeOf(k.constants.SCALE).toEqualTypeOf<f32>();
        expectTypeOf(k.constants.BIG).toEqualTypeOf<i64>();
        // @ts-expect-error -- not declared
        void k.constants.OTHER;
        // @ts-expect-error -- read only
        xs[0] = 1;
        // @ts-expect-error -- helpers have no ids
        void k.global;
        // @ts-expect-error -- barriers stand in kernels
        void k.barrier;
        ys[0] = xs.get(0) * k.constants.SCALE;
      },
    );
  });

  it('have one result of their type, or none', () => {
    const one = helper('one', { args: { a: i64 }, returns: i64 }, (_k, { a }) => a);
    const none = helper('none', { args: { a: i64 } }, () => undefined);
    mapKernel('types/one', { params: { a: input(i64) }, uses: { one, none } }, (k, { a }) => {
      expectTypeOf(k.uses.one({ a })).toEqualTypeOf<i64>();
      expectTypeOf(k.uses.none({ a })).toEqualTypeOf<void>();
    });
    // @ts-expect-error -- a bigint is no u32
    helper('bad', { args: { a: i64 }, returns: u32 }, (_k, { a }) => a);
  });
});

describe('specialize, in the editor', () => {
  const kernel = mapKernel(
    'types/special',
    { params: { a: input(u32) }, constants: { ROUNDS: constant(u32, 1), BIG: constant(i64, 1n) } },
    () => undefined,
  );

  it('takes the constants of the kernel', () => {
    expectTypeOf(specialize(kernel, { ROUNDS: 2 })).toEqualTypeOf<typeof kernel>();
    specialize(kernel, { BIG: 2n });
    // @ts-expect-error -- no such constant
    specialize(kernel, { LOOPS: 2 });
    // @ts-expect-error -- a number for i64
    specialize(kernel, { BIG: 2 });
  });
});

describe('a bundle of columns, in the editor', () => {
  const Line = struct({ amount: i64, account: u32 });
  const read = helper('read', { args: { lines: columns(Pair) } }, (_k, { lines }) => {
    expectTypeOf(lines.length).toEqualTypeOf<u32>();
    expectTypeOf(lines.x).toEqualTypeOf<ReadonlyDeviceArray<u32>>();
    // @ts-expect-error -- read only
    lines.x[0] = 1;
    // @ts-expect-error -- no such column
    void lines.z;
  });
  const write = helper('write', { args: { lines: mutableColumns(Pair) }, uses: { read } }, (k, { lines }) => {
    lines.x[0] = 1;
    k.uses.read({ lines });
    // @ts-expect-error -- a bundle does not grow
    void lines.push;
  });

  it('takes lists and arrays of the struct', () => {
    mapKernel(
      'types/lists',
      {
        params: {
          pairs: input(ragged(Pair)),
          lines: input(ragged(Line)),
          out: output(ragged(Pair, { max: [1, 0], per: 'pairs' })),
        },
        uses: { read, write },
      },
      (k, { pairs, lines, out }) => {
        k.uses.read({ lines: pairs });
        k.uses.write({ lines: out });
        // @ts-expect-error -- other columns
        k.uses.read({ lines });
        // @ts-expect-error -- one column only
        k.uses.read({ lines: pairs.x });
      },
    );
    gridKernel('types/arrays', { params: { pairs: input(Pair) }, uses: { read } }, (k, { pairs }) => {
      k.uses.read({ lines: pairs });
    });
  });
});
