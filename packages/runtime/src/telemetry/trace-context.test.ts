import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { fail, headersOf, parentOf } from './trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${SPAN}-01`;

const spanOf = (traceparent: string, tracestate?: string): Span =>
  trace.getSpan(parentOf({ traceparent, tracestate })!)!;

describe('a trace context', () => {
  it('names the parent of a span, with its flags and state', () => {
    expect(spanOf(VALID, 'a=1').spanContext()).toMatchObject({ traceId: TRACE, spanId: SPAN, traceFlags: 1 });
    expect(headersOf(spanOf(VALID, 'a=1'))).toEqual({ traceparent: VALID, tracestate: 'a=1' });
    expect(headersOf(spanOf(VALID))).toEqual({ traceparent: VALID });
    expect(parentOf({ traceparent: `cc-${TRACE}-${SPAN}-00-what-a-later-version-adds` })).toBeDefined();
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `00-${TRACE}-${SPAN}`,
    `${VALID}-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `x${VALID}`,
  ])('is ignored where it is none: %s', (traceparent) => {
    expect(parentOf({ traceparent })).toBeUndefined();
  });
});

describe('a span that failed', () => {
  it('has the code of a condition, the name of another error', () => {
    const said: unknown[] = [];
    const span = {
      setAttribute: (name: string, value: unknown) => said.push([name, value]),
      setStatus: ({ code, message }: { code: SpanStatusCode; message: string }) => said.push([code, message]),
    } as unknown as Span;
    fail(span, new GpuBridgeError('DRAINING', { what: 'it' }, 'stops'));
    fail(span, new RangeError('far'));
    fail(span, 'thrown as it is');
    expect(said).toEqual([
      ['error.type', 'DRAINING'],
      [SpanStatusCode.ERROR, 'DRAINING: stops'],
      ['error.type', 'RangeError'],
      [SpanStatusCode.ERROR, 'far'],
      ['error.type', 'unknown'],
      [SpanStatusCode.ERROR, 'thrown as it is'],
    ]);
  });
});
