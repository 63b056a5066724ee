import { describe, expect, it, vi } from 'vitest';
import { RETRY_ADVICE } from './error-codes.js';
import { GpuBridgeError } from './gpu-bridge-error.js';
import { InvariantViolation, invariant } from './invariant.js';
import type { ErrorCode } from './error-codes.js';

const full = { deviceId: 'cpu:0', tenant: 'default', retryAfterNs: 5n };

describe('GpuBridgeError', () => {
  it('names its code, carries its details and keeps its cause', () => {
    const cause = new Error('driver');
    const error = new GpuBridgeError('QUEUE_FULL', full, 'no room', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('QUEUE_FULL: no room');
    expect(error.name).toBe('GpuBridgeError');
    expect(error.details.retryAfterNs).toBe(5n);
    expect(error.cause).toBe(cause);
  });

  it('is recognised by code, and nothing else is', () => {
    const error: unknown = new GpuBridgeError('QUEUE_FULL', full, 'no room');
    expect(GpuBridgeError.is(error)).toBe(true);
    expect(GpuBridgeError.is(error, 'QUEUE_FULL')).toBe(true);
    expect(GpuBridgeError.is(error, 'DEVICE_LOST')).toBe(false);
    for (const other of [undefined, null, 'QUEUE_FULL', new Error('QUEUE_FULL'), { code: 'QUEUE_FULL' }]) {
      expect(GpuBridgeError.is(other)).toBe(false);
    }
  });

  it('is recognised across two installed copies, where instanceof fails', async () => {
    vi.resetModules();
    const copy = await import('./gpu-bridge-error.js');
    expect(copy.GpuBridgeError).not.toBe(GpuBridgeError);
    const error = new copy.GpuBridgeError('QUEUE_FULL', full, 'no room');
    expect(error).not.toBeInstanceOf(GpuBridgeError);
    expect(GpuBridgeError.is(error, 'QUEUE_FULL')).toBe(true);
  });

  it('advises about a repetition for every code', () => {
    for (const [code, advice] of Object.entries(RETRY_ADVICE)) {
      expect(['never', 'same-device', 'another-device']).toContain(advice);
      expect(new GpuBridgeError(code as ErrorCode, {} as never, '').retry).toBe(advice);
    }
    expect(RETRY_ADVICE.QUEUE_FULL).toBe('same-device');
    expect(RETRY_ADVICE.DEVICE_LOST).toBe('another-device');
    expect(RETRY_ADVICE.INVALID_ARGUMENT).toBe('never');
  });

  it.each([
    ['x'.repeat(100), `got "${'x'.repeat(57)}..."`],
    [12n, 'got 12n'],
    [() => 1, 'got a function'],
    [new Float32Array(2), 'got Float32Array(8 bytes)'],
    [[1, 2, 3], 'got an array of 3'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, 'got an object {a, b, c, d, e}'],
    [null, 'got null'],
    [Number.NaN, 'got NaN'],
    [Symbol('s'), 'got Symbol(s)'],
  ])('describes a wrong value briefly: %o', (value, text) => {
    const error = GpuBridgeError.invalidArgument('field', value, 'another value');
    expect(error.message).toBe(`INVALID_ARGUMENT: field must be another value, ${text}`);
    expect(error.details).toEqual({ field: 'field', value, expected: 'another value' });
  });
});

describe('invariant', () => {
  it('throws its statement when it does not hold, and is not one of our conditions', () => {
    expect(() => invariant(true, 'holds')).not.toThrow();
    expect(() => invariant(false, 'outstanding ≤ slots')).toThrow('invariant broken: outstanding ≤ slots');
    expect(GpuBridgeError.is(new InvariantViolation('x'))).toBe(false);
  });
});
