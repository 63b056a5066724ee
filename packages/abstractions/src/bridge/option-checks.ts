import { GpuBridgeError } from '../errors/gpu-bridge-error.js';

/** Checks of single options; each throws `INVALID_ARGUMENT` with the field, the value and what was allowed. */

/** No options but these. */
export function checkFields(field: string, value: object, allowed: readonly string[]): void {
  checkPlainObject(field, value);
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key))
      throw GpuBridgeError.invalidArgument(`${field}.${key}`, key, `one of ${allowed.join(', ')}`);
  }
}

export function checkPlainObject(field: string, value: unknown): void {
  const ok = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!ok) throw GpuBridgeError.invalidArgument(field, value, 'an object');
}

export function checkInteger(field: string, value: unknown, low: number, high: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw GpuBridgeError.invalidArgument(field, value, `an integer of ${low}..${high}`);
}

/** @returns undefined for Infinity: no limit. */
export function limitAboveZero(field: string, value: unknown): number | undefined {
  if (typeof value === 'number' && value > 0) return value === Infinity ? undefined : value;
  throw GpuBridgeError.invalidArgument(field, value, 'a number above 0, or Infinity for no limit');
}

export function optionalText(field: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw GpuBridgeError.invalidArgument(field, value, 'a string that is not empty');
}
