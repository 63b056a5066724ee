import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { RequestContext } from '@gpu-bridge/abstractions';

/** Of calls that carry nothing. */
export const NO_REQUEST: RequestContext = Object.freeze({});

const FIELDS = new Set<string>([
  'tenant',
  'traceparent',
  'tracestate',
  'deadlineNs',
  'signal',
] satisfies (keyof RequestContext)[]);

/** A context that was checked and no longer changes. */
class CheckedRequest implements RequestContext {
  readonly tenant: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly deadlineNs: bigint | undefined;
  readonly signal: AbortSignal | undefined;

  constructor({ tenant, traceparent, tracestate, deadlineNs, signal }: RequestContext) {
    this.tenant = tenant;
    this.traceparent = traceparent;
    this.tracestate = tracestate;
    this.deadlineNs = deadlineNs;
    this.signal = signal;
  }
}

/**
 * @returns what calls may carry: a copy, so that later changes of the caller's object change no call.
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown field or a value that a context cannot have.
 */
export function checkRequest(request: RequestContext): RequestContext {
  if (request === NO_REQUEST || request instanceof CheckedRequest) return request;
  if (typeof request !== 'object' || request === null)
    throw GpuBridgeError.invalidArgument('request', request, 'an object');
  for (const field in request) {
    if (!FIELDS.has(field))
      throw GpuBridgeError.invalidArgument(`request.${field}`, field, `one of ${[...FIELDS].join(', ')}`);
  }
  const checked = new CheckedRequest(request);
  checkText('tenant', checked.tenant, 64);
  // What an unknown caller sent in a header is no reason to fail a call: only the length is checked.
  checkText('traceparent', checked.traceparent, 256);
  checkText('tracestate', checked.tracestate, 4096);
  if (checked.deadlineNs !== undefined && typeof checked.deadlineNs !== 'bigint')
    throw GpuBridgeError.invalidArgument('request.deadlineNs', checked.deadlineNs, 'a bigint');
  if (checked.signal !== undefined && !(checked.signal instanceof AbortSignal))
    throw GpuBridgeError.invalidArgument('request.signal', checked.signal, 'an AbortSignal');
  return checked;
}

function checkText(field: keyof RequestContext, value: unknown, maxLength: number): void {
  if (value === undefined || (typeof value === 'string' && value.length >= 1 && value.length <= maxLength)) return;
  throw GpuBridgeError.invalidArgument(`request.${field}`, value, `a string of 1..${maxLength} characters`);
}
