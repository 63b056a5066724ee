import { RETRY_ADVICE } from './error-codes.js';
import type { ErrorCode, ErrorDetails, RetryAdvice } from './error-codes.js';

const BRAND = Symbol.for('@gpu-bridge/error');

/**
 * The one error class. `code` names the condition, `details` are typed by it, `retry` says what repeating can achieve.
 *
 * ```ts
 * if (GpuBridgeError.is(e, 'QUEUE_FULL')) await clock.sleepNs(e.details.retryAfterNs);
 * ```
 */
export class GpuBridgeError<C extends ErrorCode = ErrorCode> extends Error {
  readonly [BRAND] = true;
  readonly retry: RetryAdvice;

  constructor(
    readonly code: C,
    readonly details: ErrorDetails[C],
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${message}`, options);
    this.name = 'GpuBridgeError';
    this.retry = RETRY_ADVICE[code];
  }

  /** Whether `e` is one of ours, of this code if given. Tests a brand, since two installed copies defeat `instanceof`. */
  static is<C extends ErrorCode = ErrorCode>(e: unknown, code?: C): e is GpuBridgeError<C> {
    if (typeof e !== 'object' || e === null || !(BRAND in e)) return false;
    return code === undefined || (e as GpuBridgeError).code === code;
  }

  /** Misuse, found before anything was queued. */
  static invalidArgument(field: string, value: unknown, expected: string): GpuBridgeError<'INVALID_ARGUMENT'> {
    return new GpuBridgeError(
      'INVALID_ARGUMENT',
      { field, value, expected },
      `${field} must be ${expected}, got ${describe(value)}`,
    );
  }
}

/** Short printable form of any value, for error messages. */
function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object {${Object.keys(value).slice(0, 5).join(', ')}}`;
  return String(value);
}
