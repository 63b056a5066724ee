import type { DType, KernelConstants, HelperUses } from '@gpu-bridge/abstractions';
import type { ColumnWindow, Value } from './device-columns.js';

/** Arrays that only atomics reach, by the object a body holds for them. */
export type AtomicArrays = WeakMap<object, ColumnWindow>;

/** The intrinsics of a kernel's context, with JavaScript's arithmetic. */
export function createIntrinsics(constants: KernelConstants, uses: HelperUses, atomics: AtomicArrays): object {
  const k: Record<string, unknown> = {
    ...casts,
    ...math,
    constants: Object.fromEntries(Object.entries(constants).map(([name, { value }]) => [name, value])),
    atomicLoad: (array: object, index: number) => windowOf(atomics, array).get(index),
  };
  for (const [name, combine] of Object.entries(combiners)) {
    k[`atomic${name}`] = (array: object, index: number, x: Value) =>
      windowOf(atomics, array).update(index, (before) => combine(before as never, x as never));
  }
  k['uses'] = Object.fromEntries(
    Object.entries(uses).map(([name, helper]) => {
      const inner = createIntrinsics(helper.constants, helper.uses, atomics);
      const body = helper.body as (k: object, args: object) => unknown;
      return [name, (args: object): unknown => body(inner, args)];
    }),
  );
  return k;
}

function windowOf(atomics: AtomicArrays, array: object): ColumnWindow {
  const window = atomics.get(array);
  if (window === undefined) throw new TypeError('an atomic needs an atomic array');
  return window;
}

const combiners: Record<string, (a: never, b: never) => Value> = {
  Add: (a: number, b: number) => a + b,
  Min: (a: number, b: number) => (b < a ? b : a),
  Max: (a: number, b: number) => (b > a ? b : a),
  And: (a: number, b: number) => a & b,
  Or: (a: number, b: number) => a | b,
  Xor: (a: number, b: number) => a ^ b,
};

/** Integers wrap; other numbers saturate, and NaN becomes 0. */
function toInteger(x: Value, low: number, high: number, wrap: (x: bigint) => bigint): number {
  if (typeof x === 'number' && !Number.isInteger(x))
    return Number.isNaN(x) ? 0 : Math.trunc(Math.min(high, Math.max(low, x)));
  return Number(wrap(BigInt(x)));
}

const wide = (x: Value): bigint => BigInt(typeof x === 'number' ? Math.trunc(x) : x);

const casts = {
  f32: (x: Value) => Math.fround(Number(x)),
  f64: Number,
  i32: (x: Value) => toInteger(x, -(2 ** 31), 2 ** 31 - 1, (b) => BigInt.asIntN(32, b)),
  u32: (x: Value) => toInteger(x, 0, 2 ** 32 - 1, (b) => BigInt.asUintN(32, b)),
  i64: (x: Value) => BigInt.asIntN(64, wide(x)),
  u64: (x: Value) => BigInt.asUintN(64, wide(x)),
  bool: (x: Value) => Boolean(x),
  bitcast: (type: DType, x: number | bigint) => {
    const view = new DataView(new ArrayBuffer(8));
    if (typeof x === 'bigint') view.setBigInt64(0, BigInt.asIntN(64, x), true);
    else if (type === 'i64' || type === 'u64') view.setFloat64(0, x, true);
    else if (type === 'f32') view.setUint32(0, x, true);
    else view.setFloat32(0, x, true);
    if (type === 'f32') return view.getFloat32(0, true);
    if (type === 'f64') return view.getFloat64(0, true);
    if (type === 'i64') return view.getBigInt64(0, true);
    if (type === 'u64') return view.getBigUint64(0, true);
    return type === 'i32' ? view.getInt32(0, true) : view.getUint32(0, true);
  },
};

const math = {
  select: (condition: boolean, whenTrue: Value, whenFalse: Value) => (condition ? whenTrue : whenFalse),
  min: (a: number, b: number) => (b < a ? b : a),
  max: (a: number, b: number) => (b > a ? b : a),
  clamp: (x: number, low: number, high: number) => (x < low ? low : x > high ? high : x),
  abs: (x: number) => (x < 0 ? -x : x),
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
};
