import { describe, expectTypeOf, it } from 'vitest';
import { bool, f32, f64, i32, i64, u32, u64 } from '../kernels/dtype.js';
import { atomic, inout, input, output, scratch, uniform } from '../kernels/params.js';
import { ragged, struct } from '../kernels/schema.js';
import type { RaggedOutput } from './column-batch.js';
import type { KernelInputs, KernelOutputs, RaggedInput, SplitColumn } from './column-input.js';
import type { WideColumn } from './wide-column.js';

const Line = struct({ account: u32, amount: i64 });

const _mapParams = {
  limit: uniform(i64),
  rate: uniform(f64),
  strict: uniform(bool),
  lines: input(ragged(Line)),
  tags: input(ragged(u32)),
  weight: input(f32),
  key: input(struct({ low: u64, on: bool })),
  total: output(i64),
  flags: output(bool),
  pair: output(struct({ a: f64, b: u64 })),
  flows: output(ragged(Line, { max: [1, 1], per: 'lines' })),
  work: scratch(u32, { max: [1, 0], per: 'lines' }),
};
const _gridParams = {
  edges: input(u32),
  cells: inout(i32),
  mesh: inout(struct({ x: f32 })),
  bins: atomic(u64),
  out: output(f32),
};

type MapIn = KernelInputs<typeof _mapParams>;
type MapOut = KernelOutputs<typeof _mapParams>;
type GridIn = KernelInputs<typeof _gridParams>;
type GridOut = KernelOutputs<typeof _gridParams>;

describe('KernelInputs', () => {
  it('has the inputs, inouts and uniforms, and nothing else', () => {
    expectTypeOf<keyof MapIn>().toEqualTypeOf<'limit' | 'rate' | 'strict' | 'lines' | 'tags' | 'weight' | 'key'>();
    expectTypeOf<keyof GridIn>().toEqualTypeOf<'edges' | 'cells' | 'mesh'>();
  });

  it('maps uniforms to numbers, bigints or booleans', () => {
    expectTypeOf<MapIn['limit']>().toEqualTypeOf<bigint | number>();
    expectTypeOf<MapIn['rate']>().toEqualTypeOf<number>();
    expectTypeOf<MapIn['strict']>().toEqualTypeOf<boolean>();
  });

  it('maps columns to typed arrays, 64-bit integers also to words and numbers', () => {
    expectTypeOf<MapIn['weight']>().toEqualTypeOf<Float32Array>();
    expectTypeOf<MapIn['key']>().toEqualTypeOf<{
      readonly low: BigUint64Array | Float64Array | SplitColumn;
      readonly on: Uint32Array;
    }>();
    expectTypeOf<MapIn['lines']>().toEqualTypeOf<RaggedInput<typeof Line>>();
    expectTypeOf<MapIn['lines']['columns']['amount']>().toEqualTypeOf<BigInt64Array | Float64Array | SplitColumn>();
    expectTypeOf<MapIn['tags']['columns']>().toEqualTypeOf<{ readonly value: Uint32Array }>();
    expectTypeOf<GridIn['cells']>().toEqualTypeOf<Int32Array>();
    expectTypeOf<GridIn['mesh']>().toEqualTypeOf<{ readonly x: Float32Array }>();
  });

  it('refuses wrong arrays', () => {
    const take = (_inputs: Partial<MapIn>): void => undefined;
    take({ weight: new Float32Array(1) });
    // @ts-expect-error -- f64 storage for an f32 column
    take({ weight: new Float64Array(1) });
    // @ts-expect-error -- plain arrays are not columns
    take({ weight: [1, 2] });
    // @ts-expect-error -- signed storage for a u64 column
    take({ key: { low: new BigInt64Array(1), on: new Uint32Array(1) } });
    // @ts-expect-error -- a field is missing
    take({ key: { low: new BigUint64Array(1) } });
    // @ts-expect-error -- a ragged input needs offsets
    take({ lines: { columns: { account: new Uint32Array(1), amount: new BigInt64Array(1) } } });
    // @ts-expect-error -- outputs are not passed
    take({ total: new BigInt64Array(1) });
  });
});

describe('KernelOutputs', () => {
  it('has the outputs, inouts and atomics, and nothing else', () => {
    expectTypeOf<keyof MapOut>().toEqualTypeOf<'total' | 'flags' | 'pair' | 'flows'>();
    expectTypeOf<keyof GridOut>().toEqualTypeOf<'cells' | 'mesh' | 'bins' | 'out'>();
  });

  it('maps 64-bit integers to wide columns and the rest to typed arrays', () => {
    expectTypeOf<MapOut['total']>().toEqualTypeOf<WideColumn>();
    expectTypeOf<MapOut['flags']>().toEqualTypeOf<Uint32Array>();
    expectTypeOf<MapOut['pair']>().toEqualTypeOf<{ readonly a: Float64Array; readonly b: WideColumn }>();
    expectTypeOf<MapOut['flows']>().toEqualTypeOf<
      RaggedOutput<{ readonly account: Uint32Array; readonly amount: WideColumn }>
    >();
    expectTypeOf<GridOut['bins']>().toEqualTypeOf<WideColumn>();
    expectTypeOf<GridOut['cells']>().toEqualTypeOf<Int32Array>();
  });
});

describe('parameter declarations', () => {
  it('refuse what cannot be', () => {
    // @ts-expect-error -- a ragged output needs a bound
    output(ragged(u32));
    // @ts-expect-error -- f64 has no atomics
    atomic(f64);
    // @ts-expect-error -- a uniform is one scalar
    uniform(Line);
    // @ts-expect-error -- scratch is of scalars
    scratch(Line, { max: [1, 0] });
    // @ts-expect-error -- structs do not nest
    struct({ a: Line });
  });
});
