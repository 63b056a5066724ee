import type { GrainCall, GrainCallFilter, RequestContext } from '@gpu-bridge/abstractions';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { SCOPE, activeContext, fail, headersOf, parentOf } from './trace-context.js';

/**
 * A span around every grain call: `outgoing` where it is made, below the span that its request names or else the one that the
 * application has active; `incoming` where the grain is, below the outgoing one. What comes in without a trace begins none.
 */
export class CallTracing implements GrainCallFilter {
  private readonly tracer = trace.getTracer(SCOPE);
  private readonly kind: SpanKind;

  constructor(
    readonly direction: GrainCallFilter['direction'],
    private readonly siloId: string,
  ) {
    this.kind = direction === 'outgoing' ? SpanKind.CLIENT : SpanKind.SERVER;
  }

  invoke(call: GrainCall, next: (request?: RequestContext) => Promise<unknown>): Promise<unknown> {
    const parent = parentOf(call.request) ?? (this.direction === 'outgoing' ? activeContext() : undefined);
    return parent === undefined ? next() : this.trace(call, next, parent);
  }

  private async trace(
    { grain: { type, key }, method, request }: GrainCall,
    next: (request: RequestContext) => Promise<unknown>,
    parent: Context,
  ): Promise<unknown> {
    const attributes = {
      'rpc.system': 'gpu_bridge',
      'rpc.service': type,
      'rpc.method': method,
      'gpu_bridge.grain.key': key,
      'gpu_bridge.silo.id': this.siloId,
    };
    const span = this.tracer.startSpan(`${type}/${method}`, { kind: this.kind, attributes }, parent);
    try {
      const headers = headersOf(span);
      return await next(headers === undefined ? request : { ...request, ...headers });
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }
}
