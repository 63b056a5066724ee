import { describe, expect, it } from 'vitest';
import { GpuBridgeError } from '../errors/gpu-bridge-error.js';
import { checkHints } from './execution-hints.js';
import type { GpuExecutionHints } from './execution-hints.js';

function fieldRefused(hints: unknown): string | undefined {
  try {
    checkHints(hints as GpuExecutionHints);
    return undefined;
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error.details.field;
    throw error;
  }
}

describe('checkHints', () => {
  it.each<GpuExecutionHints>([
    {},
    { maxMicroBatch: 1 },
    { maxMicroBatch: 2 ** 24, executionMode: 'auto', deviceType: 'gpu', priority: 'low' },
    { deadlineNs: 0n, tenant: 't', epoch: 'e'.repeat(64), preferredDevice: 'cpu:0' },
    { deadlineNs: 2n ** 64n - 1n, priority: undefined },
  ])('accepts %o', (hints) => {
    expect(fieldRefused(hints)).toBeUndefined();
  });

  const absurd: Record<string, readonly unknown[]> = {
    preferredDevice: ['', 'x'.repeat(65), 0, null, {}, ['cpu:0']],
    deviceType: ['GPU', 'fpga', '', 1, null, ['gpu']],
    priority: ['urgent', 'High', 0, null, 'toString'],
    maxMicroBatch: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 24 + 1, '8', 8n, null],
    executionMode: ['fast,persistent', '', 2, null],
    deadlineNs: [0, 5, -1n, 2n ** 64n, '5', Number.NaN, null, new Date(0)],
    tenant: ['', 'x'.repeat(65), 7, null],
    epoch: ['', 'x'.repeat(65), 1n, null],
  };
  it.each(Object.entries(absurd).flatMap(([field, values]) => values.map((value) => [field, value] as const)))(
    'refuses %s: %o',
    (field, value) => {
      expect(fieldRefused({ [field]: value })).toBe(`hints.${field}`);
    },
  );

  it('refuses unknown fields, inherited ones too, and what is no object', () => {
    expect(fieldRefused({ maxBatch: 5 })).toBe('hints.maxBatch');
    expect(fieldRefused(Object.create({ maxBatch: 5 }))).toBe('hints.maxBatch');
    for (const hints of [null, 'fast', 3, true, []]) expect(fieldRefused(hints)).toBe('hints');
  });
});
