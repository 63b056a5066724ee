/**
 * MessagePack extension types, for what MessagePack has no type for or what the library would lose. The numbers are part of
 * the wire format: they are never given to another meaning.
 */
export const Extension = {
  Undefined: 1,
  NegativeZero: 2,
  /** 8 bytes, big endian, two's complement. */
  BigInt64: 3,
  /** One byte of sign, 1 for negative; then the magnitude, big endian. */
  BigIntAny: 4,
  /** UTF-16, little endian: strings that UTF-8 or the library's decoder would change. */
  String16: 5,
  ArrayBuffer: 6,
  /** Empty: the signal of the call. */
  AbortSignal: 7,
  /** MessagePack: `[type, key]`. */
  GrainReference: 8,
} as const;

type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

/** Extension types from here on are typed arrays, by index: their bytes, little endian. */
const FIRST_TYPED_ARRAY = 32;
const TYPED_ARRAYS: readonly TypedArrayConstructor[] = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
];
const EXTENSION_BY_NAME: ReadonlyMap<string, number> = new Map(
  TYPED_ARRAYS.map((type, index) => [type.name, FIRST_TYPED_ARRAY + index]),
);

/** @returns the extension type of a typed array, subclasses such as `Buffer` included; undefined for a `DataView`. */
export function typedArrayExtension(view: ArrayBufferView): number | undefined {
  // The tag says what it is even where a subclass or another realm made it.
  return EXTENSION_BY_NAME.get(
    (view as ArrayBufferView & { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag],
  );
}

/**
 * A typed array of its own memory: what arrives lies in the message at any alignment, and the message is reused.
 *
 * @returns undefined when the extension is no typed array, or the bytes are no whole elements.
 */
export function typedArrayFrom(extension: number, data: Uint8Array): ArrayBufferView | undefined {
  const type = TYPED_ARRAYS[extension - FIRST_TYPED_ARRAY];
  if (type === undefined || data.byteLength % type.BYTES_PER_ELEMENT !== 0) return undefined;
  return new type(ownBuffer(data));
}

export function ownBuffer(data: Uint8Array): ArrayBuffer {
  const own = new Uint8Array(data.byteLength);
  own.set(data);
  return own.buffer;
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

export function isInt64(value: bigint): boolean {
  return value >= MIN_INT64 && value <= MAX_INT64;
}

export function int64Bytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
}

/** @returns undefined for bytes that are no 64-bit integer. */
export function int64From(data: Uint8Array): bigint | undefined {
  return data.byteLength === 8 ? new DataView(data.buffer, data.byteOffset, 8).getBigInt64(0) : undefined;
}

export function bigIntBytes(value: bigint): Uint8Array {
  const digits = (value < 0n ? -value : value).toString(16);
  const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const bytes = new Uint8Array(1 + magnitude.byteLength);
  bytes[0] = value < 0n ? 1 : 0;
  bytes.set(magnitude, 1);
  return bytes;
}

/** @returns undefined for bytes that are no integer. */
export function bigIntFrom(data: Uint8Array): bigint | undefined {
  const sign = data[0];
  if (data.byteLength < 2 || (sign !== 0 && sign !== 1)) return undefined;
  const magnitude = BigInt(`0x${Buffer.from(data.buffer, data.byteOffset + 1, data.byteLength - 1).toString('hex')}`);
  return sign === 1 ? -magnitude : magnitude;
}
