import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { ROOT_CONTEXT, SpanStatusCode, context, createTraceState, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';

/** Of every tracer and meter here. */
export const SCOPE = '@gpu-bridge/runtime';

/** What travels between spans, as the headers of these names. */
export interface TraceHeaders {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The span that a trace context names, as a parent; undefined for what is none. Only what is passed on explicitly counts: what
 * is active in asynchronous storage is not looked for, since on Node 20 that makes every promise of the process dearer.
 */
export function parentOf({ traceparent, tracestate }: TraceHeaders): Context | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  const span = {
    ...{ traceId, spanId, isRemote: true, traceFlags: Number.parseInt(flags, 16) },
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  };
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : undefined;
}

/** Where a trace begins: below the span that the application has active, if it keeps one. */
export function activeContext(): Context {
  return context.active();
}

/** The span as the parent of others; undefined of a tracer that nobody listens to. */
export function headersOf(span: Span): TraceHeaders | undefined {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  if (!isSpanContextValid({ traceId, spanId, traceFlags })) return undefined;
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** Notes on a span why what it stands for failed. */
export function fail(span: Span, error: unknown): void {
  span.setAttribute(
    'error.type',
    GpuBridgeError.is(error) ? error.code : error instanceof Error ? error.name : 'unknown',
  );
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}
