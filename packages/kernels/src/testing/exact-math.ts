/** Elementary functions to some 300 binary digits, in integers: what the library for f64 is measured against. */

/** `digits · 2^-scale`. */
export interface Exact {
  readonly digits: bigint;
  readonly scale: number;
}

/** Digits after the point. */
const PLACES = 320;
/** Digits of π: the argument of a sine may have 1024 before the point. */
const PI_PLACES = 1024 + PLACES;

const one = (places: number): bigint => 1n << BigInt(places);
const view = new DataView(new ArrayBuffer(8));

/** A finite f64 as whole digits times a power of two. */
function decode(x: number): { digits: bigint; exponent: number } {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const mantissa = (bits & 0xfffffffffffffn) | (field === 0 ? 0n : one(52));
  return { digits: bits >> 63n === 1n ? -mantissa : mantissa, exponent: Math.max(field, 1) - 1075 };
}

function shift(digits: bigint, by: number): bigint {
  return by >= 0 ? digits << BigInt(by) : digits >> BigInt(-by);
}

/** An f64 with so many digits after the point; those below are lost. */
function fixed(x: number, places: number): bigint {
  const { digits, exponent } = decode(x);
  return shift(digits, exponent + places);
}

/** Sum of `first · ratio^i / divisor(i)`, all with the same places. */
function series(first: bigint, ratio: bigint, places: number, next: (term: bigint, i: bigint) => bigint): bigint {
  let sum = 0n;
  let term = first;
  for (let i = 1n; term !== 0n && term !== -1n; i++) {
    sum += term;
    term = next((term * ratio) >> BigInt(places), i);
  }
  return sum;
}

/** 2 · artanh(1 / n) or, with `sign` -1, arctan(1 / n). */
function inverse(n: bigint, sign: 1n | -1n, places: number): bigint {
  let sum = 0n;
  let power = one(places) / n;
  for (let i = 1n, s = 1n; power !== 0n; i += 2n, s *= sign, power /= n * n) sum += (s * power) / i;
  return sum;
}

const LN2 = 2n * inverse(3n, 1n, PI_PLACES);
const HALF_PI = 8n * inverse(5n, -1n, PI_PLACES) - 2n * inverse(239n, -1n, PI_PLACES);

/** e^(digits · 2^-places) for any places of at least PLACES. */
function exponential(digits: bigint, places: number): Exact {
  const ln2 = LN2 >> BigInt(PI_PLACES - places);
  const n = digits / ln2;
  const rest = (digits - n * ln2) >> BigInt(places - PLACES);
  const power = series(one(PLACES), rest, PLACES, (term, i) => term / i);
  return { digits: power, scale: PLACES - Number(n) };
}

/** ln of a positive number. */
function logarithm(x: number): bigint {
  const { digits, exponent } = decode(x);
  let e = digits.toString(2).length;
  // m from 1/2 to 1, or up to 4/3 where that keeps the logarithm of a number next to 1 from cancelling.
  if (3n * digits < 2n * one(e)) e--;
  const m = shift(digits, PLACES - e);
  const s = ((m - one(PLACES)) << BigInt(PLACES)) / (m + one(PLACES));
  const square = (s * s) >> BigInt(PLACES);
  let sum = 0n;
  for (let power = s, i = 1n; power !== 0n && power !== -1n; i += 2n, power = (power * square) >> BigInt(PLACES)) {
    sum += power / i;
  }
  return 2n * sum + BigInt(e + exponent) * (LN2 >> BigInt(PI_PLACES - PLACES));
}

export function exactExp(x: number): Exact {
  return exponential(fixed(x, PLACES), PLACES);
}

/** @param x - above 0. */
export function exactLog(x: number): Exact {
  return { digits: logarithm(x), scale: PLACES };
}

/** @param x - above 0; the result within the range of f64, or little beyond. */
export function exactPow(x: number, y: number): Exact {
  const { digits, exponent } = decode(y);
  return exponential(shift(logarithm(x) * digits, exponent), PLACES);
}

/** @param turns - quarters of a turn to add: 1 for the cosine. */
export function exactSin(x: number, turns: 0 | 1 = 0): Exact {
  const all = fixed(x, PI_PLACES);
  const quadrants = all / HALF_PI;
  const rest = (all - quadrants * HALF_PI) >> BigInt(PI_PLACES - PLACES);
  const quadrant = Number(((quadrants + BigInt(turns)) % 4n) + 4n) % 4;
  const minusSquare = -((rest * rest) >> BigInt(PLACES));
  const first = quadrant % 2 === 0 ? rest : one(PLACES);
  const odd = quadrant % 2 === 0 ? 1n : -1n;
  const value = series(first, minusSquare, PLACES, (term, i) => term / (2n * i * (2n * i + odd)));
  return { digits: quadrant < 2 ? value : -value, scale: PLACES };
}

/** How far an f64 is from the real result, in units of the last place of that result. */
export function ulpsF64(actual: number, exact: Exact): number {
  const magnitude = exact.digits < 0n ? -exact.digits : exact.digits;
  const exponent = magnitude.toString(2).length - 1 - exact.scale;
  // Overflow is right where the result rounds to 2^1024.
  if (!Number.isFinite(actual)) return exponent >= 1024 && actual > 0 === exact.digits > 0n ? 0 : Infinity;
  const unit = Math.max(exponent, -1022) - 52;
  // In 2^-20 of the unit, which leaves digits enough to compare.
  const places = 20 - unit;
  const { digits, exponent: e } = decode(actual);
  const difference = shift(digits, e + places) - shift(exact.digits, places - exact.scale);
  return Math.abs(Number(difference)) / 2 ** 20;
}

const FORMATS = { f32: { digits: 24, least: -149 }, f64: { digits: 53, least: -1074 } };

/** x · y + z rounded once, to nearest even. */
export function exactFma(format: 'f32' | 'f64', x: number, y: number, z: number): number {
  const plain = x * y + z;
  // A finite product that overflows is nothing to an infinity.
  if (Number.isFinite(x) && Number.isFinite(y) && !Number.isFinite(z)) return z;
  if (![x, y].every(Number.isFinite)) return plain;
  const [a, b, c] = [decode(x), decode(y), decode(z)];
  const low = Math.min(a.exponent + b.exponent, c.exponent);
  const sum = shift(a.digits * b.digits, a.exponent + b.exponent - low) + shift(c.digits, c.exponent - low);
  // The sign of an exact zero follows from the signs of what was added.
  if (sum === 0n) return plain;
  const magnitude = sum < 0n ? -sum : sum;
  const { digits, least } = FORMATS[format];
  const drop = Math.max(magnitude.toString(2).length - digits, least - low, 0);
  const kept = magnitude >> BigInt(drop);
  const twiceRest = 2n * (magnitude - (kept << BigInt(drop)));
  const isUp = twiceRest > one(drop) || (twiceRest === one(drop) && kept % 2n === 1n);
  const rounded = Number(isUp ? kept + 1n : kept) * 2 ** (drop + low);
  const value = format === 'f32' ? Math.fround(rounded) : rounded;
  return sum < 0n ? -value : value;
}
