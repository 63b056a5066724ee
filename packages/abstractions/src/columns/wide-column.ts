import { GpuBridgeError } from '../errors/gpu-bridge-error.js';

const WORD = 2 ** 32;
/** A signed high word beyond this magnitude means |value| ≥ 2^53. */
const SAFE_HIGH = 2 ** 21;

/** A column of 64-bit integers, readable as exact numbers without making a bigint. */
export class WideColumn {
  private readonly words: Uint32Array;

  /** @param array - the values; this object is a view, not a copy. */
  constructor(readonly array: BigInt64Array | BigUint64Array) {
    this.words = new Uint32Array(array.buffer, array.byteOffset, array.length * 2);
  }

  get length(): number {
    return this.array.length;
  }

  /**
   * The value as a number.
   *
   * @throws GpuBridgeError `NOT_SAFE_INTEGER` beyond ±(2^53 − 1); use `bigintAt` there.
   */
  numberAt(index: number): number {
    if (index >>> 0 !== index || index >= this.array.length) {
      throw GpuBridgeError.invalidArgument('index', index, `an element of 0..${this.array.length - 1}`);
    }
    const low = this.words[2 * index]!;
    const highWord = this.words[2 * index + 1]!;
    const high = this.array instanceof BigInt64Array ? highWord | 0 : highWord;
    const value = high * WORD + low;
    if (high >= SAFE_HIGH || high < -SAFE_HIGH || value === -(2 ** 53)) {
      const exact = this.array[index]!;
      const dtype = this.array instanceof BigInt64Array ? 'i64' : 'u64';
      throw new GpuBridgeError(
        'NOT_SAFE_INTEGER',
        { element: index, value: exact, dtype },
        `element ${index} is ${exact}, beyond 2^53: read it with bigintAt`,
      );
    }
    return value;
  }

  bigintAt(index: number): bigint {
    const value = this.array[index];
    if (value === undefined)
      throw GpuBridgeError.invalidArgument('index', index, `an element of 0..${this.array.length - 1}`);
    return value;
  }
}

/**
 * Fills 64-bit storage from numbers by writing the two words of each value: about 2.5 ns a value, where assigning
 * `BigInt(x)` takes about 45.
 *
 * @throws GpuBridgeError `NOT_SAFE_INTEGER` naming the first element that is not an integer within ±(2^53 − 1), or is
 *   negative for u64; what was filled before it stays filled. `INVALID_ARGUMENT` when the target is shorter.
 */
export function fillWide(target: BigInt64Array | BigUint64Array, source: Float64Array): void {
  if (source.length > target.length) {
    throw GpuBridgeError.invalidArgument('source', source, `at most ${target.length} values, the length of the target`);
  }
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length * 2);
  const unsigned = target instanceof BigUint64Array;
  for (let i = 0; i < source.length; i++) {
    const x = source[i]!;
    if (!Number.isSafeInteger(x) || (unsigned && x < 0)) throw notSafe(i, x, unsigned ? 'u64' : 'i64');
    words[2 * i] = x; // ToUint32 wraps modulo 2^32, also for negative x: the low word of two's complement
    words[2 * i + 1] = Math.floor(x / WORD);
  }
}

/** Same check as {@link fillWide} without writing. */
export function checkWide(source: Float64Array, dtype: 'i64' | 'u64'): void {
  for (let i = 0; i < source.length; i++) {
    const x = source[i]!;
    if (!Number.isSafeInteger(x) || (dtype === 'u64' && x < 0)) throw notSafe(i, x, dtype);
  }
}

function notSafe(element: number, value: number, dtype: 'i64' | 'u64'): GpuBridgeError<'NOT_SAFE_INTEGER'> {
  const range = dtype === 'i64' ? 'an integer within ±(2^53 - 1)' : 'an integer of 0..2^53 - 1';
  return new GpuBridgeError(
    'NOT_SAFE_INTEGER',
    { element, value, dtype },
    `element ${element} is ${value}, expected ${range}`,
  );
}
