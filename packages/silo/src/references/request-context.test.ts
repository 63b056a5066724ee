import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { RequestContext } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { NO_REQUEST, TurnRequest, checkRequest } from './request-context.js';

describe('checkRequest', () => {
  test('takes every field, at both ends of its range', () => {
    const signal = new AbortController().signal;
    for (const request of [
      {},
      { tenant: 'a', traceparent: '00-x', tracestate: 's', deadlineNs: 0n, signal },
      { tenant: 'a'.repeat(64), traceparent: 'a'.repeat(256), tracestate: 'a'.repeat(4096), deadlineNs: -1n },
      { tenant: undefined, signal: undefined },
    ])
      expect(checkRequest(request)).toEqual(request);
  });

  test.each([
    ['request', null],
    ['request', 'tenant'],
    ['request.tenent', { tenent: 'a' }],
    ['request.tenant', { tenant: '' }],
    ['request.tenant', { tenant: 'a'.repeat(65) }],
    ['request.tenant', { tenant: 7 }],
    ['request.traceparent', { traceparent: 'a'.repeat(257) }],
    ['request.tracestate', { tracestate: 'a'.repeat(4097) }],
    ['request.deadlineNs', { deadlineNs: 5 }],
    ['request.signal', { signal: {} }],
  ])('refuses a bad %s', (field, request) => {
    try {
      checkRequest(request as RequestContext);
    } catch (error) {
      if (!GpuBridgeError.is(error, 'INVALID_ARGUMENT')) throw error;
      expect(error.details.field).toBe(field);
      return;
    }
    throw new Error('it was taken');
  });

  test('copies once: later changes of the object change no call', () => {
    const request = { tenant: 'a' };
    const checked = checkRequest(request);
    request.tenant = 'b';
    expect(checked.tenant).toBe('a');
    expect(checkRequest(checked)).toBe(checked);
    expect(checkRequest(NO_REQUEST)).toBe(NO_REQUEST);
  });

  test('passes on what a turn was sent, and asks for no signal', () => {
    const sent = checkRequest({ tenant: 'a', deadlineNs: 5n });
    const turn = new TurnRequest(sent, () => {
      throw new Error('asked for');
    });
    expect(checkRequest(turn)).toBe(sent);
  });
});
