import type { DeviceArray, ReadonlyDeviceArray } from '@gpu-bridge/abstractions';
import { describe, expectTypeOf, it } from 'vitest';
import {
  atomic,
  bool,
  constant,
  f32,
  f64,
  gridKernel,
  i32,
  i64,
  inout,
  input,
  mapKernel,
  output,
  ragged,
  raw,
  scratch,
  struct,
  u32,
  u64,
  uniform,
} from '../index.js';

const Line = struct({ amount: i64, account: u32 });

describe('parameters of a map kernel, in the editor', () => {
  it('are values, records, lists, outputs and scratch', () => {
    mapKernel(
      'types/map',
      {
        params: {
          x: input(f32),
          flag: input(bool),
          line: input(Line),
          xs: input(ragged(u32)),
          lines: input(ragged(Line)),
          work: scratch(f64, { max: [1, 0], per: 'xs' }),
          rate: uniform(u64),
          out: output(i32),
          rec: output(Line),
          flows: output(ragged(Line, { max: [1, 0], per: 'xs' })),
        },
      },
      (k, { x, flag, line, xs, lines, work, rate, out, rec, flows }) => {
        expectTypeOf(x).toEqualTypeOf<f32>();
        expectTypeOf(flag).toEqualTypeOf<boolean>();
        expectTypeOf(line).toEqualTypeOf<{ readonly amount: i64; readonly account: u32 }>();
        expectTypeOf(xs).toEqualTypeOf<ReadonlyDeviceArray<u32>>();
        expectTypeOf(lines.length).toEqualTypeOf<u32>();
        expectTypeOf(lines.amount).toEqualTypeOf<ReadonlyDeviceArray<i64>>();
        expectTypeOf(work).toEqualTypeOf<DeviceArray<f64>>();
        expectTypeOf(rate).toEqualTypeOf<u64>();
        expectTypeOf(out).toEqualTypeOf<{ value: i32 }>();
        expectTypeOf(rec).toEqualTypeOf<{ amount: i64; account: u32 }>();
        expectTypeOf(flows.account).toEqualTypeOf<DeviceArray<u32>>();
        expectTypeOf(k.item).toEqualTypeOf<u32>();
        // Both spellings of an access serve with and without noUncheckedIndexedAccess.
        rec.amount = lines.amount[0]! + lines.amount.get(0);
        work[0]! += xs[0]! + x;
        flows.push({ amount: 1n, account: 2 });
        // @ts-expect-error -- a field is missing
        flows.push({ amount: 1n });
        // @ts-expect-error -- inputs are read only
        lines.amount[0] = 1n;
        // @ts-expect-error -- inputs are read only
        line.account = 1;
        // @ts-expect-error -- a bigint in a number
        out.value = line.amount;
        // @ts-expect-error -- bigint and number do not mix
        void (line.amount + line.account);
        // @ts-expect-error -- no such field
        void lines.rank;
        // @ts-expect-error -- map kernels have no ids
        void k.global;
        // @ts-expect-error -- nor atomics
        void k.atomicAdd;
      },
    );
  });

  it('keep i32 and f32 apart', () => {
    mapKernel('types/brands', { params: { n: input(i32), x: input(f32), out: output(f32) } }, (k, { n, x, out }) => {
      out.value = x + k.f32(n);
      // @ts-expect-error -- no conversion is implicit
      out.value = n;
    });
  });
});

describe('parameters of a grid kernel, in the editor', () => {
  it('are whole arrays', () => {
    gridKernel(
      'types/grid',
      {
        params: {
          xs: input(f32),
          lines: input(Line),
          ys: output(f64),
          state: inout(Line),
          bins: atomic(u32),
          n: uniform(u32),
        },
      },
      (k, { xs, lines, ys, state, bins, n }) => {
        expectTypeOf(xs).toEqualTypeOf<ReadonlyDeviceArray<f32>>();
        expectTypeOf(lines.account).toEqualTypeOf<ReadonlyDeviceArray<u32>>();
        expectTypeOf(ys).toEqualTypeOf<DeviceArray<f64>>();
        expectTypeOf(state.amount).toEqualTypeOf<DeviceArray<i64>>();
        expectTypeOf(bins.length).toEqualTypeOf<u32>();
        expectTypeOf(n).toEqualTypeOf<u32>();
        expectTypeOf(k.globalSize.z).toEqualTypeOf<u32>();
        // @ts-expect-error -- inputs are read only
        xs[0] = 1;
        // @ts-expect-error -- grid kernels have no item
        void k.item;
      },
    );
  });

  it('of a raw kernel are declared the same way', () => {
    const kernel = raw('types/raw', { params: { xs: input(f32), ys: output(f32) } }, { cuda: ';' });
    expectTypeOf(kernel.params.xs).toEqualTypeOf<ReturnType<typeof input<typeof f32>>>();
    // @ts-expect-error -- no such language
    raw('types/raw', { params: {} }, { metal: ';' });
  });
});

describe('intrinsics, in the editor', () => {
  it('give the type of their operands', () => {
    const options = { params: { n: input(i64), x: input(f32) }, constants: { TEN: constant(u32, 10) } };
    mapKernel('types/intrinsics', options, (k, { n, x }) => {
      expectTypeOf(k.u32(n)).toEqualTypeOf<u32>();
      expectTypeOf(k.i64(x)).toEqualTypeOf<i64>();
      expectTypeOf(k.bitcast('u32', x)).toEqualTypeOf<u32>();
      expectTypeOf(k.min(n, 1n)).toEqualTypeOf<bigint>();
      expectTypeOf(k.select(x > 1, x, 2)).toEqualTypeOf<number>();
      expectTypeOf(k.constants.TEN).toEqualTypeOf<u32>();
      // @ts-expect-error -- two kinds
      k.min(n, 1);
      // @ts-expect-error -- a condition is bool
      k.select(x, 1, 2);
      // @ts-expect-error -- no such type
      k.bitcast('u16', x);
      // @ts-expect-error -- not declared
      void k.constants.ELEVEN;
    });
    // @ts-expect-error -- a number for i64
    constant(i64, 1);
  });
});

describe('definitions, in the editor', () => {
  it('have no any', () => {
    const kernel = mapKernel('types/any', { params: { x: input(f32) } }, () => undefined);
    expectTypeOf(kernel.body).parameters.toEqualTypeOf<never[]>();
    expectTypeOf(kernel.params.x.role).toEqualTypeOf<'input'>();
  });
});
