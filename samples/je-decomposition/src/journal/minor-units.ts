/** Range of a signed 64-bit integer. */
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Decimal integers of up to this many digits are safe as numbers. */
const SAFE_DIGITS = 15;

/** Why a text is no amount. */
export type AmountFault = 'empty' | 'not-an-integer' | 'out-of-range';

/**
 * Reads a whole number of minor units: an optional sign and decimal digits, nothing else.
 *
 * @returns a number where that is exact, a bigint within 64 bits, or the fault.
 */
export function parseMinorUnits(text: string): number | bigint | AmountFault {
  const { length } = text;
  if (length === 0) return 'empty';
  const first = text.charCodeAt(0);
  const signed = first === 0x2d || first === 0x2b;
  let i = signed ? 1 : 0;
  if (i === length) return 'not-an-integer';
  if (length - i > SAFE_DIGITS) return parseLong(text);
  let value = 0;
  for (; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 'not-an-integer';
    value = 10 * value + digit;
  }
  // 0 - value rather than -value: there is no negative zero among amounts.
  return first === 0x2d ? 0 - value : value;
}

function parseLong(text: string): number | bigint | AmountFault {
  if (!/^[+-]?[0-9]+$/.test(text)) return 'not-an-integer';
  // Leading zeros aside, more than 19 digits are out of range; this bounds the work on a hostile cell.
  const digits = text.replace(/^[+-]?0*/, '');
  if (digits.length > 19) return 'out-of-range';
  const magnitude = BigInt(digits === '' ? 0 : digits);
  const value = text.startsWith('-') ? -magnitude : magnitude;
  if (value < INT64_MIN || value > INT64_MAX) return 'out-of-range';
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber + 0 : value;
}

/** @returns the amount with the other sign, a number or a bigint as before. */
export function negate(amount: number | bigint): number | bigint {
  return typeof amount === 'bigint' ? -amount : 0 - amount;
}
