import type { Clock, RequestContext } from '@gpu-bridge/abstractions';
import { decodeValue, encodeShared } from './codec.js';
import type { ValueReader, ValueWriter } from './codec.js';
import { expectFrame } from './message-invalid.js';
import type { RemoteCall } from './remote-call.js';

/** What a CALL frame says. */
export interface ReceivedCall {
  readonly call: RemoteCall;
  /** Items of a streaming reply that the caller takes before it asks for more. */
  readonly streamWindow: number;
}

/** Signals that a served call may get; each is made when it is asked for. */
export interface CallSignals {
  readonly own: AbortSignal;
  /** Whether an argument has asked for it. */
  readonly hasOwn: boolean;
  /** Shared by all calls of one caller: a signal of its own costs more than the rest of a small call. */
  readonly ofCaller: AbortSignal;
}

const MAX_STREAM_WINDOW = 1024;
const MAX_TIME_LEFT_NS = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws GpuBridgeError `INVALID_ARGUMENT` naming the argument that cannot travel. */
export function encodeCall(call: RemoteCall, streamWindow: number, clock: Clock, writer: ValueWriter): Uint8Array {
  const { grain, method, args, request, fencingToken, placed } = call;
  const { tenant = null, traceparent = null, tracestate = null, deadlineNs } = request;
  const timeLeftNs = deadlineNs === undefined ? null : Number(min(deadlineNs - clock.nowNs(), MAX_TIME_LEFT_NS));
  const target = [grain.type, grain.key, method, fencingToken, placed, streamWindow, request.signal !== undefined];
  return encodeShared([...target, timeLeftNs, tenant, traceparent, tracestate], args, 'args', writer);
}

/**
 * @param signals - of the served call: its own where its caller may cancel it, else the one of its caller.
 * @throws GpuBridgeError `MESSAGE_INVALID`
 */
export function decodeCall(body: Uint8Array, signals: CallSignals, clock: Clock, reader: ValueReader): ReceivedCall {
  const fields = decodeValue(body, reader);
  expectFrame(Array.isArray(fields) && fields.length === 12, 'a call of other fields');
  const [args, type, key, method, fencingToken, placed, streamWindow, cancellable, timeLeftNs, ...texts] =
    fields as unknown[];
  expectFrame(Array.isArray(args), 'arguments that are no array');
  expectFrame(isText(type) && typeof key === 'string' && isText(method), 'no grain, or no method');
  expectFrame(isCount(fencingToken, Number.MAX_SAFE_INTEGER), 'a fencing token that is none');
  expectFrame(typeof placed === 'boolean' && typeof cancellable === 'boolean', 'a flag that is none');
  expectFrame(isCount(streamWindow, MAX_STREAM_WINDOW) && streamWindow > 0, 'a window that is none');
  expectFrame(timeLeftNs === null || Number.isSafeInteger(timeLeftNs), 'a time left that is none');
  const request: { -readonly [K in keyof RequestContext]: RequestContext[K] } = {
    signal: cancellable || signals.hasOwn ? signals.own : signals.ofCaller,
  };
  if (timeLeftNs !== null) request.deadlineNs = clock.nowNs() + BigInt(timeLeftNs as number);
  TEXTS.forEach(({ name, maxLength }, i) => {
    const text = texts[i];
    if (text === null) return;
    expectFrame(isText(text) && text.length <= maxLength, `a ${name} that is none`);
    request[name] = text;
  });
  return { call: { grain: { type, key }, method, args, request, fencingToken, placed }, streamWindow };
}

const TEXTS = [
  { name: 'tenant', maxLength: 64 },
  { name: 'traceparent', maxLength: 256 },
  { name: 'tracestate', maxLength: 4096 },
] as const;

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown, limit: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= limit;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
