import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { RequestContext } from '@gpu-bridge/abstractions';

/** Of calls that carry nothing. */
export const NO_REQUEST: RequestContext = Object.freeze({});

/** By name, so that a field added to the type and forgotten here does not compile. */
const FIELDS: Readonly<Record<keyof RequestContext, true>> = {
  tenant: true,
  traceparent: true,
  tracestate: true,
  deadlineNs: true,
  signal: true,
};

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
  if (request instanceof TurnRequest) return checkRequest(TurnRequest.sent(request));
  if (typeof request !== 'object' || request === null)
    throw GpuBridgeError.invalidArgument('request', request, 'an object');
  for (const field in request) {
    if (!Object.hasOwn(FIELDS, field))
      throw GpuBridgeError.invalidArgument(`request.${field}`, field, `one of ${Object.keys(FIELDS).join(', ')}`);
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

/**
 * The request of a turn that has a deadline: its signal aborts then too, and is made only when it is asked for. Its
 * fields are its own, so that a grain can copy it with a spread.
 */
export class TurnRequest implements RequestContext {
  declare readonly tenant?: string;
  declare readonly traceparent?: string;
  declare readonly tracestate?: string;
  declare readonly deadlineNs?: bigint;
  declare readonly signal: AbortSignal;
  /** What the caller sent. Passed on, it is this that travels: whoever is called next watches the same limits itself. */
  readonly #sent: RequestContext;

  constructor(sent: RequestContext, signal: () => AbortSignal) {
    this.#sent = sent;
    Object.assign(this, sent);
    Object.defineProperty(this, 'signal', { enumerable: true, get: signal });
  }

  static sent(request: TurnRequest): RequestContext {
    return request.#sent;
  }
}
