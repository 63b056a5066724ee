import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ErrorCode, ErrorDetails } from '@gpu-bridge/abstractions';
import { CallRefused } from '../routing/call-refused.js';
import type { Abortable } from './abort-watch.js';
import type { OutgoingTransfer } from './chunks/outgoing-transfers.js';
import type { Expiring } from './deadlines.js';
import type { RemoteCall } from './remote-call.js';
import type { ReplyStream } from './reply-stream.js';
import { siloIdOf } from './silo-id.js';

/** Why a call of this silo ends without an answer. */
export interface CallEnder {
  /** The caller wants no answer any more. */
  giveUp(call: OutgoingCall, error: GpuBridgeError): void;
}

/** A call of this silo that has no answer yet, or one whose stream has not ended. */
export class OutgoingCall implements Expiring, Abortable {
  /** While the call itself is on its way in chunks. */
  transfer: OutgoingTransfer | undefined;
  stream: ReplyStream | undefined;
  readonly deadlineNs: bigint | undefined;

  constructor(
    readonly id: number,
    readonly to: string,
    private readonly call: RemoteCall,
    readonly signals: readonly AbortSignal[],
    readonly startedMs: number,
    readonly resolve: (value: unknown) => void,
    readonly reject: (error: unknown) => void,
    private readonly ender: CallEnder,
  ) {
    this.deadlineNs = call.request.deadlineNs;
  }

  expire(): void {
    this.ender.giveUp(this, deadlineExceeded(this.call));
  }

  cancel(): void {
    this.ender.giveUp(this, cancelled(this.call));
  }

  outcomeUnknown(reason: string): GpuBridgeError {
    const { grain, method } = this.call;
    const details = { grain: `${grain.type}/${grain.key}`, method, siloId: siloIdOf(this.to) };
    return new GpuBridgeError('OUTCOME_UNKNOWN', details, `${nameOf(this.call)} may have run or not: ${reason}`);
  }

  unreachable(reason: string): CallRefused {
    const siloId = siloIdOf(this.to);
    return refused('SILO_UNREACHABLE', { siloId, reason }, `silo ${siloId} cannot be reached: ${reason}`);
  }

  busy(retryAfterNs: bigint): CallRefused {
    const siloId = siloIdOf(this.to);
    return refused('SILO_BUSY', { siloId, retryAfterNs }, `silo ${siloId} takes no more messages`);
  }
}

export function cancelled(call: RemoteCall): GpuBridgeError<'CANCELLED'> {
  const what = nameOf(call);
  return new GpuBridgeError('CANCELLED', { what }, `${what} was cancelled`);
}

export function deadlineExceeded(call: RemoteCall): GpuBridgeError<'DEADLINE_EXCEEDED'> {
  const what = nameOf(call);
  const deadlineNs = call.request.deadlineNs ?? 0n;
  return new GpuBridgeError('DEADLINE_EXCEEDED', { what, deadlineNs }, `the deadline of ${what} has passed`);
}

export function refused<C extends ErrorCode>(code: C, details: ErrorDetails[C], message: string): CallRefused {
  return new CallRefused(new GpuBridgeError<ErrorCode>(code, details, message));
}

function nameOf({ grain, method }: RemoteCall): string {
  return `call ${grain.type}/${grain.key}.${method}`;
}
