import { GpuBridgeError, RETRY_ADVICE } from '@gpu-bridge/abstractions';
import type { ErrorCode, ErrorDetails } from '@gpu-bridge/abstractions';
import { CallRefused } from '../routing/call-refused.js';
import { decodeValue, encodeValue } from './codec.js';
import { expectFrame } from './message-invalid.js';

/** An error that carries more tells less: what is longer is cut, or replaced by what it is. */
const MAX_TEXT_LENGTH = 8 * 1024;
const MAX_DETAILS_BYTES = 16 * 1024;

/** An error as plain data: ours with code and details, any other with its name, message and stack, as text. */
export function packError(error: unknown): unknown[] {
  try {
    return pack(error);
  } catch {
    // Its own accessors threw.
    return [false, null, 'an error that cannot be told', { name: 'Error' }];
  }
}

function pack(error: unknown): unknown[] {
  const refused = error instanceof CallRefused;
  const cause = refused ? error.reason : error;
  if (GpuBridgeError.is(cause)) {
    const message = cause.message.startsWith(`${cause.code}: `)
      ? cause.message.slice(cause.code.length + 2)
      : cause.message;
    return [refused, cause.code, text(message), plainDetails(cause.details)];
  }
  if (cause instanceof Error)
    return [refused, null, text(cause.message), { name: text(cause.name), stack: text(cause.stack) }];
  return [
    refused,
    null,
    text(typeof cause === 'string' ? cause : 'a value that is no Error was thrown'),
    { name: 'Error' },
  ];
}

/**
 * @param from - the silo that it happened on.
 * @throws GpuBridgeError `MESSAGE_INVALID` for what {@link packError} never makes.
 */
export function unpackError(packed: unknown, from: string): Error {
  expectFrame(Array.isArray(packed) && packed.length === 4, 'an error of other fields');
  const [refused, code, message, details] = packed as unknown[];
  expectFrame(typeof refused === 'boolean' && typeof message === 'string', 'an error without a message');
  expectFrame(code === null || typeof code === 'string', 'an error code that is no text');
  expectFrame(isRecord(details), 'error details that are no object');
  const error = restore(code, message, details, from);
  return refused && GpuBridgeError.is(error) ? new CallRefused(error) : error;
}

function restore(code: string | null, message: string, details: Record<string, unknown>, from: string): Error {
  if (code !== null && isCode(code)) {
    // Which fields a code has is known to the compiler only; that they are plain data has been seen to.
    return new GpuBridgeError(code, details as unknown as ErrorDetails[ErrorCode], message);
  }
  // A code of a newer version: still an error, and one that says what it is.
  if (code !== null) return named(new Error(`${code}: ${message}`, { cause: details }), 'GpuBridgeError');
  const { name, stack } = details;
  const cause = typeof stack === 'string' && stack !== '' ? `on ${from}: ${stack}` : `on ${from}`;
  return named(new Error(message, { cause }), typeof name === 'string' ? name : 'Error');
}

function named(error: Error, name: string): Error {
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  return error;
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(RETRY_ADVICE, code);
}

/** What a caller was told about may be anything, also what cannot travel or is too much to. */
function plainDetails(details: object): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(details)) {
    try {
      const bytes = encodeValue(value);
      plain[name] = bytes.byteLength <= MAX_DETAILS_BYTES ? decodeValue(bytes) : summary(value);
    } catch {
      plain[name] = summary(value);
    }
  }
  return plain;
}

function summary(value: unknown): string {
  return text(typeof value === 'string' ? value : Object.prototype.toString.call(value));
}

function text(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.length <= MAX_TEXT_LENGTH ? value : `${value.slice(0, MAX_TEXT_LENGTH)}…`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
