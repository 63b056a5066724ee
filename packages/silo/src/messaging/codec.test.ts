import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { decodeValue, encodeValue } from './codec.js';

function roundTrip(value: unknown): unknown {
  return decodeValue(encodeValue(value));
}

function refusal(run: () => unknown): GpuBridgeError {
  try {
    run();
  } catch (error) {
    if (GpuBridgeError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('plain data', () => {
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['booleans', [true, false]],
    ['undefined and null beside each other', [undefined, null, { a: undefined, b: null }]],
    ['small integers', [0, 1, -1, 127, 128, -32, -33, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32]],
    ['safe integers', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ['floats', [0.1, -1.5, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, 2 ** 64, NaN, Infinity, -Infinity]],
    ['negative zero', [-0, 0]],
    ['bigints of 64 bits', [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]],
    ['larger bigints', [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, 12_345n ** 99n, -(12_345n ** 99n)]],
    ['strings', ['', 'grün', '日本語', '😀', 'x'.repeat(70_000), `${'x'.repeat(49)}ü`.repeat(50)]],
    ['strings that are not well-formed', ['\ud800', `${'x'.repeat(300)}\udfff`, 'a\udc00b']],
    ['strings that begin with a byte order mark', ['\ufeffx', `\ufeff${'x'.repeat(300)}`]],
    ['nested arrays and objects', { a: [{ b: [[]], c: {} }], '': 1, 'two words': 2, constructor: 3, toString: 4 }],
    ['a long array', Array.from({ length: 70_000 }, (_, i) => i)],
    ['an object of many properties', Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]))],
  ])('%s come back as they were', (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  test('objects without a prototype arrive as plain objects', () => {
    expect(roundTrip(Object.assign(Object.create(null) as object, { a: 1 }))).toStrictEqual({ a: 1 });
  });

  test('holes of an array arrive as undefined', () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(roundTrip([1, , 3])).toStrictEqual([1, undefined, 3]);
  });

  test('what is encoded stays as it is where something in it is replaced', () => {
    const value = { a: [1, undefined, -0], b: { c: 2n ** 70n }, d: new Float32Array([1]) };
    encodeValue(value);
    expect(value).toStrictEqual({ a: [1, undefined, -0], b: { c: 2n ** 70n }, d: new Float32Array([1]) });
  });
});

describe('binary data', () => {
  const types = [
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
  ];

  test.each(types.map((type) => [type.name, type] as const))(
    'a %s keeps its type and bits at any alignment',
    (_, type) => {
      const source = Uint8Array.from({ length: 10 * type.BYTES_PER_ELEMENT }, (_, i) => (i * 37) % 256);
      const array = new type(source.buffer, type.BYTES_PER_ELEMENT, 5);
      for (let shift = 0; shift < 9; shift++) {
        const [, back] = roundTrip(['x'.repeat(shift), array]) as [string, typeof array];
        expect(back.constructor).toBe(type);
        expect(new Uint8Array(back.buffer)).toStrictEqual(
          new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice(),
        );
      }
    },
  );

  test('an ArrayBuffer, an empty one and a large one come back', () => {
    const { buffer } = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
    expect(roundTrip([buffer, new ArrayBuffer(0), new Float64Array(0)])).toStrictEqual([
      buffer,
      new ArrayBuffer(0),
      new Float64Array(0),
    ]);
  });

  test('memory shared between threads arrives as a copy', () => {
    const shared = new Int32Array(new SharedArrayBuffer(8));
    shared[1] = 7;
    const back = roundTrip(shared) as Int32Array;
    expect(back.buffer).toBeInstanceOf(ArrayBuffer);
    expect([...back]).toStrictEqual([0, 7]);
  });

  test('a Buffer arrives as a Uint8Array', () => {
    expect(roundTrip(Buffer.from('abc'))).toStrictEqual(Uint8Array.of(97, 98, 99));
  });

  test('neither side shares memory with the bytes', () => {
    const array = Float32Array.of(1, 2, 3);
    const bytes = encodeValue(array);
    array[0] = 9;
    const back = decodeValue(bytes) as Float32Array;
    bytes.fill(0xff);
    expect([...back]).toStrictEqual([1, 2, 3]);
    const first = encodeValue('first');
    encodeValue('other');
    expect(decodeValue(first)).toBe('first');
  });
});

describe('what is no plain data', () => {
  class Vehicle {}
  class Names extends Array<string> {}
  const cycle: unknown[] = [];
  cycle.push({ cycle });

  test.each<[string, unknown, string]>([
    ['a function', [0, { columns: { x: () => 1 } }], 'args[1].columns.x'],
    ['a symbol', [Symbol('s')], 'args[0]'],
    ['an instance of a class', [{ 'a b': new Vehicle() }], 'args[0]["a b"]'],
    ['a subclass of Array', [new Names()], 'args[0]'],
    ['a date', [new Date()], 'args[0]'],
    ['a Map', [new Map()], 'args[0]'],
    ['a Set', [[new Set()]], 'args[0][0]'],
    ['an error', [new Error('e')], 'args[0]'],
    ['a promise', [Promise.resolve()], 'args[0]'],
    ['a regular expression', [/x/], 'args[0]'],
    ['a boxed number', [Object(1)], 'args[0]'],
    ['a DataView', [new DataView(new ArrayBuffer(1))], 'args[0]'],
    ['a SharedArrayBuffer', [new SharedArrayBuffer(1)], 'args[0]'],
    ['a property named __proto__', [JSON.parse('{"__proto__": 1}')], 'args[0].__proto__'],
    ['a property name of lone surrogates', [{ '\ud800': 1 }], 'args[0]["\\ud800"]'],
    ['an abort signal where none is expected', [new AbortController().signal], 'args[0]'],
  ])('%s is refused by its path', (_, value, path) => {
    const error = refusal(() => encodeValue(value, 'args'));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field: path });
  });

  test('a cycle and what is nested too deeply are refused', () => {
    expect(refusal(() => encodeValue(cycle)).code).toBe('INVALID_ARGUMENT');
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(roundTrip(nested(100))).toStrictEqual(nested(100));
    expect(refusal(() => encodeValue(nested(101))).code).toBe('INVALID_ARGUMENT');
  });

  test('a refusal leaves nothing behind that disturbs what is encoded next', () => {
    refusal(() => encodeValue([1, 2, () => 3]));
    expect(roundTrip([1, 2])).toStrictEqual([1, 2]);
  });
});

describe('bytes that are no value', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  test.each([
    ['nothing', bytes()],
    ['the byte that MessagePack never uses', bytes(0xc1)],
    ['two values', bytes(1, 2)],
    ['half a string', bytes(0xa5, 65)],
    ['half a number', bytes(0xcb, 0)],
    ['an array of four thousand million', bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['an object of four thousand million', bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ['a size that ends early', bytes(0xdd, 0xff)],
    ['arrays that announce each other', bytes(...Array.from({ length: 40 }, () => [0xdc, 0x40, 0x00]).flat())],
    ['ten thousand levels', new Uint8Array(10_000).fill(0x91)],
    ['a number as property name', bytes(0x81, 1, 1)],
    ['an object as property name', bytes(0x81, 0x80, 1)],
    ['an extension nobody knows', bytes(0xd4, 99, 0)],
    ["the library's own date", encode(new Date(0))],
    ['floats of seven bytes', bytes(0xc7, 7, 39, 1, 2, 3, 4, 5, 6, 7)],
    ['a bigint of three bytes', bytes(0xc7, 3, 3, 1, 2, 3)],
    ['a bigint without digits', bytes(0xd4, 4, 0)],
    ['a bigint of no sign', bytes(0xd5, 4, 2, 1)],
    ['a property named __proto__', bytes(0x81, 0xa9, ...Buffer.from('__proto__'), 0x80)],
    ['the signal of a call, out of place', bytes(0xc7, 0, 7)],
  ])('%s is refused', (_, malformed) => {
    expect(refusal(() => decodeValue(malformed)).code).toBe('MESSAGE_INVALID');
    expect(roundTrip({ a: [1] })).toStrictEqual({ a: [1] });
  });
});
