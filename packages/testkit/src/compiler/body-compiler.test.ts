import {
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
  scratch,
  struct,
  u32,
  u64,
  uniform,
} from '@gpu-bridge/abstractions';
import { Status } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import { DeviceDriver } from '../driver/device-driver.js';
import { ReferenceBackend } from '../reference/reference-backend.js';
import { BodyCompiler } from './body-compiler.js';
import type { GridBody, HelperDefinition, KernelDefinition, KernelParams, MapBody } from '@gpu-bridge/abstractions';
import type { BindRequest } from '../driver/bind-arguments.js';

const compiler = new BodyCompiler();
const rest = { constants: {}, uses: {}, fp: 'strict', bounds: 'checked' } as const;
type None = Record<never, never>;

const map = <const P extends KernelParams>(params: P, body: MapBody<P, None, None>): KernelDefinition<P> => ({
  ...{ kind: 'map', name: 'test/map', params, ...rest, body },
});
const grid = <const P extends KernelParams>(params: P, body: GridBody<P, None, None>): KernelDefinition<P> => ({
  ...{ kind: 'grid', name: 'test/grid', params, ...rest, body },
});

async function run(definition: KernelDefinition, request: BindRequest) {
  const device = await new ReferenceBackend({ executors: 1 }).open('reference:0');
  const driver = new DeviceDriver(device, { compiler });
  const kernel = await driver.load(definition);
  const args = driver.bind(kernel, request);
  const cqe = await driver.run(kernel, args, request.itemCount);
  expect(cqe.status).toBe(Status.OK);
  driver.arena.assertIntact();
  await device.close(0);
  return { args, violations: cqe.violations };
}

describe('BodyCompiler', () => {
  it('describes a kernel as a compiler would', () => {
    const params = { a: input(i64), bins: atomic(u64), x: inout(f64) };
    const { descriptor } = compiler.compile(grid(params, () => undefined));
    expect(descriptor).toMatchObject({ kind: 'grid', effects: 'mutates', requires: ['f64', 'i64', 'i64-atomics'] });
    expect(descriptor.id).toMatch(/^test\/grid@[0-9a-f]{16}$/);
    expect(descriptor.readsItemIndex).toBe(false);

    const item = map({ out: output(u32) }, (k, p) => (p.out.value = k.item));
    expect(compiler.compile(item).descriptor).toMatchObject({ effects: 'pure', requires: [], readsItemIndex: true });
    expect(compiler.compile(item).descriptor.id).toBe(compiler.compile(item).descriptor.id);
  });

  it('rounds and wraps what is stored', async () => {
    const params = { x: output(f32), y: output(i32), z: output(u64), b: output(bool) };
    const { args } = await run(
      map(params, (_k, p) => {
        p.x.value = 0.1;
        p.y.value = 2 ** 31;
        p.z.value = -1n;
        p.b.value = true;
      }),
      { itemCount: 1, inputs: {} },
    );
    const stored = ['x', 'y', 'z', 'b'].map((name) => args.column(name)[0]);
    expect(stored).toEqual([Math.fround(0.1), -(2 ** 31), 2n ** 64n - 1n, 1]);
  });

  it('casts as the language does where JavaScript can tell the types apart', async () => {
    const { args } = await run(
      map({ a: input(f64), i: output(i32), u: output(u32), w: output(i64), bits: output(u32) }, (k, p) => {
        p.i.value = k.i32(p.a);
        p.u.value = k.u32(p.a);
        p.w.value = k.i64(k.i32(-5));
        p.bits.value = k.bitcast('u32', k.f32(1));
      }),
      { itemCount: 4, inputs: { a: [1e10 + 0.5, -7.9, Number.NaN, 3] } },
    );
    expect([...args.column('i')]).toEqual([2 ** 31 - 1, -7, 0, 3]);
    expect([...args.column('u')]).toEqual([2 ** 32 - 1, 0, 0, 3]);
    expect([...args.column('w')]).toEqual([-5n, -5n, -5n, -5n]);
    expect(args.column('bits')[0]).toBe(0x3f800000);
  });

  it('gives ragged lists, records, scratch and uniforms to bodies, and counts what lies outside', async () => {
    const Row = struct({ key: u32, sum: i64 });
    const definition = map(
      {
        rows: input(ragged(Row)),
        factor: uniform(i64),
        doubled: output(ragged(Row, { max: [1, 0] })),
        last: output(Row),
        work: scratch(u32, { max: [0, 2] }),
      },
      (k, p) => {
        for (let i = 0; i < p.rows.length; i++) {
          p.doubled.push({ key: p.rows.key.get(i), sum: p.rows.sum.get(i) * p.factor });
        }
        p.doubled.push({ key: 0, sum: 0n }); // one too many
        if (p.doubled.length > 0) p.doubled.key[0] = 77;
        p.work[2] = 1; // outside
        p.work[1] = p.doubled.capacity;
        p.last.key = p.work.get(1);
        p.last.sum = p.rows.sum.get(-1) + k.i64(1n); // outside: 0
      },
    );
    const rows = { offsets: [0, 2, 2], columns: { key: [1, 2], sum: [10n, -20n] } };
    const { args, violations } = await run(definition, { itemCount: 2, inputs: { rows, factor: 2n } });
    expect([...args.column('doubled', 'counts')]).toEqual([2, 0]);
    expect([...args.column('doubled', 'key')]).toEqual([77, 2]);
    expect([...args.column('doubled', 'sum')]).toEqual([20n, -40n]);
    expect([...args.column('last', 'key')]).toEqual([2, 0]);
    expect([...args.column('last', 'sum')]).toEqual([1n, 1n]);
    expect(violations).toBe(6);
  });

  it('knows constants, helpers and atomics', async () => {
    const twice: HelperDefinition = {
      ...{ kind: 'helper', name: 'twice', args: { x: i32 }, returns: i32, uses: {}, constants: {} },
      body: (_k: unknown, { x }: { x: number }) => 2 * x,
    };
    const params = { a: input(i32), low: atomic(i32), bits: atomic(u32) };
    const definition: KernelDefinition = {
      ...grid(params, () => undefined),
      constants: { START: { dtype: 'i32', value: -100 } },
      uses: { twice },
      body: (
        k: {
          constants: { START: number };
          uses: { twice(args: { x: number }): number };
          global: { x: number };
          atomicMin(array: object, index: number, x: number): number;
          atomicOr(array: object, index: number, x: number): number;
        },
        p: { a: number[]; low: object; bits: object },
      ) => {
        const x = k.uses.twice({ x: p.a[k.global.x]! });
        k.atomicMin(p.low, 0, x + k.constants.START);
        k.atomicOr(p.bits, 0, 1 << k.global.x);
      },
    };
    const { args } = await run(definition, { itemCount: 3, inputs: { a: [4, -3, 9] }, sizes: { low: 1, bits: 1 } });
    expect(args.column('low')[0]).toBe(-106);
    expect(args.column('bits')[0]).toBe(7);
  });
});
